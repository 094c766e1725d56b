//! The place of a value in the settings, so that a message can name it.

use std::fmt;

use crate::error::Error;

/// The name of the place that holds a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Site<'a> {
    /// A key of a settings file: `idle`.
    Key(&'a str),
    /// An environment variable: `SESSION_IDLE`.
    Variable(&'a str),
}

impl Site<'_> {
    /// Returns the error for a wrong value in this place.
    pub(super) fn wrong(self, sentence: impl fmt::Display) -> Error {
        Error::setup(format!("{self}: {sentence}"))
    }
}

impl fmt::Display for Site<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(key) => write!(f, "`{key}`"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}
