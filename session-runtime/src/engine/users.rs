//! Whose the sessions are: what a sign-in has to do so that no list misses it, and how a user's sessions end.
//!
//! The entries of a user are a superset of the user's live sessions. A sign-in enters its session, applies its change,
//! and looks whether the entry still stands; if not, somebody ended all meanwhile, and it ends as well. Whoever ends
//! sessions ends each before its entry leaves, and calls off those who are about to come rather than taking their entry
//! out, so that an interruption of either hides none.

use std::sync::Arc;

use super::{Engine, plan::end};
use crate::{
    error::{Error, Kind},
    event::Event,
    id::Key,
    record::{Applied, Record},
    schema::SessionLimit,
    store::{ENTRY_CALLED_OFF, ENTRY_GRACE, User, UserEntry},
};

/// How often a session is looked at anew because its id changed while it was about to be ended.
const RETRIES: usize = 64;

/// A session that somebody is signing in to.
pub(super) struct SignIn {
    pub(super) user: User,
    pub(super) key: Key,
    /// Whether it is the user's already, or takes the place of one that is: then it needs no room.
    pub(super) again: bool,
    /// Whether nobody else can be signing in to it, since its key is new.
    pub(super) new: bool,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// It stands.
    Stands,
    /// The session was ended meanwhile, with all of the user's, or by newer sign-ins.
    Ended,
    /// There was no room for it after all.
    Refused,
}

impl Engine {
    /// The name under which sessions of this kind are entered for whoever has this identity. Kinds that share a store
    /// do not share users.
    pub(crate) fn user(&self, identity: &[u8]) -> User {
        User::new([self.kind.as_slice(), identity].concat())
    }

