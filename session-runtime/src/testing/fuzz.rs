//! The targets of the fuzzer in `tests/fuzz`: one for each parser of untrusted bytes. A target panics if its parser does not
//! behave as documented.

use std::sync::LazyLock;

use super::settings;
use crate::{
    clock::Timestamp,
    cookie::{Brought, SessionCookie, TokenSigner, find_all, present},
    event::Events,
    id::{Selector, Verifier},
    keys::KeyRing,
    record::table,
    store::StoreUrl,
    value::reads_or_is_damaged,
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const APP: &str = "shop";
const NAME: &str = "__Host-shop";

static KEYS: LazyLock<KeyRing> = LazyLock::new(KeyRing::generate);

/// Checks that the cookie reader finds the same values of a name as a naive parser. `bytes` are `Cookie` headers, separated by
/// line breaks.
pub fn cookie_reader(bytes: &[u8]) {
    let headers: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    for name in ["a", NAME] {
        let mut plain = Vec::new();
        for pair in headers.iter().flat_map(|header| header.split(|byte| *byte == b';')) {
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
            let start = pair.iter().position(|byte| !blank(byte)).unwrap_or(pair.len());
            let end = pair.iter().rposition(|byte| !blank(byte)).map_or(start, |end| end + 1);
            let value = pair[start..end].strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"="));
            plain.extend(value);
        }
        let found = find_all(headers.iter().copied(), name);
        assert!(found.is_none_or(|found| plain == found.values()), "{found:?}, {plain:?}");
        let brought = present(headers.iter().copied(), name, &Events::default(), Some, |first, other| first == other);
        match brought {
            Brought::Nothing => {}
            Brought::One(one) => assert!(plain.contains(&one), "{one:?}"),
            Brought::Several(several) => assert!(several.iter().all(|one| plain.contains(one)), "{several:?}"),
        }
    }
}

/// Checks that a token opens only if it is genuine. `bytes` are tried as a token, and as changes to a genuine one.
pub fn token(bytes: &[u8]) {
    static GENUINE: LazyLock<Option<(TokenSigner, String)>> = LazyLock::new(|| {
        let signer = TokenSigner::new(&KEYS, APP, NAME).ok()?;
        let token = signer.sign(Selector::random().ok()?, &Verifier::random().ok()?);
        Some((signer, token))
    });
    let Some((signer, token)) = &*GENUINE else { return };
    assert!(signer.open(bytes, NOW).is_none() || bytes == token.as_bytes());
    let changed = changed(token.as_bytes(), bytes);
    assert_eq!(signer.open(&changed, NOW).is_some(), changed == token.as_bytes());
}

/// Checks that a session in a cookie opens only if the cookie is genuine. `bytes` are tried as a cookie, as changes to a genuine
/// one, and as the content of a genuine one.
pub fn sealed_cookie(bytes: &[u8]) {
    static COOKIES: LazyLock<Vec<(SessionCookie, String)>> =
        LazyLock::new(|| SessionCookie::for_fuzzing(&KEYS, APP, NAME, NOW).unwrap_or_default());
    for (cookie, genuine) in COOKIES.iter() {
        assert!(!cookie.opens(bytes, NOW) || bytes == genuine.as_bytes());
        let changed = changed(genuine.as_bytes(), bytes);
        assert_eq!(cookie.opens(&changed, NOW), changed == genuine.as_bytes());
        cookie.reads(bytes, NOW);
    }
}

/// Checks that a stored value is either read or reported as damaged. `bytes` are tried as a value, and as the content of a value
/// of each class.
pub fn value(bytes: &[u8]) {
    reads_or_is_damaged(bytes);
    for class in 0..7 {
        let mut value = vec![0; 19];
        value[8] = 0x10 | class;
        value.extend(bytes);
        reads_or_is_damaged(&value);
    }
}

/// Checks that packing a list of structs into a table can be reversed. `bytes` are tried as a field's value, and as a table.
pub fn table(bytes: &[u8]) {
    if let Some(table) = table::pack(bytes) {
        assert!(table.len() < bytes.len());
        assert_eq!(table::unpack(&table).as_deref(), Some(bytes));
    }
    if let Some(value) = table::unpack(bytes)
        && let Some(table) = table::pack(&value)
    {
        assert_eq!(table::unpack(&table), Some(value));
    }
}

/// Checks that each error about settings or store URLs is one line of text. `bytes` are tried as lines of settings, and as a URL.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for said in [settings(&text).err(), text.parse::<StoreUrl>().err()].into_iter().flatten() {
        let said = said.to_string();
        assert!(!said.is_empty() && !said.contains('\n'), "{said}");
    }
}

/// Returns `genuine`, truncated or extended, and with some of its bytes changed, as `bytes` determine.
fn changed(genuine: &[u8], bytes: &[u8]) -> Vec<u8> {
    let Some((&length, bytes)) = bytes.split_first() else { return genuine.to_vec() };
    let mut changed = genuine.to_vec();
    match length {
        0 => {}
        1..=127 => changed.truncate(genuine.len().saturating_sub(length.into())),
        _ => changed.extend(bytes.iter().take(usize::from(length) - 127)),
    }
    for pair in bytes.chunks_exact(2) {
        let at = usize::from(pair[0]) * changed.len() / 256;
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= pair[1];
        }
    }
    changed
}
