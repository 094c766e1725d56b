//! [`Nonces`]: the nonces of a record's last commits. They are stored inline, since every write copies them.

use std::fmt;

use super::NONCES;
use crate::id::Nonce;

/// The nonces of the last commits, oldest first.
#[derive(Clone, Copy)]
pub(crate) struct Nonces {
    nonces: [Nonce; NONCES],
    count: u8,
}

impl Nonces {
    pub(crate) const NONE: Self = Self { nonces: [Nonce(0); NONCES], count: 0 };

    pub(crate) fn as_slice(&self) -> &[Nonce] {
        self.nonces.get(..self.count.into()).unwrap_or_default()
    }

    /// Adds a nonce. If there are too many, drops the oldest.
    pub(crate) fn push(&mut self, nonce: Nonce) {
        match self.nonces.get_mut(usize::from(self.count)) {
            Some(free) => {
                *free = nonce;
                self.count += 1;
            }
            None => {
                let [oldest, ..] = &mut self.nonces;
                *oldest = nonce;
                self.nonces.rotate_left(1);
            }
        }
    }
}

impl FromIterator<Nonce> for Nonces {
    fn from_iter<I: IntoIterator<Item = Nonce>>(all: I) -> Self {
        let mut nonces = Self::NONE;
        all.into_iter().for_each(|nonce| nonces.push(nonce));
        nonces
    }
}

impl PartialEq for Nonces {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}
