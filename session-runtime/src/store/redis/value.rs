//! A field's value as it is stored, which its first byte tells:
//!
//! | first | what follows |
//! |---|---|
//! | `c1` | the deadline, and the value |
//! | `c7` | the deadline, and the value as a [`table`] |
//! | `c8` | the value as a table; it has no deadline |
//! | any other | begins the value; it has no deadline |
//!
//! No MessagePack that is written here begins with the first three. What does so all the same (a secret's) is stored with a
//! deadline, if need be never.

use std::borrow::Cow;

use crate::{clock::Timestamp, record::table};

const DATED: u8 = 0xc1;
const DATED_TABLE: u8 = 0xc7;
const TABLE: u8 = 0xc8;

/// A value as it is stored, with its deadline.
pub(super) fn store(value: &[u8], expires: Timestamp) -> Vec<u8> {
    let table = table::pack(value);
    let begun = match (&table, value.first()) {
        (Some(_), _) if expires == Timestamp::NEVER => vec![TABLE],
        (Some(_), _) => dated(DATED_TABLE, expires),
        (None, Some(&(DATED | DATED_TABLE | TABLE))) => dated(DATED, expires),
        (None, _) => prefix(expires),
    };
    [&begun, table.as_deref().unwrap_or(value)].concat()
}

/// A value without its deadline, as the script compares it with what is stored.
pub(super) fn undated(value: &[u8]) -> Cow<'_, [u8]> {
    match table::pack(value) {
        Some(table) => [&[TABLE][..], &table].concat().into(),
        None => value.into(),
    }
}

/// What stands before a counter.
pub(super) fn prefix(expires: Timestamp) -> Vec<u8> {
    if expires == Timestamp::NEVER { Vec::new() } else { dated(DATED, expires) }
}

fn dated(mark: u8, expires: Timestamp) -> Vec<u8> {
    [&[mark][..], &moment(expires)].concat()
}

pub(super) fn moment(moment: Timestamp) -> [u8; 8] {
    moment.as_millis().to_be_bytes()
}

/// The deadline and the value of what is stored, if it is either of the four.
pub(super) fn stored(stored: &[u8]) -> Option<(Timestamp, Cow<'_, [u8]>)> {
    let deadline = |rest: &[u8]| Some(Timestamp::from_millis(u64::from_be_bytes(*rest.first_chunk()?)));
    match stored.split_first() {
        Some((&DATED, rest)) => Some((deadline(rest)?, rest[8..].into())),
        Some((&DATED_TABLE, rest)) => Some((deadline(rest)?, table::unpack(&rest[8..])?.into())),
        Some((&TABLE, table)) => Some((Timestamp::NEVER, table::unpack(table)?.into())),
        _ => Some((Timestamp::NEVER, stored.into())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;
    use crate::schema::to_bytes;

    #[derive(Serialize)]
    struct Line {
        sku: u32,
        count: u8,
    }

    fn value() -> impl Strategy<Value = Vec<u8>> {
        let lines = prop::collection::vec(any::<(u32, u8)>(), 0..9).prop_map(|lines| {
            to_bytes(&lines.into_iter().map(|(sku, count)| Line { sku, count }).collect::<Vec<_>>()).unwrap()
        });
        let marked = (prop::sample::select(vec![DATED, DATED_TABLE, TABLE]), any::<Vec<u8>>())
            .prop_map(|(mark, rest)| [&[mark][..], &rest].concat());
        prop_oneof![lines, marked, any::<Vec<u8>>()]
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in value(), expires in prop_oneof![Just(u64::MAX), any::<u64>()]) {
            let expires = if expires == u64::MAX { Timestamp::NEVER } else { Timestamp::from_millis(expires) };
            let stored_value = store(&value, expires);
            prop_assert_eq!(stored(&stored_value), Some((expires, value.into())));
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = stored(&bytes);
        }
    }

    #[test]
    fn a_cart_is_a_table() {
        let cart = to_bytes(&[1, 2, 3, 4, 5].map(|sku| Line { sku, count: 1 })).unwrap();
        assert_eq!((cart.len(), store(&cart, Timestamp::NEVER).len()), (66, 22));
        assert_eq!(*undated(&cart), *store(&cart, Timestamp::NEVER));
        assert_eq!(store(&cart, Timestamp::from_millis(7))[..9], [DATED_TABLE, 0, 0, 0, 0, 0, 0, 0, 7]);
    }
}
