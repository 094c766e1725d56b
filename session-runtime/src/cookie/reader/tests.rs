#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::Cell;

use proptest::prelude::*;

use super::*;

fn values<'a>(headers: &[&'a [u8]], name: &str) -> Vec<&'a [u8]> {
    match find(headers.iter().copied(), name) {
        Matches::None => vec![],
        Matches::Some(found) => found.values().to_vec(),
        other => panic!("{other:?}"),
    }
}

/// Returns whether the headers were too long, and how many times the scan looked at a byte.
fn counted(headers: &[&[u8]], name: &str) -> (bool, usize) {
    let steps = Cell::new(0);
    let found = scan(headers.iter().copied(), name.as_bytes(), || steps.set(steps.get() + 1));
    (found == Matches::TooLong, steps.get())
}

// S31: other parsers take these for `__Host-sid`.
#[test]
fn no_other_name_is_read_as_ours() {
    for name in [
        "%5F%5FHost-sid",
        "%5f%5fHost-sid",
        "__Host%2Dsid",
        "__Host-sid%20",
        "__Host-sid%00",
        "\u{2000}__Host-sid",
        "\u{a0}__Host-sid",
        "\u{85}__Host-sid",
        "__Host-sid\u{3000}",
        "\u{feff}__Host-sid",
        "__host-sid",
        "__HOST-SID",
        "__Host-Sid",
        "__Host-sid\0",
        "\0__Host-sid",
        "\x0b__Host-sid",
        "\x0c__Host-sid",
        "\r\n__Host-sid",
        "__Host-si",
        "__Host-sid2",
        "x__Host-sid",
        "Host-sid",
        "sid",
        "\"__Host-sid\"",
        "__Host-sid ",
        "__Host-sid\t",
        "=__Host-sid",
        "a=__Host-sid",
        "$Version",
        "__Host-sid,",
        ",__Host-sid",
    ] {
        let header = format!("{name}=evil; a=b");
        assert_eq!(values(&[header.as_bytes()], "__Host-sid"), [b""; 0], "{name:?}");
        let header = format!("a=b;{name}=evil; __Host-sid=good");
        assert_eq!(values(&[header.as_bytes()], "__Host-sid"), [b"good"], "{name:?}");
    }
    assert_eq!(values(&[b"\xa0__Host-sid=evil; \x85__Host-sid=evil"], "__Host-sid"), [b""; 0]);
}

// S31, B8: because of these, other parsers reject the whole header.
#[test]
fn neighbours_may_be_anything() {
    for neighbour in [
        &b"junk=\xff\xfe"[..],
        "junk=é".as_bytes(),
        b"",
        b"nameless",
        b"=valueless",
        b"a=",
        b"%ff=%ff",
        b"a=%zz",
        b"===",
        b"a=\"b",
        b"\"",
        b"\\",
        b"\0",
        b"a b c",
        b"\t \t",
        b"__Host-sid",
        b"__Host-si",
        b"$Path=/",
        b"a,b=c",
    ] {
        for header in [
            [neighbour, b"; __Host-sid=good"].concat(),
            [b"__Host-sid=good; ", neighbour].concat(),
            [neighbour, b";__Host-sid=good;", neighbour].concat(),
        ] {
            assert_eq!(values(&[&header], "__Host-sid"), [b"good"], "{}", header.escape_ascii());
        }
        assert_eq!(values(&[neighbour, b"__Host-sid=good", neighbour], "__Host-sid"), [b"good"]);
    }
}

// S31
#[test]
fn only_spaces_and_tabs_around_a_cookie_are_dropped() {
    for header in [&b"sid=v"[..], b" sid=v", b"\tsid=v\t", b"a=b;  \t sid=v \t ;c=d", b";sid=v;", b"sid=v ;"] {
        assert_eq!(values(&[header], "sid"), [b"v"]);
    }
    // The value is the raw bytes: quotes stay, nothing is decoded, and only `;` ends it.
    for (header, value) in [
        (&b"sid="[..], &b""[..]),
        (b"sid= v", b" v"),
        (b"sid=\"v\"", b"\"v\""),
        (b"sid=a=b", b"a=b"),
        (b"sid=%41", b"%41"),
        (b"sid=v\x0c", b"v\x0c"),
        (b"sid=\xff", b"\xff"),
        (b"sid=a,b", b"a,b"),
    ] {
        assert_eq!(values(&[header], "sid"), [value]);
    }
}

