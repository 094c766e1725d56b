//! Stores a list of structs as a table: the names of their fields once, followed by the rows.
//!
//! Values are MessagePack with the names of fields, which lets structs grow. As a result, every item of a list repeats each name;
//! in a shopping cart, the names take half of the bytes. A cookie has little room, so lists are stored as tables there. A table
//! is one byte for the number of columns, their names, and the values row by row.
//!
//! This is not compression: the length of a table does not depend on what the values have in common. But the length reveals
//! whether all items have the same names. If the items are maps, their names are data, so `secret` fields are not stored as
//! tables (SECURITY S43).

use rmp::{
    Marker,
    decode::read_marker,
    encode::{write_array_len, write_map_len},
};

/// The most bytes that a table may expand to. A few bytes of a table can repeat a long name a million times, so the table's
/// own length is not a bound (F10).
const MOST: usize = 1 << 20;

/// Returns the value as a table, if it is a list of at least two structs with the same field names.
pub(crate) fn pack(value: &[u8]) -> Option<Vec<u8>> {
    let mut rest = value;
    let rows = list(&mut rest)?; // most values are not lists, as their first byte shows
    if rows < 2 || value.len() > MOST {
        return None;
    }
    let names = names(rest)?;
    let mut table = Vec::with_capacity(value.len());
    table.push(u8::try_from(names.len()).ok()?);
    names.iter().for_each(|name| table.extend_from_slice(name));
    for _ in 0..rows {
        if fields(&mut rest)? as usize != names.len() {
            return None;
        }
        for name in &names {
            if text(&mut rest)? != *name {
                return None;
            }
            table.extend_from_slice(one(&mut rest)?);
        }
    }
    (rest.is_empty() && table.len() < value.len()).then_some(table)
}

/// Returns the list that [`pack`] made this table from.
pub(crate) fn unpack(table: &[u8]) -> Option<Vec<u8>> {
    let (&columns, mut rest) = table.split_first()?;
    let names = (0..columns).map(|_| text(&mut rest)).collect::<Option<Vec<_>>>()?;
    if names.is_empty() {
        return None;
    }
    let rows = rows(rest, names.len())?;
    // An upper bound of the value's length, and less than twice that length. It is checked before memory is reserved.
    let named = names.iter().try_fold(3_usize, |sum, name| sum.checked_add(name.len()))?;
    let length = (rows as usize).checked_mul(named)?.checked_add(5 + rest.len())?;
    if length > 2 * MOST {
        return None;
    }
    let mut value = Vec::new();
    value.try_reserve_exact(length).ok()?;
    write_array_len(&mut value, rows).ok()?;
    for _ in 0..rows {
        write_map_len(&mut value, columns.into()).ok()?;
        for name in &names {
            value.extend_from_slice(name);
            value.extend_from_slice(one(&mut rest)?);
        }
    }
    Some(value)
}

/// Returns how many rows the remaining values of a table make.
fn rows(mut rest: &[u8], columns: usize) -> Option<u32> {
    let mut values = 0_usize;
    while !rest.is_empty() {
        one(&mut rest)?;
        values += 1;
    }
    values.is_multiple_of(columns).then(|| u32::try_from(values / columns).ok())?
}

/// Returns the names of the struct that comes next.
fn names(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let names: Option<Vec<_>> = (0..fields(&mut rest)?)
        .map(|_| {
            let name = text(&mut rest)?;
            one(&mut rest)?;
            Some(name)
        })
        .collect();
    names.filter(|names| !names.is_empty())
}

/// Returns the number of items if a list begins here.
fn list(rest: &mut &[u8]) -> Option<u32> {
    match read_marker(rest).ok()? {
        Marker::FixArray(items) => Some(items.into()),
        // Only the shortest encoding of the length is accepted, since `unpack` writes that one.
        Marker::Array16 => length::<2>(rest).filter(|items| *items > 15),
        Marker::Array32 => length::<4>(rest).filter(|items| *items > 0xffff),
        _ => None,
    }
}

/// Returns the number of fields if a struct begins here.
fn fields(rest: &mut &[u8]) -> Option<u32> {
    match read_marker(rest).ok()? {
        Marker::FixMap(fields) => Some(fields.into()),
        Marker::Map16 => length::<2>(rest).filter(|fields| *fields > 15),
        _ => None,
    }
}

/// Returns the text that begins here, including its length prefix.
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut marker = *rest;
    match read_marker(&mut marker).ok()? {
        Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => one(rest),
        _ => None,
    }
}

/// Returns the value that begins here, with everything inside it.
fn one<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let whole = *rest;
    let mut open = 1_u64;
    while open > 0 {
        open -= 1;
        let (bytes, inner) = match read_marker(rest).ok()? {
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::True | Marker::False => (0, 0),
            Marker::U8 | Marker::I8 => (1, 0),
            Marker::U16 | Marker::I16 => (2, 0),
            Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
            Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
            Marker::FixStr(length) => (length.into(), 0),
            Marker::Str8 | Marker::Bin8 => (length::<1>(rest)?, 0),
            Marker::Str16 | Marker::Bin16 => (length::<2>(rest)?, 0),
            Marker::Str32 | Marker::Bin32 => (length::<4>(rest)?, 0),
            Marker::FixArray(items) => (0, items.into()),
            Marker::Array16 => (0, length::<2>(rest)?.into()),
            Marker::Array32 => (0, length::<4>(rest)?.into()),
            Marker::FixMap(fields) => (0, 2 * u64::from(fields)),
            Marker::Map16 => (0, 2 * u64::from(length::<2>(rest)?)),
            Marker::Map32 => (0, 2 * u64::from(length::<4>(rest)?)),
            // serde writes no extensions.
            _ => return None,
        };
        *rest = rest.get(bytes as usize..)?;
        open = open.checked_add(inner)?;
    }
    whole.get(..whole.len() - rest.len())
}