    /// The identity in what [`Engine::user`] made.
    pub(crate) fn identity<'a>(&self, user: &'a [u8]) -> &'a [u8] {
        user.get(self.kind.len()..).unwrap_or_default()
    }

    /// The live sessions of `user`, those that were signed in first first.
    pub(crate) async fn sessions_of(&self, user: &User) -> Result<Vec<(Key, Arc<Record>)>, Error> {
        let entries = self.entries(user).await?;
        self.live(user, &entries).await
    }

    /// Ends the sessions of `user` that `which` holds for, and says how many there were.
    pub(crate) async fn end_sessions_of(&self, user: &User, which: impl Fn(&Key) -> bool) -> Result<u64, Error> {
        let entries = self.entries(user).await?;
        let (mut ended, mut leaving, mut others) = (0, Vec::new(), Vec::new());
        for UserEntry { key, at } in entries.iter().filter(|entry| which(&entry.key)) {
            if self.end_session(user, key).await? {
                ended += 1;
                leaving.push(*key);
                continue;
            }
            others.push(*key);
            if (*at + ENTRY_GRACE).passed(self.clock.now()) {
                leaving.push(*key);
            } else {
                self.call_off(user, key).await?;
            }
        }
        if !leaving.is_empty() {
            self.leave(user, &leaving).await?;
        }
        // Where a sign-in was under way, it sees its entry called off, or it was done before: then it is ended now.
        for key in &others {
            ended += u64::from(self.end_session(user, key).await?);
        }
        Ok(ended)
    }

    /// Has a sign-in end that is under way. The entry stays, lest its session be on no list should anybody be
    /// interrupted; without one it vanishes.
    async fn call_off(&self, user: &User, key: &Key) -> Result<(), Error> {
        Ok(self.enter(user, key, ENTRY_CALLED_OFF).await?)
    }

    /// Enters a sign-in. `false`: there is no room for it.
    pub(super) async fn admit(&self, sign_in: &SignIn) -> Result<bool, Error> {
        let SignIn { user, key, again, new } = sign_in;
        self.enter(user, key, self.clock.now()).await?;
        let Some(SessionLimit::Refuse(most)) = self.limit.filter(|_| !again) else { return Ok(true) };
        let entries = self.entries(user).await?;
        if entries.len() <= most as usize || self.in_the_way(user, key, &entries).await? < most as usize {
            return Ok(true);
        }
        if *new {
            self.leave(user, &[*key]).await?;
        } else if self.live_one(user, key).await?.is_none() {
            // Another request of the same browser may be signing in to it.
            self.call_off(user, key).await?;
        }
        Ok(false)
    }

    /// How many sessions of `user` there are besides this, or will be once sign-ins that came before it are through.
    async fn in_the_way(&self, user: &User, key: &Key, entries: &[UserEntry]) -> Result<usize, Error> {
        let (mut in_the_way, mut earlier) = (0, true);
        for entry in entries {
            if entry.key == *key {
                earlier = false;
                continue;
            }
            let now = self.clock.now();
            let may_come = earlier && !(entry.at + ENTRY_GRACE).passed(now);
            in_the_way += usize::from(match self.load(&entry.key, now).await? {
                Some(record) if is_of(&record, user) => true,
                Some(record) => may_come && record.user.is_none(),
                None => may_come,
            });
        }
        Ok(in_the_way)
    }

    /// Looks whether the entry of a sign-in that was applied still stands, and that the user has no more sessions than
    /// allowed.
    ///
    /// Of sign-ins at the same time, the last to look sees all of them. So however they race, no more are left.
    pub(super) async fn settle(&self, sign_in: &SignIn) -> Result<Settled, Error> {
        let SignIn { user, key, again, new } = sign_in;
        let gone = if matches!(self.limit, Some(SessionLimit::Refuse(_))) { Settled::Refused } else { Settled::Ended };
        let entries = self.entries(user).await?;
        if !entries.iter().any(|entry| entry.key == *key && entry.at != ENTRY_CALLED_OFF) {
            self.end_session(user, key).await?;
            return Ok(gone);
        }
        let Some(limit) = self.limit.filter(|limit| entries.len() > limit.most()) else { return Ok(Settled::Stands) };
        if *again && !new && gone == Settled::Refused {
            return Ok(Settled::Stands); // there are more than that since the limit was lowered
        }
        let live = self.live(user, &entries).await?;
        let surplus = match limit {
            SessionLimit::EndOldest(_) => &live[..live.len().saturating_sub(limit.most())],
            SessionLimit::Refuse(_) => live.get(limit.most()..).unwrap_or_default(),
        };
        let (mut settled, mut ended) = (Settled::Stands, Vec::new());
        for (one, _) in surplus {
            if self.end_session(user, one).await? {
                ended.push(*one);
            }
            if one == key {
                settled = gone;
            }
        }
        if !ended.is_empty() {
            self.leave(user, &ended).await?;
        }
        Ok(settled)
    }

    /// Those of the entries that are live sessions of `user`.
    async fn live(&self, user: &User, entries: &[UserEntry]) -> Result<Vec<(Key, Arc<Record>)>, Error> {
        let mut live = Vec::with_capacity(entries.len());
        for UserEntry { key, .. } in entries {
            live.extend(self.live_one(user, key).await?.map(|record| (*key, record)));
        }
        Ok(live)
    }

    /// The record of this session, if it is live and `user`'s.
    async fn live_one(&self, user: &User, key: &Key) -> Result<Option<Arc<Record>>, Error> {
        Ok(self.load(key, self.clock.now()).await?.filter(|record| is_of(record, user)))
    }

    /// Ends one session, if it is `user`'s. Says whether it did.
    pub(super) async fn end_session(&self, user: &User, key: &Key) -> Result<bool, Error> {
        for _ in 0..RETRIES {
            let Some(record) = self.live_one(user, key).await? else { return Ok(false) };
            let now = self.clock.now();
            match self.end(key, &end(record.generation), now).await? {
                Applied::Applied { .. } => {
                    self.events.emit(&Event::Revoked, Some(key));
                    return Ok(true);
                }
                Applied::Gone => return Ok(false),
                // It was renewed meanwhile, perhaps by a sign-in as somebody else.
                Applied::Moved | Applied::Conflict => {}
            }
        }
        Err(Error::new(Kind::Conflict))
    }
}

fn is_of(record: &Record, user: &User) -> bool {
    record.user.as_deref() == Some(user.as_bytes())
}
