//! Where the bytes of this project's keys on Redis go. Reads stored values as `docs/format.md` describes them.

use redis::{Connection, cmd};
use session_runtime::store::{Class, Value};

/// The bytes of a digest of a verifier, and of a session's key in a list.
const DIGEST: usize = 16;
/// The bytes of a nonce.
const NONCE: usize = 8;

/// A key, by parts.
pub struct Parts {
    pub what: &'static str,
    /// The least that any layout takes, without the names of the fields.
    pub floor: usize,
    pub rows: Vec<(&'static str, usize)>,
}

impl Parts {
    pub fn total(&self) -> usize {
        self.rows.iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Returns the parts of a session's key and of a user's list's key among `keys`, in this order.
pub fn parts(redis: &mut Connection, keys: &[Vec<u8>]) -> Vec<Parts> {
    [Class::User, Class::List]
        .into_iter()
        .filter_map(|class| keys.iter().find_map(|key| of(redis, key, class)))
        .collect()
}

fn of(redis: &mut Connection, key: &[u8], class: Class) -> Option<Parts> {
    let value: Vec<u8> = cmd("GET").arg(key).query(redis).unwrap();
    if Value::from_bytes(value.clone()).class() != class {
        return None;
    }
    let total = usage(redis, key);
    // A key of the same length.
    let other = vec![b'0'; key.len()];
    cmd("SET").arg(&other).arg("").arg("PX").arg(60_000).exec(redis).unwrap();
    let empty = usage(redis, &other);
    cmd("DEL").arg(&other).exec(redis).unwrap();
    let head = value.len().min(Value::HEADER_BYTES);
    let mut rows = vec![
        ("Redis: a key of this name and length, with an empty value", empty),
        ("the revision, which a write compares", 8),
        ("version and class, expiry, scope", head - 8),
    ];
    let (what, own) = match class {
        Class::User => ("a user's session", session(&mut rows, &value[head..])),
        _ => ("a user's list with one entry", list(&mut rows, value.len() - head)),
    };
    let floor = empty + 8 + own;
    let counted: usize = rows.iter().map(|(_, bytes)| bytes).sum();
    rows.push(("the allocator, which rounds up", total.saturating_sub(counted)));
    Some(Parts { what, floor, rows })
}

fn usage(redis: &mut Connection, key: &[u8]) -> usize {
    cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0).query(redis).unwrap()
}

/// Adds the parts of a session that was written only once. Returns the bytes that any layout needs: the digest, the nonces and
/// the values.
fn session(rows: &mut Vec<(&'static str, usize)>, content: &[u8]) -> usize {
    let (flags, marks) = (content[0], content[1 + DIGEST]);
    assert_eq!(flags & !3, 0, "a session that has just begun has no former verifier");
    let nonces = usize::from(marks & 7) * NONCE;
    let mut rest = Rest { bytes: content, at: 2 + DIGEST };
    if marks & 8 == 0 {
        rest.numbers(2);
    }
    rest.at += nonces;
    rest.numbers(2 + [16, 32, 64].iter().filter(|mark| marks & **mark == 0).count());
    if flags & 2 == 0 {
        let length = rest.number();
        rest.at += length;
    }
    let fields = rest.number();
    let bookkeeping = rest.at - DIGEST - nonces;
    let (mut names, mut values) = (0, 0);
    for _ in 0..fields {
        let from = rest.at;
        let name = usize::from(content[rest.at]);
        rest.at += 1;
        let value = rest.number();
        rest.numbers(name >> 7);
        rest.at += name & 0x7f;
        names += rest.at - from;
        rest.at += value;
        values += value;
    }
    assert_eq!(rest.at, content.len());
    rows.extend([
        ("digest of the cookie's verifier", DIGEST),
        ("nonces of the last writes", nonces),
        ("flags, times, and the number of fields", bookkeeping),
        ("names and lengths of the fields", names),
        ("values of the fields, in MessagePack", values),
    ]);
    DIGEST + nonces + values
}

fn list(rows: &mut Vec<(&'static str, usize)>, length: usize) -> usize {
    rows.extend([("the session's key", DIGEST), ("number of entries, and the entry's times", length - DIGEST)]);
    DIGEST
}

struct Rest<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Rest<'_> {
    /// Reads a number in LEB128.
    fn number(&mut self) -> usize {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.bytes[self.at];
            self.at += 1;
            number |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return number;
            }
        }
    }

    fn numbers(&mut self, count: usize) {
        for _ in 0..count {
            self.number();
        }
    }
}
