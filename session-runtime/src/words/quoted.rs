//! Text from outside, fit to stand in a sentence.

use std::fmt;

/// How much of it is shown.
const LONGEST: usize = 64;

/// Text in backquotes: escaped, so that a line break in it stays within the sentence, and cut where it fills the log.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        let start: String = chars.by_ref().take(LONGEST).collect();
        write!(f, "`{}{}`", start.escape_debug(), if chars.next().is_some() { "…" } else { "" })
    }
}
