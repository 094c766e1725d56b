//! Whose the sessions are: of each user a sorted set of sessions, by when they were entered.
//!
//! Its members are the sessions' names in 16 bytes, with one more where a sign-in is called off; its scores milliseconds,
//! which grow within a user also where several sessions came in one. An entry whose session is gone is taken out by whoever meets it, unless it was entered anew.

use futures_util::future::try_join_all;
use redis::Value;

use super::{
    super::{ENTRY_CALLED_OFF, ENTRY_GRACE, Key, StoreError, User, UserEntry},
    RedisStore, advice,
    apply::{LONGEST, MARGIN},
    record::{GUARD, USER, Whose, signed_in, whose},
    script::{self, ENTER, FORGET},
};
use crate::clock::Timestamp;

/// From how many entries on the dead are looked for by sign-ins too, each time the number has doubled.
const MANY: u64 = 16;
/// How many sessions are looked at at once.
const BATCH: usize = 500;

/// What ends the name of a session whose sign-in is called off: its score says since when.
const CALLED_OFF: u8 = 0;

/// How a user has left a session.
#[derive(Clone, Copy)]
pub(super) enum Left {
    /// It goes on, and somebody may sign in to it again.
    MayComeBack,
    /// It has ended.
    ForGood,
}

/// An entry as it is stored.
struct Scored {
    member: Vec<u8>,
    session: [u8; 16],
    called_off: bool,
    score: f64,
}

impl Scored {
    /// What is no session's name was never entered.
    fn new(member: Vec<u8>, score: f64) -> Option<Self> {
        let (session, rest) = member.split_first_chunk::<16>()?;
        let called_off = match rest {
            [] => false,
            [CALLED_OFF] => true,
            _ => return None,
        };
        Some(Self { session: *session, called_off, score, member })
    }

    /// When it was entered, or called off. The part of a millisecond is only for the order.
    fn since(&self) -> Timestamp {
        Timestamp::from_millis(self.score as u64)
    }

    fn entry(&self) -> UserEntry {
        let at = if self.called_off { ENTRY_CALLED_OFF } else { self.since() };
        UserEntry { key: Key::from_digest(self.session), at }
    }
}

impl RedisStore {
    pub(super) async fn enter_session(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let (standing, called_off) = (key.digest().to_vec(), [&key.digest()[..], &[CALLED_OFF]].concat());
        let ((new, before), now) = match now {
            ENTRY_CALLED_OFF => ((called_off, standing), self.now()),
            now => ((standing, called_off), now),
        };
        let arguments = |command: &mut redis::Cmd| {
            command.arg(&new).arg(&before).arg(now.as_millis()).arg(LONGEST + MARGIN);
        };
        let doing = "enter a session among those of its user";
        let answer = script::run(&self.link, &ENTER, &self.user_key(user), arguments).await;
        let count: u64 = parsed(answer, doing)?;
        if count >= MANY && count.is_power_of_two() {
            self.live_entries(user).await?;
        }
        Ok(())
    }

    /// The entries that stand for a session, or for one about to come. The others are taken out.
    pub(super) async fn live_entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        let now = self.now();
        let range = self.link.ask(redis::cmd("ZRANGE").arg(self.user_key(user)).arg(0).arg(-1).arg("WITHSCORES")).await;
        let mut live = Vec::new();
        let mut dead = Vec::new();
        let entries: Vec<Scored> = parsed::<Vec<(Vec<u8>, f64)>>(range, "list the sessions of a user")?
            .into_iter()
            .filter_map(|(member, score)| Scored::new(member, score))
            .collect();
        for batch in entries.chunks(BATCH) {
            let whose = try_join_all(batch.iter().map(|entry| self.whose(&entry.session, now))).await?;
            for (scored, whose) in batch.iter().zip(whose) {
                let stands = match whose {
                    Whose::User(its) if its == *user => true,
                    Whose::Expired => false,
                    Whose::None | Whose::Guest | Whose::User(_) => !(scored.since() + ENTRY_GRACE).passed(now),
                };
                if stands { live.push(scored.entry()) } else { dead.push(scored) }
            }
        }
        self.forget(user, &dead).await?;
        Ok(live)
    }

    pub(super) async fn leave_sessions(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut command = redis::cmd("ZREM");
        command.arg(self.user_key(user));
        for key in keys {
            command.arg(&key.digest()).arg([&key.digest()[..], &[CALLED_OFF]].concat());
        }
        let failed = |error| advice::failed("take sessions out of those of their user", error);
        self.link.ask(&command).await.map(|_| ()).map_err(failed)
    }

    /// Takes out the entry of a session that has just been left by this user, as it was stored. An entry that is older
    /// than [`ENTRY_GRACE`] counts for nothing any more, and goes when it is met; so does this one if it cannot be taken out.
    pub(super) async fn forget_left(&self, left: &[u8], key: &Key, now: Timestamp, how: Left) {
        let Some((_, user)) = signed_in(left).filter(|(at, _)| !(*at + ENTRY_GRACE).passed(now)) else { return };
        let forgotten = match how {
            Left::MayComeBack => self.forget_unless_back(&user, key, now).await,
            Left::ForGood => self.leave_sessions(&user, &[*key]).await,
        };
        if let Err(error) = forgotten {
            tracing::debug!(target: "session_runtime", %error, "an entry without a session stays until it is met");
        }
    }

    async fn forget_unless_back(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let session = key.digest();
        let mut command = redis::cmd("ZSCORE");
        command.arg(self.user_key(user)).arg(&session);
        let score: Option<f64> = parsed(self.link.ask(&command).await, "look for a session of a user")?;
        let Some(score) = score else { return Ok(()) };
        // After the score, so that a sign-in since then is either seen, or has its entry at another.
        match self.whose(&session, now).await? {
            Whose::User(its) if its == *user => Ok(()),
            _ => {
                let entry = Scored { member: session.to_vec(), session, called_off: false, score };
                self.forget(user, &[&entry]).await
            }
        }
    }

    async fn whose(&self, session: &[u8; 16], now: Timestamp) -> Result<Whose, StoreError> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.session_key(&Key::from_digest(*session))).arg(GUARD).arg(USER);
        match self.link.ask(&command).await {
            // Something else; whoever opens the session removes it.
            Err(error) if error.code() == Some("WRONGTYPE") => Ok(Whose::None),
            answer => {
                let doing = "look whose a session is";
                let (guard, user): (Option<Vec<u8>>, Option<Vec<u8>>) = parsed(answer, doing)?;
                Ok(whose(guard.as_deref(), user.as_deref(), now))
            }
        }
    }

    async fn forget(&self, user: &User, dead: &[&Scored]) -> Result<(), StoreError> {
        if dead.is_empty() {
            return Ok(());
        }
        let arguments = |command: &mut redis::Cmd| {
            for entry in dead {
                command.arg(&entry.member).arg(entry.score.to_string());
            }
        };
        let answer = script::run(&self.link, &FORGET, &self.user_key(user), arguments).await;
        answer.map(|_| ()).map_err(|error| advice::failed("forget ended sessions of a user", error))
    }
}

/// The answer as a `T`.
pub(super) fn parsed<T: redis::FromRedisValue>(
    answer: redis::RedisResult<Value>,
    doing: &str,
) -> Result<T, StoreError> {
    let answer = answer.map_err(|error| advice::failed(doing, error))?;
    redis::from_redis_value(answer).map_err(|_| advice::unexpected(doing))
}
