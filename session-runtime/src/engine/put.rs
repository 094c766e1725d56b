//! [`Put`]: a changed session to store in place of the current one.

use super::{
    Engine,
    adopt::{Adopted, Renewal},
    codec::OpenRecord,
    presented::Found,
};
use crate::{
    clock::Timestamp,
    id::Verifier,
    record::{Lifetime, Previous, Record},
};

/// A changed session to store in place of the current one.
pub(super) struct Put {
    pub(super) record: Record,
    pub(super) adopted: Adopted,
    /// The user's own session, if their impersonation ends: `record` is then made from it. Otherwise `record` is made from the
    /// session as the request sees it.
    pub(super) own: Option<Box<OpenRecord>>,
}

impl Put {
    pub(super) fn renew(
        &mut self,
        engine: &Engine,
        found: &Found,
        verifier: &Verifier,
        previous: Previous,
        now: Timestamp,
    ) {
        let digest = engine.digest(found.selector, verifier);
        self.record.previous = Some(previous.into());
        self.record.verifier = digest;
        self.record.renewed_at = now;
        self.adopted.renewal = Some(Renewal { verifier: verifier.clone(), digest });
    }

    pub(super) fn restart(&mut self, lifetime: Lifetime) {
        self.record.set_lifetime(lifetime);
        self.adopted.restarted = true;
    }
}
