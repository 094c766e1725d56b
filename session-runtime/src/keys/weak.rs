//! Finds keys that a person made up. Each rule rejects a random key with a chance below one in ten million.
//!
//! No rule finds every guessable key. These rules find what people write: zeros, sequences such as 1, 2, 3, repetitions, words,
//! and the placeholders of examples (default keys: Shiro CVE-2016-4437, skupper CVE-2024-6535).

use std::fmt;

/// Why a key is not random. The message continues a sentence that begins with "the key".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weakness {
    Constant,
    Counted,
    Repeated,
    FewBytes,
    Text,
    Words,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Constant => "is one byte over and over",
            Self::Counted => "counts up or down",
            Self::Repeated => "repeats a short pattern",
            Self::FewBytes => "has too few different bytes for a random one",
            Self::Text => "is text instead of random bytes (decode hexadecimal or base64 first)",
            Self::Words => "looks like words or a placeholder",
        })
    }
}

/// Checks a key's bytes, at least 32.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<Weakness> {
    let mut seen = [false; 256];
    bytes.iter().for_each(|&byte| seen[usize::from(byte)] = true);
    let different = seen.iter().filter(|&&seen| seen).count();
    pattern(bytes)
        .or_else(|| is_text(bytes).then_some(Weakness::Text))
        .or_else(|| (different < 16).then_some(Weakness::FewBytes))
}

/// Checks the base64 text of a key of at least 32 bytes. (Hexadecimal needs no such check: its patterns show in the bytes.)
pub(super) fn of_base64(body: &[u8]) -> Option<Weakness> {
    // 43 random characters of base64 contain both cases; text such as `correct-horse-battery-staple-…` does not.
    let both = body.iter().any(u8::is_ascii_lowercase) && body.iter().any(u8::is_ascii_uppercase);
    pattern(body).or_else(|| (!both).then_some(Weakness::Words))
}

/// Returns whether a key's text contains a word that examples use. Shorter words would occur in random keys too.
pub(super) fn is_placeholder(word: &str) -> bool {
    const WORDS: [&[u8]; 16] = [
        b"changeme",
        b"change-me",
        b"change_me",
        b"changeit",
        b"placeholder",
        b"example",
        b"password",
        b"passphrase",
        b"secret",
        b"replace",
        b"insecure",
        b"default",
        b"session",
        b"development",
        b"your-key",
        b"your_key",
    ];
    WORDS.iter().any(|known| word.as_bytes().windows(known.len()).any(|part| part.eq_ignore_ascii_case(known)))
}

fn pattern(bytes: &[u8]) -> Option<Weakness> {
    let mut steps = [0_usize; 256];
    bytes.windows(2).for_each(|pair| steps[usize::from(pair[1].wrapping_sub(pair[0]))] += 1);
    // More than half of the bytes differ from the previous byte by the same step.
    match steps.iter().position(|&count| count > bytes.len() / 2) {
        Some(0) => Some(Weakness::Constant),
        Some(_) => Some(Weakness::Counted),
        None => is_repeated(bytes).then_some(Weakness::Repeated),
    }
}

/// Returns whether the bytes repeat a pattern of fewer than 32 bytes.
fn is_repeated(bytes: &[u8]) -> bool {
    (1..32.min(bytes.len() / 2 + 1)).any(|period| bytes[period..].iter().zip(bytes).all(|(later, byte)| later == byte))
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace()))
}
