//! A change as arguments of `script/apply.lua`, and the script's answer.
//!
//! The first argument is of a fixed size: what there is, the moments, the nonce, and how many arguments of each kind
//! follow. Then come, if there are any: the new record; the renewal; names and expected values; the new deadlines; the
//! user; names and values to set; names to remove; counters in four arguments each; names to keep; names that the server
//! shall expire, and when.

use redis::{Cmd, Value};

use super::{
    super::{Add, Applied, Change, Lifetime, Renew, Sign, Target},
    record,
    value::{moment, prefix, store, undated},
};
use crate::{clock::Timestamp, record::integer};

/// 400 days, the most that is asked of the server: some refuse more than 2^46 milliseconds, and what a browser keeps
/// lasts no longer (RFC 6265bis section 5.5).
pub(super) const LONGEST: u64 = 400 * 24 * 60 * 60 * 1_000;
/// How much longer than its deadline something stays, so that clocks that differ by less do not matter: one minute.
pub(super) const MARGIN: u64 = 60 * 1_000;

/// What is asked for besides the change itself.
#[derive(Clone, Copy)]
pub(super) struct Extras {
    /// The server expires fields.
    pub(super) expire_fields: bool,
    /// Replicas are waited for.
    pub(super) wait: bool,
    /// The session ends, and nothing of it stays.
    pub(super) remove: bool,
}

/// Adds the arguments for `change` to `command`.
pub(super) fn arguments(command: &mut Cmd, change: &Change, now: Timestamp, extras: Extras) {
    let expiring = expiring(change);
    command.arg(head(change, now, &expiring, extras));
    if let Target::New { verifier, created_at, lifetime } = &change.target {
        let [idle_until, ends_at, created_at] = [lifetime.idle_until, lifetime.ends_at, *created_at].map(moment);
        let remembered = [u8::from(lifetime.remembered)];
        command.arg([&remembered[..], verifier.as_bytes(), &idle_until, &ends_at, &created_at].concat());
    }
    if let Some(renew) = &change.renew {
        command.arg(renewal(renew).as_flattened());
    }
    for expect in &change.expect {
        command.arg(&*expect.name);
        match &expect.value {
            Some(value) => command.arg([&[1][..], &undated(value)].concat()),
            None => command.arg(&[0]),
        };
    }
    if let Some(Lifetime { idle_until, ends_at, remembered }) = change.restart {
        command.arg([&[u8::from(remembered)][..], &moment(idle_until), &moment(ends_at)].concat());
    }
    if let Some(Sign::In { user, at }) = &change.sign {
        command.arg([&moment(*at)[..], user].concat());
    }
    for set in &change.set {
        command.arg(&*set.name).arg(store(&set.value, set.expires));
    }
    for name in &change.unset {
        command.arg(&**name);
    }
    for add in &change.add {
        let fresh = integer::write(add.to(add.initial));
        command.arg(&*add.name).arg(prefix(add.expires)).arg(fresh).arg(movement(add).as_flattened());
    }
    for name in change.keep.iter().flatten() {
        command.arg(&**name);
    }
    if extras.expire_fields {
        for (name, expires) in expiring {
            command.arg(name).arg(time_to_live(expires, now));
        }
    }
}

/// Arguments of `script/create.lua`, for a change that it takes: a new session that fits in one call, whose id is not renewed
/// along with it, and whose fields the server need not expire.
pub(super) fn creation(change: &Change, now: Timestamp, extras: Extras) -> Option<Vec<Vec<u8>>> {
    /// What Lua unpacks at once.
    const MOST: usize = 3_000;
    let is_new = matches!(change.target, Target::New { .. });
    if !is_new || change.renew.is_some() || extras.wait || extras.expire_fields && !expiring(change).is_empty() {
        return None;
    }
    // What is to be judged is there, but for what may be stored under its key.
    let record = change.judge(None, now).write?;
    let time_to_live = time_to_live(record.expires_at(), now).to_string().into_bytes();
    let pairs = record::write_new(&record);
    let arguments = pairs.into_iter().flat_map(|(name, value)| [name.to_vec(), value]);
    let arguments: Vec<_> = [time_to_live].into_iter().chain(arguments).collect();
    (arguments.len() <= MOST).then_some(arguments)
}

