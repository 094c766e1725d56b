//! The sessions that stores are filled with: the eight fields of [`Data`], of a signed-in user each.

use std::time::Duration;

use session_runtime::{
    Timestamp,
    store::{Change, Digest, Key, Set, Sign, User},
};

use crate::session::{Data, Theme, next_theme};

/// When they were made: in 2027.
pub const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

const HOUR: Duration = Duration::from_secs(3600);

/// How many of a hundred end within an hour, and how many in the next.
const FIRST: u64 = 1;
const SECOND: u64 = 50;

/// When a hundredth has expired.
pub fn after_the_first() -> Timestamp {
    NOW + HOUR
}

/// When another half has.
pub fn after_the_second() -> Timestamp {
    NOW + HOUR + HOUR
}

/// When session `n` ends.
pub fn end(n: u64) -> Timestamp {
    match n % 100 {
        part if part < FIRST => after_the_first(),
        part if part < FIRST + SECOND => after_the_second(),
        _ => NOW + 24 * 30 * HOUR,
    }
}

/// The key of session `n`, as evenly spread as those that come from a hash.
pub fn key(n: u64) -> Key {
    Key::from_digest((u128::from(mix(n)) << 64 | u128::from(mix(!n))).to_be_bytes())
}

/// SplitMix64: a number for each, in no order.
pub fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// How many sessions the first user has; everybody else has one.
pub const SESSIONS_OF_ONE: u64 = 3;

/// Whose session `n` is: always of the same length.
pub fn user(n: u64) -> User {
    let number = if n < SESSIONS_OF_ONE { 0 } else { mix(n) | 1 << 63 };
    User::new([&[0xcf][..], &number.to_be_bytes()].concat())
}

/// What makes session `n`.
pub fn create(n: u64) -> Change {
    let mut change = Change::create(Digest::from([1; 16]), NOW, end(n), Timestamp::NEVER);
    change.sign = Some(Sign::In { user: user(n).as_bytes().into(), at: NOW });
    let Data { user: _, name, roles, cart, token, theme: _, visits, locale } = Data::guest();
    change.set = vec![
        set("name", &name),
        set("roles", &roles),
        set("cart", &cart),
        set("token", &token),
        set("theme", &Theme::Light),
        set("visits", &visits),
        set("locale", &locale),
    ];
    change
}

/// What changes one small field.
pub fn change(generation: u64) -> Change {
    let mut change = Change::update(generation);
    change.set.push(set("theme", &next_theme()));
    change
}

fn set(name: &'static str, value: &impl serde::Serialize) -> Set {
    Set { name: name.into(), value: rmp_serde::to_vec(value).unwrap(), expires: Timestamp::NEVER }
}
