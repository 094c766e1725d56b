//! Opens a session that is in a cookie, and writes a request's changes to the response's cookie. A revocation in a store keeps
//! earlier cookies from opening the session.

use std::sync::Arc;

use super::Client;
use crate::{
    clock::Timestamp,
    cookie::{Carried, OpenedSession, new_selector},
    engine::{
        CookieChange, Engine, Outcome, Request,
        adopt::Adopted,
        attempt::Attempt,
        commit::Subject,
        deadline::{Deadline, Pace},
        next::{self, Create, Next, next},
        open::GRACE,
        presented::{Found, Lost, Presented},
        put::Put,
    },
    error::{Error, Kind},
    event::{About, Event},
    id::{Digest, Nonce, Selector},
    key::Key,
    meter,
    record::Record,
    value::{Decoded, Revocation, Value, Versioned},
};

impl Engine {
    /// Opens a session that came in a cookie, unless it is revoked.
    pub(in crate::engine) async fn open_carried(
        &self,
        client: &Client,
        opened: &OpenedSession,
        key: &Key,
        now: Timestamp,
    ) -> Result<Presented, Error> {
        let OpenedSession { carried: Carried { selector, record, .. }, current } = opened;
        if !client.is_good(record, now) {
            self.events.emit(&Event::Unknown, About::record(record).with_session(Some(key)));
            return Ok(Presented::Nothing);
        }
        // Boxed because sessions in cookies seldom have a store of revocations: otherwise every request's future would reserve
        // room for it.
        let revocation = match client.revocations() {
            Some(_) => Box::pin(self.revocation(client, *selector)).await?,
            None => None,
        };
        if let Some(Revocation { at, renewed, .. }) = revocation {
            let recently = now.since(at) < GRACE;
            self.events.emit(&Event::Replayed { recently }, About::record(record).with_session(Some(key)));
            return Ok(if renewed && recently { Presented::Lost(Lost::Moved) } else { Presented::Nothing });
        }
        Ok(Presented::Found(self.found_in_cookie(*key, *selector, Arc::clone(record), *current, now)))
    }

    /// Opens a session that came in a cookie, as `open_carried` does, but emits no event. `None` if the session may not be
    /// opened.
    pub(in crate::engine) async fn live_carried(
        &self,
        client: &Client,
        opened: &OpenedSession,
        now: Timestamp,
    ) -> Result<Option<Found>, Error> {
        let OpenedSession { carried: Carried { selector, record, .. }, current } = opened;
        if !client.is_good(record, now) || self.revocation(client, *selector).await?.is_some() {
            return Ok(None);
        }
        Ok(Some(self.found_in_cookie(self.scope.session(*selector), *selector, Arc::clone(record), *current, now)))
    }

    fn found_in_cookie(
        &self,
        key: Key,
        selector: Selector,
        record: Arc<Record>,
        by_current_key: bool,
        now: Timestamp,
    ) -> Found {
        let opened = self.open_record(&key, record, now);
        Found { key, selector, digest: Digest::from([0; 16]), stored: None, opened, by_current_key, is_drawn: false }
    }

    pub(in crate::engine) async fn revocation(
        &self,
        client: &Client,
        selector: Selector,
    ) -> Result<Option<Revocation>, Error> {
        if client.revocations().is_none() {
            return Ok(None);
        }
        let now = self.clock.now();
        let held = self.load(&self.scope.revocation(selector), now).await?;
        self.read_revocation(held.as_ref(), now)
    }

    /// Reads a revocation. A value that cannot be decoded still counts as a revocation: damage must not reopen an ended session.
    pub(in crate::engine) fn read_revocation(
        &self,
        held: Option<&Versioned>,
        now: Timestamp,
    ) -> Result<Option<Revocation>, Error> {
        let Some(value) = held.map(Versioned::value).filter(|value| !value.expires_at().passed(now)) else {
            return Ok(None);
        };
        Ok(Some(match self.decode(value) {
            Ok(Decoded::Revocation(revocation)) => revocation,
            _ => Revocation { nonce: Nonce(0), at: Timestamp::from_millis(0), renewed: false },
        }))
    }

    /// Revokes a session until all cookies that carry it have expired. If another request revoked it first, returns how the
    /// session was lost.
    ///
    /// # Errors
    /// If the store does not answer or is full. The session must then not count as ended.
    async fn revoke(
        &self,
        selector: Selector,
        revocation: Revocation,
        until: Timestamp,
        deadline: &Deadline,
    ) -> Result<Option<Lost>, Error> {
        let key = self.scope.revocation(selector);
        let mut claim = self.claim(&key, None, Pace::Urgent, deadline).await?;
        loop {
            let now = self.clock.now();
            match self.read_revocation(claim.current(), now)? {
                Some(ours) if ours.nonce == revocation.nonce => {
                    claim.confirm().await?;
                    return Ok(None);
                }
                Some(other) => return Ok(Some(other.into())),
                None => {}
            }
            if claim.swap(Some(&Value::revocation(self.scope, revocation, until)), now).await? {
                return Ok(None);
            }
        }
    }
}

impl From<Revocation> for Lost {
    fn from(revocation: Revocation) -> Self {
        if revocation.renewed { Self::Moved } else { Self::Gone }
    }
}

/// A session in the form that the response's cookie carries.
struct Sealed {
    selector: Selector,
    record: Arc<Record>,
    token: String,
}