fn length<const N: usize>(rest: &mut &[u8]) -> Option<u32> {
    let (bytes, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(bytes.iter().fold(0, |length, byte| length << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    /// Encodes a value as fields are encoded: structs by the names of their fields.
    fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        rmp_serde::to_vec_named(value)
    }

    #[derive(Clone, Debug, Serialize)]
    struct Line {
        sku: u32,
        note: Option<String>,
        sizes: Vec<u16>,
    }

    fn line() -> impl Strategy<Value = Line> {
        (any::<u32>(), any::<Option<String>>(), prop::collection::vec(any::<u16>(), 0..20))
            .prop_map(|(sku, note, sizes)| Line { sku, note, sizes })
    }

    #[test]
    fn a_list_of_structs_names_their_fields_once() {
        let lines = vec![Line { sku: 1, note: None, sizes: vec![] }; 5];
        let value = to_bytes(&lines).unwrap();
        let table = pack(&value).unwrap();
        assert_eq!((value.len(), table.len()), (96, 31));
        assert_eq!(unpack(&table).unwrap(), value);
    }

    #[test]
    fn other_values_are_not_packed() {
        for value in [
            to_bytes(&7).unwrap(),
            to_bytes(&[1, 2, 3]).unwrap(),
            to_bytes("text").unwrap(),
            to_bytes(&[Line { sku: 1, note: None, sizes: vec![] }]).unwrap(),
            to_bytes(&[Some(Line { sku: 1, note: None, sizes: vec![] }), None]).unwrap(),
            to_bytes(&[std::collections::BTreeMap::from([(1, 2)]), [(1, 3)].into()]).unwrap(),
            to_bytes(&[std::collections::BTreeMap::from([("a", 2)]), [("b", 3)].into()]).unwrap(),
            to_bytes(&[std::collections::BTreeMap::<u8, u8>::new(), [].into()]).unwrap(),
            vec![],
            vec![0xc1],
            vec![0xdd, 0xff, 0xff, 0xff, 0xff, 0x81, 0xa1, b'a', 1],
            // A longer encoding than needed would be unpacked to the shortest one.
            vec![0xdc, 0, 2, 0x81, 0xa1, b'a', 1, 0x81, 0xa1, b'a', 2],
            vec![0x92, 0xde, 0, 1, 0xa1, b'a', 1, 0xde, 0, 1, 0xa1, b'a', 2],
        ] {
            assert_eq!(pack(&value), None, "{value:x?}");
        }
    }

    /// Returns a table with one column of this name, and this many rows of one byte.
    fn table(name: usize, rows: usize) -> Vec<u8> {
        let mut table = vec![1, 0xdb];
        table.extend((name as u32).to_be_bytes());
        table.resize(table.len() + name, b'a');
        table.resize(table.len() + rows, 7);
        table
    }

    // F10: two megabytes would become a terabyte.
    #[test]
    fn a_table_that_would_become_huge_is_refused() {
        assert_eq!(unpack(&table(1 << 20, 1 << 20)), None);
        assert_eq!(unpack(&table(60_000, 60_000)), None);
        assert_eq!(unpack(&table(10, 1 << 20)), None);
        assert_eq!(unpack(&table(100, 1_000)).map(|value| value.len()), Some(3 + 1_000 * 107));
        assert_eq!(unpack(&[255; 300]), None);
        assert_eq!(unpack(&[1, 0xa1, b'a', 0xdd, 0xff, 0xff, 0xff, 0xff, 0]), None);
    }

    #[test]
    fn every_packed_table_can_be_unpacked() {
        let long = Line { sku: 1, note: Some("x".repeat(60)), sizes: vec![] };
        for rows in [10_000, 11_000, 20_000] {
            let value = to_bytes(&vec![long.clone(); rows]).unwrap();
            match pack(&value) {
                Some(table) => assert_eq!(unpack(&table).as_ref(), Some(&value)),
                None => assert!(value.len() > MOST),
            }
        }
    }

    proptest! {
        #[test]
        fn every_list_round_trips(lines in prop::collection::vec(line(), 2..40)) {
            let value = to_bytes(&lines).unwrap();
            prop_assert_eq!(unpack(&pack(&value).unwrap()).unwrap(), value);
        }

        #[test]
        fn packing_and_unpacking_any_bytes_does_not_panic(bytes: Vec<u8>) {
            if let Some(table) = pack(&bytes) {
                prop_assert_eq!(unpack(&table), Some(bytes.clone()));
            }
            let _ = unpack(&bytes);
        }
    }
}
