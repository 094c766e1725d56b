//! Where in the settings a value stands, so that what is wrong with it can be said with its name.

use std::fmt;

use crate::error::Error;

/// The name under which a value was found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Site<'a> {
    /// A key of a settings file: `idle`.
    Key(&'a str),
    /// An environment variable: `SESSION_IDLE`.
    Variable(&'a str),
}

impl Site<'_> {
    /// The error that says what is wrong here.
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
