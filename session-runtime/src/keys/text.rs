//! Parses keys from a variable, a setting, a file or a text, and describes wrong ones. The messages never show a key.

use std::{fmt, path::Path};

use base64ct::{Base64, Base64Unpadded, Base64Url, Base64UrlUnpadded, Encoding as _};
use cookie::time::{Date, Month, Time};
use zeroize::Zeroizing;

use super::{MasterKey, weak};
use crate::{clock::Timestamp, error::Error};

/// The command that makes a good key.
pub(crate) const MAKE: &str = "openssl rand -hex 32";

/// The fewest bytes of a key: 256 bits.
const LEAST: usize = 32;

/// The place where a key is written, for messages.
#[derive(Clone, Copy)]
pub(super) enum KeySource<'a> {
    Variable(&'a str),
    /// An option of a settings file, by its key.
    Setting(&'a str),
    File(&'a Path),
    /// A text that the application parses.
    Text,
    Argument,
}

impl fmt::Display for KeySource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Setting(key) => write!(f, "`{key}`"),
            Self::File(path) => write!(f, "the file {path:?}"),
            Self::Text => f.write_str("the text"),
            Self::Argument => f.write_str("the ring"),
        }
    }
}

/// A mistake in a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Character { at: usize },
    OddHex,
    Base64,
    Short { bytes: usize },
    Weak(weak::Weakness),
    Date,
    CurrentEnds,
    Twice { first: usize },
}

impl Flaw {
    /// Returns the message about the key at `index` (from 0) in `place`.
    pub(super) fn at(self, place: KeySource<'_>, index: usize) -> Error {
        let key = format!("the {} key of {place}", Nth(index));
        let better = format!("make a good one with `{MAKE}`");
        Error::setup(match self {
            Self::Character { at } => {
                format!("{key} is neither hexadecimal nor base64 at its {} character; {better}", Nth(at))
            }
            Self::OddHex => format!("{key} has an odd number of hexadecimal digits; {better}"),
            Self::Base64 => {
                format!("{key} is not complete base64: a character is missing, or there is one too many; {better}")
            }
            Self::Short { bytes } => format!("{key} has {bytes} bytes and needs at least {LEAST}; {better}"),
            Self::Weak(weakness) => format!("{key} {weakness}, so it can be guessed; {better}"),
            Self::Date => format!("{key} has no valid date after its `@`; write `KEY@2027-01-31`"),
            Self::CurrentEnds => {
                format!("{key} signs, so it cannot have an end; drop its date, or write a new key before it")
            }
            Self::Twice { first } => format!("{key} is the {} again; remove one of them", Nth(first)),
        })
    }
}

/// `1st`, `2nd`, `3rd` … for an index from 0.
struct Nth(usize);

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0 + 1;
        let ending = match (n % 10, n % 100) {
            (_, 11..=13) => "th",
            (1, _) => "st",
            (2, _) => "nd",
            (3, _) => "rd",
            _ => "th",
        };
        write!(f, "{n}{ending}")
    }
}

/// Parses the keys in `text`, the current one first.
pub(super) fn parse(text: &str, place: KeySource<'_>) -> Result<Vec<MasterKey>, Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let comment = matches!(place, KeySource::File(_)).then_some('#');
    let words = text
        .lines()
        .map(|line| comment.and_then(|mark| line.split_once(mark)).map_or(line, |(keys, _)| keys))
        .flat_map(|line| line.split(|c: char| c == ',' || c.is_ascii_whitespace()))
        .filter(|word| !word.is_empty());
    let mut keys = Vec::new();
    for (index, word) in words.enumerate() {
        let (bytes, end) = key(word, index).map_err(|flaw| flaw.at(place, index))?;
        keys.push(MasterKey::new(&bytes, end)?);
    }
    if keys.is_empty() {
        return Err(Error::setup(format!("{place} holds no key; write one made with `{MAKE}`")));
    }
    Ok(keys)
}

pub(super) fn not_text(place: KeySource<'_>) -> Error {
    Error::setup(format!("{place} holds bytes that are not text; write a key made with `{MAKE}`"))
}

