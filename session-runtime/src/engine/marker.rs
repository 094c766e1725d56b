//! Detects two applications that share a store by mistake (F2). Each application stores the ids of its keys under its scope, and
//! warns if it finds ids of other keys there.

use std::time::Duration;

use super::Engine;
use crate::{
    error::Error,
    value::{Damage, Decoded, Marker, Swapped, Value, Versioned},
};

/// How long a marker stays: as long as the longest session.
const STAYS: Duration = Duration::from_secs(400 * 24 * 60 * 60);

impl Engine {
    /// Stores the ids of this application's keys, and warns if another application has stored the ids of other keys.
    ///
    /// # Errors
    /// If the store does not answer.
    pub(crate) async fn leave_marker(&self) -> Result<(), Error> {
        let (key, ours) = (self.scope.marker(), self.signer.key_ids());
        let mut stored = self.load(&key, self.clock.now()).await?;
        for _ in 0..8 {
            let now = self.clock.now();
            let held = stored.as_ref().map(Versioned::value).filter(|value| !value.expires_at().passed(now));
            let theirs = match held.map(|value| self.decode(value)) {
                Some(Ok(Decoded::Marker(marker))) => marker.keys.clone(),
                Some(Err(Damage::Newer)) => return Ok(()),
                _ => Vec::new(),
            };
            if !theirs.is_empty() && !theirs.iter().any(|id| ours.contains(id)) {
                tracing::warn!(
                    target: "session_runtime",
                    sessions = self.name,
                    "the store holds sessions of the same application and kind that were signed with other keys: if another \
                     application or another environment uses this store, give each its own `app` or prefix; if all keys were \
                     replaced at once, all visitors are signed out"
                );
            }
            let fresh = held.is_some_and(|value| value.expires_at().since(now) > STAYS / 2);
            if fresh && theirs == ours {
                return Ok(());
            }
            let marker = Value::marker(self.scope, Marker { keys: ours.clone() }, now + STAYS);
            match self.swap(&key, stored.as_ref(), Some(&marker), now, None).await? {
                Swapped::Done(_) => return Ok(()),
                Swapped::Stale(newer) => stored = newer,
            }
        }
        Ok(())
    }
}
