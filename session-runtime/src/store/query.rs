//! Parses the query of a store's URL (the part after the `?`), and decodes percent encoding. (`sqlx` parses SQL URLs.)

use crate::error::Error;

/// The parameters after the question mark. Each can be taken once.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    /// A message that says what is wrong, without repeating any of the query.
    pub(super) fn parse(query: &str) -> Result<Self, &'static str> {
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        };
        query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        let index = self.0.iter().position(|(found, _)| found == name)?;
        Some(self.0.remove(index).1)
    }

    /// Returns whether every parameter has been taken.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns the URL without surrounding blanks: a URL read from a file ends with a line break (F26).
///
/// # Errors
/// If it contains a control character, which would become part of a path or a name.
pub(super) fn trimmed(url: &str) -> Result<&str, Error> {
    let url = url.trim();
    if url.contains(char::is_control) {
        return Err(Error::setup(
            "the store's URL has a line break or another control character in it: remove it, or write it percent-encoded",
        ));
    }
    Ok(url)
}

/// Decodes percent encoding.
///
/// # Errors
/// A message that says what is wrong, without repeating any of the text.
pub(super) fn decode(text: &str) -> Result<String, &'static str> {
    const FAULTY: &str = "a `%` must be followed by two hexadecimal digits of UTF-8; write a `%` itself as %25";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or(FAULTY)?;
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let (high, low) = digit(digits[0]).zip(digit(digits[1])).ok_or(FAULTY)?;
        bytes.push((high * 16 + low) as u8);
        rest = after;
    }
    String::from_utf8(bytes).map_err(|_| FAULTY)
}