/// Checks that a key's bytes are long enough, and not obviously made by hand.
pub(super) fn check_bytes(bytes: &[u8]) -> Result<(), Flaw> {
    if bytes.len() < LEAST {
        return Err(Flaw::Short { bytes: bytes.len() });
    }
    weak::of_bytes(bytes).map_or(Ok(()), |weakness| Err(Flaw::Weak(weakness)))
}

/// Parses `KEY` or `KEY@2027-01-31`.
fn key(word: &str, index: usize) -> Result<(Zeroizing<Vec<u8>>, Timestamp), Flaw> {
    let (word, date) = word.split_once('@').map_or((word, None), |(word, date)| (word, Some(date)));
    let end = match date {
        None => Timestamp::NEVER,
        Some(_) if index == 0 => return Err(Flaw::CurrentEnds),
        Some(date) => end_of_day(date).ok_or(Flaw::Date)?,
    };
    if weak::is_placeholder(word) {
        return Err(Flaw::Weak(weak::Weakness::Words));
    }
    let bytes = decode(word)?;
    check_bytes(&bytes)?;
    Ok((bytes, end))
}

/// Decodes hexadecimal if every character is a hexadecimal digit, otherwise base64. A random key in base64 practically never
/// looks like hexadecimal.
pub(super) fn decode(word: &str) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    if word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return hexadecimal(word);
    }
    let url = word.contains(['-', '_']);
    let body = word.trim_end_matches('=');
    let belongs =
        |c: char| c.is_ascii_alphanumeric() || if url { matches!(c, '-' | '_') } else { matches!(c, '+' | '/') };
    if let Some(at) = body.chars().position(|c| !belongs(c)) {
        return Err(Flaw::Character { at });
    }
    // Checks length and words before decoding: words decode as base64 only by chance, so messages about length and words are more
    // helpful than one about base64.
    let length = body.len() * 3 / 4;
    if length < LEAST {
        return Err(Flaw::Short { bytes: length });
    }
    if let Some(weakness) = weak::of_base64(body.as_bytes()) {
        return Err(Flaw::Weak(weakness));
    }
    // The bytes are wiped even if decoding fails halfway.
    let mut bytes = Zeroizing::new(vec![0; length + 3]);
    let decoded = match (url, body.len() == word.len()) {
        (false, false) => Base64::decode(word, &mut bytes),
        (false, true) => Base64Unpadded::decode(word, &mut bytes),
        (true, false) => Base64Url::decode(word, &mut bytes),
        (true, true) => Base64UrlUnpadded::decode(word, &mut bytes),
    };
    let decoded = decoded.map_err(|_| Flaw::Base64)?.len();
    bytes.truncate(decoded);
    Ok(bytes)
}

fn hexadecimal(word: &str) -> Result<Zeroizing<Vec<u8>>, Flaw> {
    let digits = |pair: &[u8]| pair.iter().try_fold(0, |byte, &c| Some(byte << 4 | char::from(c).to_digit(16)? as u8));
    if !word.len().is_multiple_of(2) {
        return Err(Flaw::OddHex);
    }
    // Allocated once: a vector that grows leaves half a key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(word.len() / 2));
    for pair in word.as_bytes().chunks(2) {
        bytes.push(digits(pair).ok_or(Flaw::OddHex)?);
    }
    Ok(bytes)
}

/// Returns the end of a day such as `2027-01-31`, in UTC: the first moment of the next day.
fn end_of_day(date: &str) -> Option<Timestamp> {
    let shaped = date.len() == 10
        && date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let mut parts = date.split('-').filter(|_| shaped);
    let year = parts.next()?.parse().ok()?;
    let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
    let day = parts.next()?.parse().ok()?;
    let next = Date::from_calendar_date(year, month, day).ok()?.next_day()?;
    let seconds = next.with_time(Time::MIDNIGHT).assume_utc().unix_timestamp();
    Some(Timestamp::from_millis(u64::try_from(seconds).ok()?.saturating_mul(1000)))
}