/// How long the server keeps what has this deadline, in milliseconds.
pub(super) fn time_to_live(deadline: Timestamp, now: Timestamp) -> u64 {
    deadline.as_millis().saturating_sub(now.as_millis()).min(LONGEST) + MARGIN
}

fn head(change: &Change, now: Timestamp, expiring: &[(&str, Timestamp)], extras: Extras) -> Vec<u8> {
    let mut head = vec![
        u8::from(matches!(change.target, Target::New { .. })),
        u8::from(change.restart.is_some()),
        match change.sign {
            None => 0,
            Some(Sign::In { .. }) => 1,
            Some(Sign::Out) => 2,
        },
        match change.renew {
            None => 0,
            Some(Renew::Privilege { .. }) => 1,
            Some(Renew::Timer { .. }) => 2,
            Some(Renew::Presented { .. }) => 3,
        },
        u8::from(change.keep.is_some()),
        u8::from(extras.wait),
        u8::from(extras.remove),
    ];
    let generation = match change.target {
        Target::New { .. } => 0,
        Target::Existing { generation } => generation,
    };
    let touch = change.touch.unwrap_or(Timestamp::from_millis(0));
    let first_deadline = expiring.iter().map(|(_, expires)| *expires).min().unwrap_or(Timestamp::NEVER);
    head.extend(moment(now));
    head.extend(change.nonce.0.to_be_bytes());
    head.extend(generation.to_be_bytes());
    head.extend(moment(touch));
    head.extend(moment(first_deadline));
    let kept = change.keep.as_ref().map_or(0, Vec::len);
    let expired_by_server = if extras.expire_fields { expiring.len() } else { 0 };
    let counts = [change.expect.len(), change.set.len(), change.unset.len(), change.add.len(), kept, expired_by_server];
    head.extend(counts.into_iter().flat_map(|count| u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes()));
    head
}

/// The fields that the change gives a deadline.
fn expiring(change: &Change) -> Vec<(&str, Timestamp)> {
    let set = change.set.iter().map(|set| (&*set.name, set.expires));
    let added = change.add.iter().map(|add| (&*add.name, add.expires));
    set.chain(added).filter(|(_, expires)| *expires != Timestamp::NEVER).collect()
}

/// From which verifier, which one was presented, and to which.
fn renewal(renew: &Renew) -> [[u8; 16]; 3] {
    match renew {
        Renew::Privilege { to } => [[0; 16], [0; 16], *to.as_bytes()],
        Renew::Timer { from, presented, to } => [from, presented, to].map(|digest| *digest.as_bytes()),
        Renew::Presented { verifier } => [[0; 16], [0; 16], *verifier.as_bytes()],
    }
}

/// How far a counter moves and between which bounds, each as a multiple of 2^32 (8 bytes) and the rest (4 bytes). What
/// is stored lies between `i64::MIN` and `u64::MAX`, so bounds and moves past that come to the same as those held here.
fn movement(add: &Add) -> [[u8; 12]; 3] {
    const FURTHEST: i128 = 1 << 65;
    let bound = |bound: i128| bound.clamp(i64::MIN.into(), u64::MAX.into());
    [add.amount.clamp(-FURTHEST, FURTHEST), bound(add.floor), bound(add.ceiling)].map(|number| {
        let mut halves = [0; 12];
        halves.copy_from_slice(&number.to_be_bytes()[4..]);
        halves
    })
}

/// What the script answers.
pub(super) struct Answer {
    pub(super) applied: Applied,
    /// Who was signed in and is no more, as it was stored.
    pub(super) left: Option<Vec<u8>>,
}

impl Answer {
    pub(super) fn read(answer: Value) -> Option<Self> {
        let (code, left) = match answer {
            Value::Array(parts) => match <[Value; 2]>::try_from(parts).ok()? {
                [Value::Int(code), Value::BulkString(left)] => (code, Some(left)),
                _ => return None,
            },
            Value::Int(code) => (code, None),
            _ => return None,
        };
        let applied = match code {
            0 => Applied::Gone,
            1 => Applied::Moved,
            2 => Applied::Conflict,
            3 => Applied::Applied { renewed: false },
            4 => Applied::Applied { renewed: true },
            _ => return None,
        };
        Some(Self { applied, left })
    }
}
