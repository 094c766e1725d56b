//! Runs each target of `tests/fuzz` on a few thousand inputs, so that the targets keep compiling and passing.
#![allow(missing_docs)]

use proptest::prelude::*;
use session_runtime::testing::fuzz;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let text = proptest::string::string_regex("[ -~\\n\\t]{0,200}").map(|text| text.prop_map(String::into_bytes));
    prop_oneof![any::<Vec<u8>>(), text.unwrap_or_else(|error| unreachable!("{error}"))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    // S31, S32, S33
    #[test]
    fn cookie_reader(bytes in bytes(), value in "[a-z=; \\t\\n]{0,60}") {
        fuzz::cookie_reader(&bytes);
        fuzz::cookie_reader(format!("a={value}; __Host-shop={value}").as_bytes());
    }

    // S4, S39
    #[test]
    fn token(bytes in bytes()) {
        fuzz::token(&bytes);
    }

    // S39
    #[test]
    fn sealed_cookie(bytes in bytes()) {
        fuzz::sealed_cookie(&bytes);
    }

    // S46, S59
    #[test]
    fn value(bytes in bytes()) {
        fuzz::value(&bytes);
    }

    // S46, S59
    #[test]
    fn table(bytes in bytes(), names in prop::collection::vec("[a-z]{1,9}", 1..4), rows in 2..20_u8) {
        fuzz::table(&bytes);
        // A list of structs of the same shape, with or without random bytes after it.
        let mut list = vec![0x90 | rows.min(15)];
        for row in 0..rows.min(15) {
            list.push(0x80 | names.len() as u8);
            for name in &names {
                list.push(0xa0 | name.len() as u8);
                list.extend(name.bytes());
                list.push(row);
            }
        }
        fuzz::table(&list);
        list.extend(&bytes);
        fuzz::table(&list);
        list[0] = names.len() as u8;
        fuzz::table(&list);
    }

    #[test]
    fn configuration(bytes in bytes(), name in "SESSION_[A-Z_]{0,12}", value in "[ -~]{0,40}") {
        fuzz::configuration(&bytes);
        fuzz::configuration(format!("{name}={value}").as_bytes());
        fuzz::configuration(format!("cookie:?{value}").as_bytes());
    }
}

// F10, S59: no memory is reserved for a length that the bytes only claim.
#[test]
fn hostile_lengths_reserve_little_memory() {
    let long = |head: &[u8], tail: &[u8]| [head, &vec![b'a'; 1 << 20], tail].concat();
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let hostile = [
        // A table with one name of a megabyte and a million rows: a terabyte, unpacked.
        long(&[1, 0xdb, 0, 0x10, 0, 0], &vec![7; 1 << 20]),
        // Lists, maps and texts with a huge length.
        vec![1, 0xa1, b'a', 0xdd, 0xff, 0xff, 0xff, 0xff],
        vec![0xdd, 0xff, 0xff, 0xff, 0xff, 0x81, 0xa1, b'a', 1],
        vec![0x92, 0xde, 0xff, 0xff, 0xdb, 0xff, 0xff, 0xff, 0xff],
        // Nested as deeply as the input is long.
        vec![0x91; 1 << 20],
        [&[1, 0xa1, b'a'][..], &vec![0x91; 1 << 20]].concat(),
        // A session with a huge length for its user or for a field.
        [&[2; 17][..], &[0; 9], &most].concat(),
        [&[0; 25][..], &[1], &most, b"a"].concat(),
        // Empty lists and markers.
        vec![0; 1 << 20],
    ];
    for bytes in hostile {
        for target in [fuzz::value, fuzz::table] {
            let reserved = allocation_counter::measure(|| target(&bytes)).bytes_max;
            let allowed = 12 * bytes.len() as u64 + (1 << 16);
            assert!(reserved <= allowed, "{reserved} bytes for {} that begin with {:x?}", bytes.len(), &bytes[..8]);
        }
    }
}
