//! What the tables are called.

use super::statements::Dialect;
use crate::error::Error;

/// The longest name, so that with what is added to it PostgreSQL does not cut it.
const LONGEST: usize = 48;

/// The table with the sessions, in a schema perhaps. The other one is called the same and `_users`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    schema: Option<String>,
    table: String,
}

impl Name {
    /// A name that needs no check.
    pub(super) fn new(table: &'static str) -> Self {
        Self { schema: None, table: table.to_owned() }
    }

    pub(super) fn parse(name: &str) -> Result<Self, Error> {
        let (schema, table) = match name.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, name),
        };
        // Quoted, they could be anything; but then nobody would want to write a statement by hand.
        let fits = |part: &str| {
            let mut bytes = part.bytes();
            part.len() <= LONGEST
                && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
                && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        if !fits(table) || !schema.is_none_or(fits) {
            return Err(Error::setup(format!(
                "`{}` cannot name the table of sessions: write `table` or `schema.table`, of ASCII letters, digits and \
                 `_`, each at most {LONGEST} long",
                name.escape_debug()
            )));
        }
        Ok(Self { schema: schema.map(str::to_owned), table: table.to_owned() })
    }

    /// The table of this name and `end`, so quoted that no word of SQL is in the way.
    pub(super) fn quoted(&self, dialect: Dialect, end: &str) -> String {
        let table = self.index(dialect, end);
        match &self.schema {
            Some(schema) => format!("{}.{table}", dialect.quote(schema)),
            None => table,
        }
    }

    /// An index of it, which is in the schema of its table without saying so.
    pub(super) fn index(&self, dialect: Dialect, end: &str) -> String {
        dialect.quote(&format!("{}{end}", self.table))
    }

    pub(super) fn has_schema(&self) -> bool {
        self.schema.is_some()
    }
}

impl Dialect {
    fn quote(self, name: &str) -> String {
        match self {
            Self::MySql => format!("`{name}`"),
            Self::Postgres | Self::Sqlite => format!("\"{name}\""),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{Dialect, Name};

    #[test]
    fn names_that_need_no_thought_are_taken() {
        for name in ["sessions", "_s1", "web.Sessions"] {
            assert!(Name::parse(name).is_ok(), "{name}");
        }
        for name in ["", "1s", "a-b", "a b", "a.b.c", ".a", "a.", "s\"", "s;--", "é", &"s".repeat(49)] {
            assert!(Name::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_are_quoted() {
        let name = Name::parse("web.order").unwrap();
        assert_eq!(name.quoted(Dialect::Postgres, "_users"), "\"web\".\"order_users\"");
        assert_eq!(name.quoted(Dialect::MySql, ""), "`web`.`order`");
    }
}
