//! [`Expirations`]: the sessions whose expiry was reported, so that each is reported once.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use crate::{clock::Timestamp, key::Key};

/// How many sessions are remembered.
const SLOTS: usize = 1024;

/// The sessions whose expiry this process reported last. An expired session is not removed when it is reported, but stays in the
/// store until the cleaner removes it: if the clock has jumped ahead, the session is live again once the clock is set right (S19).
///
/// Each session has one slot, by its key. If another session takes the slot meanwhile, and the browser of the first session sends
/// its cookie again, that session's expiry is reported twice. So the memory is bounded, whatever cookies strangers send.
#[derive(Default)]
pub(crate) struct Expirations(OnceLock<Box<[AtomicU64]>>);

impl Expirations {
    /// Notes that the session has expired. Returns whether that is new. A session that got another deadline can expire again.
    pub(super) fn note(&self, key: &Key, deadline: Timestamp) -> bool {
        let slots = self.0.get_or_init(|| (0..SLOTS).map(|_| AtomicU64::new(0)).collect());
        let digest = key.digest().first_chunk().copied().map_or(0, u64::from_le_bytes);
        let slot = usize::try_from(digest % SLOTS as u64).ok().and_then(|slot| slots.get(slot));
        // Never zero, which means an empty slot.
        let mark = (digest ^ deadline.as_millis().rotate_left(16)) | 1;
        slot.is_none_or(|slot| slot.swap(mark, Ordering::Relaxed) != mark)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_expiry_is_new_once() {
        let (expirations, now) = (Expirations::default(), Timestamp::from_millis(1_800_000_000_000));
        let later = Timestamp::from_millis(now.as_millis() + 1);
        let keys: Vec<_> = (0..3).map(|_| Key::random().unwrap()).collect();
        for key in &keys {
            assert!(expirations.note(key, now) && !expirations.note(key, now));
            assert!(expirations.note(key, later) && !expirations.note(key, later));
        }
    }
}