impl Request {
    /// Applies an attempt to a session in a cookie.
    ///
    /// # Errors
    /// If the session would not fit into its cookies, if the response has been sent and cannot set one, or if the store of
    /// revocations does not answer.
    pub(in crate::engine) async fn carry(
        &self,
        client: &Client,
        attempt: &mut Attempt,
        deadline: &Deadline,
    ) -> Result<Outcome, Error> {
        let found = match self.subject(attempt) {
            Subject::Found(found) => found,
            Subject::Lost(outcome) => return Ok(outcome),
            Subject::Nothing => return self.carry_new(client, attempt),
        };
        let (engine, now) = (self.engine(), self.now());
        let takes_cookie = self.state().phase.takes_cookie();
        let next = next(engine, attempt, &found, takes_cookie, now)?;
        if matches!(next, Next::Nothing) {
            return Ok(self.adopt(attempt, found, Some(Adopted::default()), now));
        }
        let revokes = client.revocations().is_some();
        if !(takes_cookie || matches!(next, Next::End) && revokes) {
            return Err(Error::new(Kind::TooLate { wanted: "a session in a cookie needs one" }));
        }
        let revocation = engine.revocation(client, found.selector).await?;
        if let Some(by_another) = revocation.filter(|revocation| revocation.nonce != attempt.nonce) {
            let outcome = self.lose(by_another.into());
            return if attempt.pending.signs_in() { self.carry_new(client, attempt) } else { Ok(outcome) };
        }
        let before = found.record().clone();
        attempt.note_user(&before);
        let (sealed, renewed) = match next {
            Next::Put(put) => self.seal(client, &found, put, revokes, now)?,
            Next::Conflict => return Ok(Outcome::Conflict),
            Next::End | Next::Nothing => (None, false),
        };
        // A copy of a guest's cookie signs in no user, so it is enough that the response removes the cookie.
        let is_revoked = if sealed.is_some() { renewed } else { before.user.is_some() || !takes_cookie };
        if revokes && is_revoked {
            let revocation = Revocation { nonce: attempt.nonce, at: now, renewed: sealed.is_some() };
            // Boxed because few requests sign in or out: otherwise every commit's future would reserve room for it.
            let revoking = Box::pin(engine.revoke(found.selector, revocation, before.ends_at, deadline));
            if let Some(lost) = revoking.await? {
                let outcome = self.lose(lost);
                return if attempt.pending.signs_in() { self.carry_new(client, attempt) } else { Ok(outcome) };
            }
        }
        match sealed {
            Some(sealed) => {
                if renewed {
                    self.emit(&Event::Renewed);
                }
                attempt.note_sign(&sealed.record);
                self.show(attempt, sealed, now);
                Ok(Outcome::Applied)
            }
            None => {
                self.report_ended(attempt);
                attempt.ended = true;
                attempt.cookie = Some(CookieChange::Remove);
                self.state().presented = Some(Presented::Nothing);
                self.carry_new(client, attempt)
            }
        }
    }

    /// Seals the changed session. Also returns whether the session is renewed. If selectors can be revoked, a renewed session has
    /// a new selector.
    fn seal(
        &self,
        client: &Client,
        found: &Found,
        put: Put,
        revokes: bool,
        now: Timestamp,
    ) -> Result<(Option<Sealed>, bool), Error> {
        let (engine, key) = (self.engine(), found.key);
        // A revocation lasts until the session's absolute deadline, so all cookies under one selector must have the same
        // deadline. If they differed, one tab could ask to be remembered while another tab writes last. The revocation could then
        // end before the first tab's cookie.
        let ends_at_another_time = put.record.ends_at != found.record().ends_at;
        let renewed = put.adopted.renewal.is_some() || ends_at_another_time;
        let opened = engine.codec.close(&key, put.record.into(), Some(&found.opened))?;
        let selector = if renewed && revokes { new_selector()? } else { found.selector };
        let record = opened.raw().clone();
        // The session is sealed before any revocation or event, since it may be too large.
        let token = client.cookie.seal(&client.cookie.carry(selector, record.clone()), now)?;
        meter::size(engine.kind(), record.fields.as_bytes().len());
        Ok((Some(Sealed { selector, record, token }), renewed))
    }

    /// Writes a new session to the response's cookie, if the attempt makes one.
    fn carry_new(&self, client: &Client, attempt: &mut Attempt) -> Result<Outcome, Error> {
        let (engine, now) = (self.engine(), self.now());
        let takes_cookie = self.state().phase.takes_cookie();
        let Some(Create { record, .. }) = next::create(engine, attempt, takes_cookie, now)? else {
            return Ok(Outcome::Applied);
        };
        let (selector, record) = (new_selector()?, Arc::new(record));
        let token = client.cookie.seal(&client.cookie.carry(selector, record.clone()), now)?;
        meter::size(engine.kind(), record.fields.as_bytes().len());
        attempt.written = Some(Event::Created);
        attempt.note_sign(&record);
        self.show(attempt, Sealed { selector, record, token }, now);
        Ok(Outcome::Applied)
    }

    /// Makes `sealed` the request's current session, and sets the response's cookie to it.
    fn show(&self, attempt: &mut Attempt, sealed: Sealed, now: Timestamp) {
        let Sealed { selector, record, token } = sealed;
        let engine = self.engine();
        attempt.cookie = Some(CookieChange::Set { token, max_age: engine.max_age(&record, now) });
        let key = engine.scope.session(selector);
        let found = engine.found_in_cookie(key, selector, record, true, now);
        let mut state = self.state();
        state.subject = Some(key);
        state.presented = Some(Presented::Found(found));
    }
}
