//! Sends a plan to the store, and does to the request what the answer calls for: to its copy of the record, and to the cookie
//! that the response is to carry.

use std::{sync::Arc, time::Duration};

use super::{
    Engine, Home, Request,
    commit::{CookieChange, Outcome},
    open::{Found, Lost, Presented},
    plan::Plan,
    request::Inner,
    work::Work,
};
use crate::{
    clock::Timestamp,
    error::Error,
    event::Event,
    id::{Key, Selector, Verifier},
    record::{Applied, Change, Record},
};

impl Request {
    pub(super) async fn send(&self, work: &Work) -> Result<Option<Outcome>, Error> {
        if let Home::Cookie(client) = &self.engine.home {
            return self.keep(client, work).await;
        }
        match (&work.plan, &work.key) {
            (Plan::End { change }, Some(key)) => self.end(key, change, work).await.map(Some),
            (Plan::Create { change, selector, verifier, ends }, key) => {
                if let (Some(ending), Some(key)) = (ends, key) {
                    let ended = self.end(key, ending, work).await?;
                    if ended != Outcome::Applied && change.sign.is_none() {
                        return Ok(Some(ended));
                    }
                }
                self.create(change, *selector, verifier, work.at).await
            }
            (Plan::Update { change, renewal }, Some(key)) => self.update(key, change, renewal.as_ref(), work.at).await,
            _ => Ok(Some(Outcome::Gone)),
        }
    }

    /// Ends a session, unless its privilege has changed since: a request from before a sign-in must not undo that.
    async fn end(&self, key: &Key, change: &Change, work: &Work) -> Result<Outcome, Error> {
        match self.engine.end(key, change, work.at).await? {
            Applied::Applied { .. } => {}
            // Perhaps by the first sending, whose answer was lost.
            Applied::Gone if work.resumed => {}
            Applied::Gone => return Ok(self.lose(Lost::Gone)),
            Applied::Moved | Applied::Conflict => return Ok(self.lose(Lost::Moved)),
        }
        self.emit(&Event::Ended);
        let mut inner = self.inner();
        inner.presented = Some(Presented::Nobody);
        inner.cookie = Some(CookieChange::Remove);
        Ok(Outcome::Applied)
    }

    async fn create(
        &self,
        change: &Change,
        selector: Selector,
        verifier: &Verifier,
        now: Timestamp,
    ) -> Result<Option<Outcome>, Error> {
        let Applied::Applied { .. } = self.engine.apply(&selector.key(), change, now).await? else {
            return Ok(None); // a taken key: the next attempt draws another
        };
        self.inner().subject = Some(selector.key());
        self.emit(&Event::Created);
        let mut inner = self.inner();
        if let Some(lifetime) = change.restart {
            let expires_at = lifetime.idle_until.min(lifetime.ends_at);
            let max_age = self.engine.max_age(lifetime.remembered, expires_at, now);
            inner.cookie = Some(CookieChange::Set { token: self.engine.signer.sign(selector, verifier), max_age });
        }
        if !inner.unwatched
            && let Some(record) = change.judge(None, now).write
        {
            let verifier = verifier.clone();
            let (record, sealed) = self.engine.reveal(&selector.key(), record, now);
            let found = Found { selector, verifier, record, sealed, by_current: true, by_current_key: true };
            inner.presented = Some(Presented::Found(found));
        }
        Ok(Some(Outcome::Applied))
    }

    async fn update(
        &self,
        key: &Key,
        change: &Change,
        renewal: Option<&Verifier>,
        now: Timestamp,
    ) -> Result<Option<Outcome>, Error> {
        match self.engine.apply(key, change, now).await? {
            Applied::Applied { renewed } => {
                self.adopt(change, now);
                match renewal {
                    Some(verifier) if renewed => {
                        self.emit(&Event::Renewed);
                        let mut inner = self.inner();
                        if let Some(Presented::Found(found)) = &mut inner.presented {
                            (found.verifier, found.by_current, found.by_current_key) = (verifier.clone(), true, true);
                            inner.cookie = self.engine.cookie_for(found, now);
                        }
                    }
                    // Another request was first to renew. A cookie from here would bring the verifier before back.
                    Some(_) => self.no_longer_current(),
                    None => self.refresh_cookie(Some(change), now),
                }
                Ok(Some(Outcome::Applied))
            }
            Applied::Gone => Ok(Some(self.lose(Lost::Gone))),
            Applied::Moved => Ok(Some(self.lose(Lost::Moved))),
            Applied::Conflict => self.reload(key, change).await,
        }
    }