// S32, S33, B8
#[test]
fn all_cookies_of_our_name_are_found_in_all_headers() {
    assert_eq!(values(&[b"sid=1; sid=2"], "sid"), [b"1", b"2"]);
    assert_eq!(values(&[b"sid=2", b"a=b", b"sid=1"], "sid"), [b"2", b"1"]);
    assert_eq!(values(&[], "sid"), [b""; 0]);
    assert_eq!(values(&[b"", b""], "sid"), [b""; 0]);
    // A name does not continue in the next header.
    assert_eq!(values(&[b"si", b"d=1"], "sid"), [b""; 0]);
    assert!(matches!(find([&b"sid=1;".repeat(CANDIDATES)[..]], "sid"), Matches::Some(_)));
    assert_eq!(find([&b"sid=1;".repeat(CANDIDATES + 1)[..]], "sid"), Matches::TooMany);
}

// S34
#[test]
fn headers_that_are_too_long_are_not_read_in_part() {
    let edge = [&b"sid=1; a="[..], &vec![b'x'; LARGEST - 10]].concat();
    assert_eq!(values(&[&edge], "sid"), [b"1"]);
    assert_eq!(find([&edge[..], b""], "sid"), Matches::TooLong);
    assert_eq!(find([&[&edge[..], b"x"].concat()[..]], "sid"), Matches::TooLong);
    assert_eq!(find([&b"sid=1;"[..], &b"a=b;".repeat(PAIRS - 3)], "sid"), find([&b"sid=1"[..]], "sid"));
    assert_eq!(find([&b"sid=1;"[..], &b"a=b;".repeat(PAIRS - 2)], "sid"), Matches::TooLong);
    assert_eq!(find(std::iter::repeat_n(&b""[..], usize::MAX), "sid"), Matches::TooLong);
}

// S34: the work is linear in the length, measured by how often the scan looks at a byte.
#[test]
fn the_scan_takes_linear_time() {
    let a_mebibyte = |part: &[u8]| part.repeat(1024 * 1024 / part.len());
    for part in [&b"a=b;"[..], b";", b"\\", b" ", b"\t;", b"\"", b"sid", b"sid=", b"sid;", b"=", b"\xff"] {
        let (too_long, steps) = counted(&[&a_mebibyte(part)], "sid");
        assert!(too_long && steps == 0, "the scan of {} must stop before it looks at a byte", part.escape_ascii());

        let most = part.repeat((LARGEST - 1) / part.len());
        let (_, steps) = counted(&[&most], "sid");
        assert!(steps <= 4 * LARGEST, "{} took {steps} steps", part.escape_ascii());
        let (_, half) = counted(&[&most[..most.len() / 2]], "sid");
        assert!(steps <= 2 * half + 64, "{} took {half} steps for one half, {steps} for both", part.escape_ascii());
    }
    let (too_long, steps) = counted(&[&b";".repeat(60_000)], "sid");
    assert!(too_long && steps <= 12 * PAIRS);
    let name = "n".repeat(4000);
    let (_, steps) = counted(&[&format!("{};", "n".repeat(3999)).repeat(16).into_bytes()], &name);
    assert!(steps <= 4 * LARGEST, "a long name took {steps} steps");
}

proptest! {
    #[test]
    fn the_first_semicolon_is_found(mut bytes: Vec<u8>, ends in prop::collection::vec(0..40_usize, 0..3)) {
        bytes.resize(40, b':');
        ends.iter().for_each(|&end| bytes[end] = b';');
        let expected = bytes.iter().position(|&byte| byte == b';');
        prop_assert_eq!(first_semicolon(&bytes, || ()), expected);
    }

    // S31, B6, B8
    #[test]
    fn no_header_panics(headers: Vec<Vec<u8>>, name in "[!#-~&&[^;=,]]{1,9}") {
        let _ = find(headers.iter().map(Vec::as_slice), &name);
    }

    // S31, B8
    #[test]
    fn neighbours_never_change_what_is_found(
        neighbours in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
        at: prop::sample::Index,
        split: prop::sample::Index,
        value in "[A-Za-z0-9_-]{0,30}",
    ) {
        let mut pairs: Vec<Vec<u8>> = neighbours
            .iter()
            .map(|bytes| bytes.iter().copied().filter(|byte| *byte != b';').collect())
            .filter(|pair: &Vec<u8>| !pair.trim_ascii().starts_with(b"sid="))
            .collect();
        pairs.insert(at.index(pairs.len() + 1), format!("sid={value}").into_bytes());
        let (one, two) = pairs.split_at(split.index(pairs.len() + 1));
        let (one, two) = (one.join(&b"; "[..]), two.join(&b"; "[..]));
        prop_assert_eq!(values(&[&one, &two], "sid"), [value.as_bytes()]);
    }
}
