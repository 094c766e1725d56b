//! Carries a plan out for a session in a cookie: judges it here, and seals what comes of it for the response.

use std::sync::Arc;

use super::{Carried, Client, Opened, Pieces, new_selector, revoked::Revocation};
use crate::{
    clock::Timestamp,
    cookie::{find_one, piece_name, present},
    engine::{
        CookieChange, Engine, Outcome, Request,
        open::{Found, GRACE, Lost, Presented},
        plan::Plan,
        request::Response,
        work::Work,
    },
    error::{Error, Kind},
    event::Event,
    id::{Key, Nonce, Selector, Verifier},
    record::{Applied, Change, Record},
};

impl Client {
    /// The session that these `Cookie` headers bring, and in how many cookies.
    pub(crate) fn present<'a>(
        &self,
        cookies: impl Iterator<Item = &'a [u8]>,
        engine: &Engine,
    ) -> Option<(Opened, Pieces)> {
        let now = engine.clock.now();
        let headers: Vec<_> = cookies.collect();
        let open = |first: &[u8]| {
            let piece = |number| find_one(headers.iter().copied(), &piece_name(&self.cookie, number));
            let (value, pieces) = super::pieces::join(first, self.most, piece)?;
            Some((self.open(&value, now)?, pieces))
        };
        let is_same = |(first, _): &mut (Opened, Pieces), (other, _): &(Opened, Pieces)| {
            // From the path where it was sealed again and the one where it was not.
            first.current |= other.current;
            first.carried.selector == other.carried.selector && first.carried.record == other.carried.record
        };
        present(headers.iter().copied(), &self.cookie, &engine.events, open, is_same)
    }

    /// Whether the session was revoked, as far as there is a list.
    async fn revocation(&self, engine: &Engine, key: &Key) -> Result<Option<Revocation>, Error> {
        let Some(revoked) = &self.revoked else { return Ok(None) };
        Ok(revoked.find(key, engine.clock.now(), engine.store_timeout).await?)
    }
}

impl Engine {
    /// Looks whether a session that a cookie brought may still be served.
    pub(in crate::engine) async fn admit_carried(&self, client: &Client, opened: &Opened) -> Result<Presented, Error> {
        let (now, key) = (self.clock.now(), opened.key());
        let Opened { carried: Carried { selector, record, .. }, current } = opened;
        if !client.is_good(record, now) {
            self.events.emit(&Event::Unknown, Some(&key));
            return Ok(Presented::Nobody);
        }
        if let Some(Revocation { at, renewed, .. }) = client.revocation(self, &key).await? {
            let recently = now.since(at) < GRACE;
            self.events.emit(&Event::Replayed { recently }, Some(&key));
            return Ok(if renewed && recently { Presented::Lost(Lost::Moved) } else { Presented::Nobody });
        }
        Ok(Presented::Found(self.carried(*selector, Arc::clone(record), *current, now)))
    }

    /// A session that is its own proof.
    fn carried(&self, selector: Selector, record: Arc<Record>, by_current_key: bool, now: Timestamp) -> Found {
        let (record, sealed) = self.reveal(&selector.key(), record, now);
        Found { selector, verifier: Verifier::none(), record, sealed, by_current: true, by_current_key }
    }
}

/// What marks a plan's change.
fn nonce(plan: &Plan) -> Option<Nonce> {
    match plan {
        Plan::End { change } | Plan::Update { change, .. } | Plan::Create { change, .. } => Some(change.nonce),
        Plan::Nothing | Plan::Lost(_) | Plan::Conflict => None,
    }
}

/// What a plan comes to.
struct Kept {
    /// The session from before does not go on under its name.
    renews: bool,
    next: Option<Carried>,
}

impl Request {
    /// Carries a plan out. The session changes with the response: one that has left can carry it no more.
    pub(in crate::engine) async fn keep(&self, client: &Client, work: &Work) -> Result<Option<Outcome>, Error> {
        let (before, response) = self.carried(client);
        let ends_from_afar = matches!(work.plan, Plan::End { .. }) && client.revoked.is_some();
        if matches!(response, Response::Left | Response::Cancelled) && !ends_from_afar {
            return Err(Error::new(Kind::TooLate { wanted: "a session in a cookie needs one" }));
        }
        if let Some(before) = &before
            && let Some(lost) = self.revoked_by_others(client, work, before).await?
        {
            return Ok(Some(self.lose(lost)));
        }
        let kept = match self.judge(client, work, before.as_ref())? {
            Ok(kept) => kept,
            Err(outcome) => return Ok(Some(outcome)),
        };
        // Made before anything is said: it may be too large.
        let token = kept.next.as_ref().map(|next| client.seal(next, work.at)).transpose()?;
        if let (Some(before), Some(revoked), true) = (&before, &client.revoked, kept.renews) {
            let renewed = matches!(work.plan, Plan::Update { .. });
            let revocation = Revocation { at: work.at, renewed, by: nonce(&work.plan) };
            let until = before.record.ends_at;
            // A session goes on under one name at most: of two requests at once, the first to enter that it is renewed.
            let limit = self.engine().store_timeout;
            if !Box::pin(revoked.add(&before.selector.key(), revocation, until, limit)).await? {
                let lost = self.revoked_by_others(client, work, before).await?.unwrap_or(Lost::Gone);
                return Ok(Some(self.lose(lost)));
            }
        }
        self.say(&work.plan);
        self.put(kept.next, token, work.at);
        Ok(Some(Outcome::Applied))
    }