    /// Loads the record anew after a conflict. `None`: try again.
    pub(super) async fn reload(&self, key: &Key, change: &Change) -> Result<Option<Outcome>, Error> {
        let Some(record) = self.engine.load(key, self.now()).await? else {
            return Ok(Some(self.lose(Lost::Gone)));
        };
        if !change.is_for(&record) {
            return Ok(Some(self.lose(Lost::Moved)));
        }
        self.replace_record(record);
        Ok(None)
    }

    /// Does to our copy of the record what the store did to its own.
    pub(super) fn adopt(&self, change: &Change, now: Timestamp) {
        let mut inner = self.inner();
        let shows = change.renew.is_some() || change.touch.is_some() || change.restart.is_some();
        if inner.unwatched && !shows {
            return; // nobody reads it any more
        }
        if let Some(Presented::Found(found)) = &mut inner.presented {
            found.adopt(&self.engine, change, now);
        }
    }

    fn replace_record(&self, record: Arc<Record>) {
        if let Some(Presented::Found(found)) = &mut self.inner().presented {
            // The clock may have renewed it meanwhile, by another request.
            found.by_current = record.verifier == self.engine.digester.digest(found.selector, &found.verifier);
            (found.record, found.sealed) = self.engine.reveal_loaded(&found.selector.key(), record, self.now());
            // Perhaps that was what another request was in the way of.
            found.forgo_sealing();
        }
    }

    fn no_longer_current(&self) {
        if let Some(Presented::Found(found)) = &mut self.inner().presented {
            found.by_current = false;
        }
    }

    pub(super) fn lose(&self, lost: Lost) -> Outcome {
        let mut inner = self.inner();
        // A cookie that `save` left waiting would now replace a better one, or open nothing.
        (inner.presented, inner.cookie) = (Some(Presented::Lost(lost)), None);
        match lost {
            Lost::Gone => Outcome::Gone,
            Lost::Moved => Outcome::Moved,
        }
    }

    /// Sets the cookie of an unchanged id anew where that is called for: the key ring moved on, the deadline of a
    /// persistent cookie moved, or `remember` changed what kind it is. One that an earlier `save` set gives way: the
    /// record says what is true by now.
    pub(super) fn refresh_cookie(&self, applied: Option<&Change>, now: Timestamp) {
        let mut inner = self.inner();
        let Inner { presented: Some(Presented::Found(found)), cookie, .. } = &mut *inner else { return };
        // A remembered session's deadline stays where it is.
        let touched = applied.is_some_and(|change| change.touch.is_some()) && !found.record.remembered;
        let restarted = applied.is_some_and(|change| change.restart.is_some());
        let shows = restarted || touched && self.engine.is_persistent(found.record.remembered);
        if found.by_current && (shows || !found.by_current_key) {
            *cookie = self.engine.cookie_for(found, now);
        }
    }
}

impl Engine {
    fn is_persistent(&self, remembered: bool) -> bool {
        self.cookie.persistent || remembered
    }

    pub(super) fn max_age(&self, remembered: bool, expires_at: Timestamp, now: Timestamp) -> Option<Duration> {
        self.is_persistent(remembered).then(|| expires_at.since(now))
    }

    /// None: it cannot be made, and the visitor keeps the cookie from before.
    fn cookie_for(&self, found: &Found, now: Timestamp) -> Option<CookieChange> {
        let max_age = self.max_age(found.record.remembered, found.record.expires_at(), now);
        let token = match &self.home {
            Home::Store { .. } => self.signer.sign(found.selector, &found.verifier),
            Home::Cookie(client) => match client.seal_again(found, now) {
                Ok(token) => token,
                Err(error) => {
                    tracing::warn!(target: "session_runtime", %error, "a session could not be sealed under the current key");
                    return None;
                }
            },
        };
        Some(CookieChange::Set { token, max_age })
    }
}
