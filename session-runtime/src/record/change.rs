//! What a request asks of a store, and the answers.

use std::borrow::Cow;

use crate::{
    clock::Timestamp,
    id::{Digest, Nonce},
};

/// A stored name. The derive's are static; what came from elsewhere is owned.
pub type Name = Cow<'static, str>;

/// Everything one commit does to one record: applied whole or not at all.
///
/// A change without parts is a touch, if [`Change::touch`] is set. See [`Change::judge`] for what each part means
/// exactly; every store must come to the same verdict. A name stands at most once in `set`, `unset` and `add` together.
///
/// ```
/// # use session_runtime::{Timestamp, store::{Change, Set}};
/// let mut change = Change::update(0);
/// change.set.push(Set { name: "theme".into(), value: b"\xa4dark".to_vec(), expires: Timestamp::NEVER });
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Marks this change, so that it counts once when sent twice.
    pub nonce: Nonce,
    /// A new record, or the one that was loaded.
    pub target: Target,
    /// Values that must be as given, else [`Applied::Conflict`].
    pub expect: Vec<Expect>,
    /// Moves the idle deadline to this moment, but never back.
    pub touch: Option<Timestamp>,
    /// Replaces both deadlines: sign-in, and `remember`.
    pub restart: Option<Lifetime>,
    /// Signs in or out.
    pub sign: Option<Sign>,
    /// Replaces the verifier.
    pub renew: Option<Renew>,
    /// All fields but these go, also those that this build does not know. Comes before `set`, `unset` and `add`.
    pub keep: Option<Vec<Name>>,
    /// Fields to write.
    pub set: Vec<Set>,
    /// Fields to remove. Removing what is not there is fine.
    pub unset: Vec<Name>,
    /// Counters to move.
    pub add: Vec<Add>,
}

impl Change {
    fn new(target: Target) -> Self {
        Self {
            nonce: Nonce::next(),
            target,
            expect: Vec::new(),
            touch: None,
            restart: None,
            sign: None,
            renew: None,
            keep: None,
            set: Vec::new(),
            unset: Vec::new(),
            add: Vec::new(),
        }
    }

    /// An empty change of the record that was loaded at `generation`.
    ///
    /// ```
    /// # use session_runtime::store::{Change, Target};
    /// assert_eq!(Change::update(3).target, Target::Existing { generation: 3 });
    /// ```
    #[must_use]
    pub fn update(generation: u64) -> Self {
        Self::new(Target::Existing { generation })
    }

    /// A new, empty record, opened by the verifier with this digest.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::{Change, Digest}};
    /// let create = Change::create(Digest::from([1; 16]), Timestamp::from_millis(0), Timestamp::NEVER, Timestamp::NEVER);
    /// ```
    #[must_use]
    pub fn create(verifier: Digest, created_at: Timestamp, idle_until: Timestamp, ends_at: Timestamp) -> Self {
        Self::new(Target::New { verifier, created_at, lifetime: Lifetime { idle_until, ends_at, remembered: false } })
    }
}

impl Change {
    /// Whether this is a change of `record` as far as its generation tells.
    pub(crate) fn is_for(&self, record: &super::Record) -> bool {
        self.target == Target::Existing { generation: record.generation }
    }
}

/// Which record a [`Change`] is for.
///
/// ```
/// # use session_runtime::store::{Change, Target};
/// assert!(matches!(Change::update(0).target, Target::Existing { .. }));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// One that does not exist yet; if it does, [`Applied::Conflict`].
    New {
        /// Digest of the verifier that opens it.
        verifier: Digest,
        /// Its birth.
        created_at: Timestamp,
        /// Its deadlines.
        lifetime: Lifetime,
    },
    /// One that must be live ([`Applied::Gone`] if not) and of this generation ([`Applied::Moved`] if not).
    Existing {
        /// The generation it was loaded at.
        generation: u64,
    },
}

/// The two deadlines of a session.
///
/// ```
/// # use session_runtime::{Timestamp, store::Lifetime};
/// let for_ever = Lifetime { idle_until: Timestamp::NEVER, ends_at: Timestamp::NEVER, remembered: false };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// When silence ends the session.
    pub idle_until: Timestamp,
    /// When it ends whatever happens.
    pub ends_at: Timestamp,
    /// Whether `remember(true)` holds.
    pub remembered: bool,
}

/// Who the session belongs to from now on.
///
/// ```
/// # use session_runtime::{Timestamp, store::Sign};
/// let sign_in = Sign::In { user: b"\xa3ada".as_slice().into(), at: Timestamp::from_millis(0) };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Sign {
    /// This user, who proved it at this moment.
    In {
        /// The encoded identity.
        user: Box<[u8]>,
        /// When the visitor signed in.
        at: Timestamp,
    },
    /// Nobody.
    Out,
}