    /// How the session was lost, if somebody revoked it meanwhile: not this very change, whose answer was lost.
    async fn revoked_by_others(&self, client: &Client, work: &Work, before: &Carried) -> Result<Option<Lost>, Error> {
        let revocation = client.revocation(self.engine(), &before.selector.key()).await?;
        let by_others = revocation.filter(|revocation| revocation.by.is_none() || revocation.by != nonce(&work.plan));
        Ok(by_others.map(|revocation| if revocation.renewed { Lost::Moved } else { Lost::Gone }))
    }

    /// The session as it came, or as this request has changed it so far, and where the response is.
    fn carried(&self, client: &Client) -> (Option<Carried>, Response) {
        let inner = self.inner();
        let before = match &inner.presented {
            Some(Presented::Found(found)) => Some(client.carry(found.selector, Arc::clone(found.raw()))),
            _ => None,
        };
        (before, inner.response)
    }

    /// What a plan makes of a session; or what it comes to where it does not fit.
    fn judge(&self, client: &Client, work: &Work, before: Option<&Carried>) -> Result<Result<Kept, Outcome>, Error> {
        let (change, before): (&Change, _) = match &work.plan {
            Plan::End { .. } => return Ok(Ok(Kept { renews: true, next: None })),
            Plan::Create { change, .. } => (change, None),
            Plan::Update { change, .. } => (change, before),
            Plan::Nothing | Plan::Lost(_) | Plan::Conflict => return Ok(Err(Outcome::Gone)),
        };
        let verdict = change.judge(before.map(|before| &*before.record), work.at);
        let record = match (verdict.answer, verdict.write) {
            (Applied::Applied { .. }, Some(record)) => record,
            (Applied::Conflict, _) => return Ok(Err(Outcome::Conflict)),
            (Applied::Moved, _) => return Ok(Err(self.lose(Lost::Moved))),
            (Applied::Gone | Applied::Applied { .. }, _) => return Ok(Err(self.lose(Lost::Gone))),
        };
        // A name is revoked until the cookies under it end, so all of them have to end at the same moment: of two tabs, one
        // may ask to be remembered, and the other has the last word.
        let ends_elsewhen = |before: &Carried| record.ends_at != before.record.ends_at;
        let renews = change.renew.is_some() || before.is_some_and(ends_elsewhen);
        let selector = match before {
            Some(before) if !renews || client.revoked.is_none() => before.selector,
            _ => new_selector()?,
        };
        Ok(Ok(Kept { renews: renews || before.is_none(), next: Some(client.carry(selector, record)) }))
    }

    fn say(&self, plan: &Plan) {
        match plan {
            Plan::End { .. } => self.emit(&Event::Ended),
            Plan::Create { ends, .. } => {
                if ends.is_some() {
                    self.emit(&Event::Ended);
                }
                self.emit(&Event::Created);
            }
            Plan::Update { change, .. } if change.renew.is_some() => self.emit(&Event::Renewed),
            _ => {}
        }
    }

    /// Shows the session to what comes after in this request, and its cookie to the response.
    fn put(&self, next: Option<Carried>, token: Option<String>, now: Timestamp) {
        let mut inner = self.inner();
        inner.cookie = Some(match (&next, token) {
            (Some(next), Some(token)) => {
                let record = &next.record;
                let max_age = self.engine().max_age(record.remembered, record.expires_at(), now);
                CookieChange::Set { token, max_age }
            }
            _ => CookieChange::Remove,
        });
        inner.presented = Some(match next {
            Some(Carried { selector, record, .. }) => {
                inner.subject = Some(selector.key());
                Presented::Found(self.engine().carried(selector, record, true, now))
            }
            None => Presented::Nobody,
        });
    }
}
