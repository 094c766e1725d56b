//! Reloads a request's session for handles that outlive their response: streams, sockets and tasks.

use std::sync::Arc;

use super::{
    Engine, Request,
    backend::Backend,
    presented::{Found, Lost, Presented},
    read::Held,
};
use crate::{
    clock::Timestamp,
    error::{Error, Kind},
};

impl Request {
    /// Reloads the session, with the changes of other requests. Does not move a deadline.
    ///
    /// # Errors
    /// [`Error::is_gone`] or [`Error::is_moved`] if the session is lost to this request; [`Error::is_unavailable`] if the store
    /// does not answer.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let _gate = self.enter().await;
        let found = {
            let state = self.state();
            match &state.presented {
                Some(Presented::Found(found)) => found.clone(),
                Some(Presented::Lost(lost)) if !state.pending.signs_in() => return Err((*lost).into()),
                Some(Presented::Unknown) => return Err(Error::new(Kind::Unavailable)),
                _ => return Ok(()),
            }
        };
        match self.engine.reload(found, self.now()).await? {
            Ok(found) => {
                self.state().presented = Some(Presented::Found(found));
                Ok(())
            }
            Err(lost) => {
                self.lose(lost);
                Err(lost.into())
            }
        }
    }
}

impl Engine {
    /// Returns the current state of a session, or how it was lost.
    async fn reload(&self, mut found: Found, now: Timestamp) -> Result<Result<Found, Lost>, Error> {
        if let Backend::Cookie(client) = &self.backend {
            let revoked = self.revocation(client, found.selector).await?;
            let is_live = found.record().is_live(now);
            return Ok(match revoked {
                Some(revoked) => Err(revoked.into()),
                None if is_live => Ok(found),
                None => Err(Lost::Gone),
            });
        }
        let key = self.scope.session(found.selector);
        let stored = self.load(&key, now).await?;
        Ok(match self.read(stored.as_ref(), now) {
            Held::Live(raw) if raw.generation == found.record().generation => {
                if !Arc::ptr_eq(found.opened.raw(), &raw) {
                    found.opened = self.open_record(&key, raw, now);
                }
                found.stored = stored;
                Ok(found)
            }
            Held::Live(raw) => Err(Lost::to_another_generation(&raw)),
            Held::Ended(_) | Held::Newer | Held::Nothing => Err(Lost::Gone),
        })
    }
}
