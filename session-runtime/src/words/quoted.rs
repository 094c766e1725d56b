//! Quotes text from outside for messages.

use std::fmt;

/// How many characters are shown.
const LONGEST: usize = 64;

/// Text in backquotes. It is escaped, so that a line break does not end the message, and cut, so that it cannot fill the log.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        let start: String = chars.by_ref().take(LONGEST).collect();
        write!(f, "`{}{}`", start.escape_debug(), if chars.next().is_some() { "…" } else { "" })
    }
}