/// How the verifier is replaced.
///
/// ```
/// # use session_runtime::store::{Digest, Renew};
/// let renew = Renew::Privilege { to: Digest::from([2; 16]) };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Renew {
    /// At once and for good: the generation grows, requests that loaded before are [`Applied::Moved`].
    Privilege {
        /// Digest of the new verifier.
        to: Digest,
    },
    /// By the clock: the generation stays. If the verifier is no longer `from`, somebody else was first: the rest of
    /// the change applies and the verifier stays.
    Timer {
        /// Digest of the verifier that the record had when it was loaded.
        from: Digest,
        /// Digest of the one that was presented: the same, or the one before if the answer with `from` was lost. It
        /// stays good until `to` is presented.
        presented: Digest,
        /// Digest of the new one.
        to: Digest,
    },
    /// A verifier renewed by the clock was presented for the first time: from now on the one before has a minute.
    Presented {
        /// Digest of the verifier that was presented.
        verifier: Digest,
    },
}

/// A field to write.
///
/// ```
/// # use session_runtime::{Timestamp, store::Set};
/// let set = Set { name: "theme".into(), value: b"\xa4dark".to_vec(), expires: Timestamp::NEVER };
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Set {
    /// Its stored name.
    pub name: Name,
    /// Its value in MessagePack.
    pub value: Vec<u8>,
    /// When the value ceases to be readable; [`Timestamp::NEVER`] if it lasts as long as the session.
    pub expires: Timestamp,
}

impl std::fmt::Debug for Set {
    // Values may be secret: B12.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} bytes", self.name, self.value.len())
    }
}

/// A value that must be as given for a change to apply. An expired value counts as absent.
///
/// ```
/// # use session_runtime::store::Expect;
/// let absent = Expect { name: "cart".into(), value: None };
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Expect {
    /// The stored name.
    pub name: Name,
    /// The value in MessagePack, to the byte; `None`: absent.
    pub value: Option<Vec<u8>>,
}

impl std::fmt::Debug for Expect {
    // Values may be secret: B12.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?} bytes", self.name, self.value.as_ref().map(Vec::len))
    }
}

/// A counter to move: `new = (old + amount)`, held between `floor` and `ceiling`. Several moves fold into one, exactly.
///
/// ```
/// # use session_runtime::{Timestamp, store::Add};
/// let add = Add { name: "visits".into(), amount: 2, floor: 0, ceiling: 255, initial: 0, expires: Timestamp::NEVER };
/// assert_eq!(add.to(254), 255);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// The stored name.
    pub name: Name,
    /// How far; below zero counts down.
    pub amount: i128,
    /// The result is at least this.
    pub floor: i128,
    /// The result is at most this.
    pub ceiling: i128,
    /// What an absent, expired or unreadable counter counts from.
    pub initial: i128,
    /// The value's new deadline; [`Timestamp::NEVER`] if it lasts as long as the session.
    pub expires: Timestamp,
}

impl Add {
    /// The counter after this move.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::Add};
    /// let down = Add { name: "stock".into(), amount: -5, floor: 0, ceiling: 255, initial: 0, expires: Timestamp::NEVER };
    /// assert_eq!(down.to(3), 0);
    /// ```
    #[must_use]
    pub fn to(&self, old: i128) -> i128 {
        old.saturating_add(self.amount).clamp(self.floor, self.ceiling)
    }

    /// This move followed by `next`, as one: clamped additions are closed under composition, so no step is lost.
    ///
    /// ```
    /// # use session_runtime::{Timestamp, store::Add};
    /// let step = |amount| Add { name: "n".into(), amount, floor: 0, ceiling: 255, initial: 0, expires: Timestamp::NEVER };
    /// assert_eq!(step(5).then(&step(-3)).to(253), 252); // 255, then 252
    /// ```
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        Self {
            name: next.name.clone(),
            amount: self.amount.saturating_add(next.amount),
            floor: next.to(self.floor),
            ceiling: next.to(self.ceiling),
            initial: self.initial,
            expires: next.expires,
        }
    }
}

/// What became of a [`Change`]. Unless it is `Applied`, nothing was written.
///
/// ```
/// # use session_runtime::store::Applied;
/// assert_ne!(Applied::Gone, Applied::Moved);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in, now or since an earlier sending.
    Applied {
        /// Whether the record's verifier is now the one that [`Change::renew`] asked for.
        renewed: bool,
    },
    /// The session was deleted or has expired.
    Gone,
    /// The session is of another generation: its privilege changed since it was loaded.
    Moved,
    /// A value was not as expected, or a new key was taken.
    Conflict,
}
