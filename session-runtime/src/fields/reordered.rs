//! Compares encoded maps and sets whose entries have no order, such as those of a `HashMap`: two equal ones are often encoded
//! in different orders.

use rmp::{Marker, decode::read_marker};
use serde::{Deserialize as _, de::IgnoredAny};

use crate::schema::MAX_DEPTH;

/// Returns whether two encoded maps or sets have the same entries, byte for byte, in any order.
///
/// This compares encoded entries, not decoded values. Two values may be equal by `==` although their stored forms differ: for
/// example, two cart lines whose `==` compares only the article number. A handler's change to their other fields must be
/// stored.
pub(super) fn is_reordered(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && entries(one).zip(entries(other)).is_some_and(|(one, other)| one == other)
}

/// Returns the entries of a map or a set, sorted; `None` if it is neither.
fn entries(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = bytes;
    let (count, values) = match read_marker(&mut rest).ok()? {
        Marker::FixMap(count) => (count.into(), 2),
        Marker::Map16 => (number(&mut rest, 2)?, 2),
        Marker::Map32 => (number(&mut rest, 4)?, 2),
        Marker::FixArray(count) => (count.into(), 1),
        Marker::Array16 => (number(&mut rest, 2)?, 1),
        Marker::Array32 => (number(&mut rest, 4)?, 1),
        _ => return None,
    };
    let mut entries = Vec::with_capacity(count.min(rest.len()));
    let mut reader = rmp_serde::Deserializer::new(rest);
    reader.set_max_depth(MAX_DEPTH); // the stored bytes may be damaged
    for _ in 0..count {
        for _ in 0..values {
            IgnoredAny::deserialize(&mut reader).ok()?;
        }
        let after = *reader.get_ref();
        entries.push(rest.get(..rest.len() - after.len())?);
        rest = after;
    }
    entries.sort_unstable();
    Some(entries)
}

fn number(rest: &mut &[u8], bytes: usize) -> Option<usize> {
    let (number, after) = rest.split_at_checked(bytes)?;
    *rest = after;
    Some(number.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::is_reordered;
    use crate::schema::to_bytes;

    fn are_reordered<T: serde::Serialize, U: serde::Serialize>(one: T, other: U) -> bool {
        is_reordered(&to_bytes(&one).unwrap(), &to_bytes(&other).unwrap())
    }

    #[test]
    fn maps_and_sets_with_the_same_entries_in_another_order_are_equal() {
        assert!(are_reordered([1, 2, 300], [300, 1, 2]));
        let (mut one, mut other) = (Vec::from_iter(0..70_000), Vec::from_iter(0..70_000));
        for length in [70_000, 1_000, 15] {
            one.truncate(length);
            other.truncate(length);
            other.reverse();
            assert!(are_reordered(&one, &other), "{length}");
            other.reverse();
        }
        let map = |pairs: &[(&str, u32)]| {
            serde_json::Value::Object(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect())
        };
        assert!(are_reordered(map(&[("a", 1), ("b", 2)]), map(&[("b", 2), ("a", 1)])));
        assert!(!are_reordered(map(&[("a", 1), ("b", 2)]), map(&[("a", 2), ("b", 1)])));
    }

    // F10
    #[test]
    fn bytes_that_are_nested_too_deeply_are_not_equal() {
        let deep = [&[0x91; 100_000][..], &[1]].concat();
        assert!(!is_reordered(&deep, &deep));
    }

    #[test]
    fn different_entries_are_not_equal() {
        assert!(!are_reordered([1, 1, 2], [1, 2, 2]));
        assert!(!are_reordered([[1, 2]], [[2, 1]]), "within an entry, order counts");
        assert!(!are_reordered("ab", "ba"));
        assert!(!is_reordered(&[0x92, 1], &[0x92, 1]), "truncated bytes are not compared");
    }
}
