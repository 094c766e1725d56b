//! The name of the table.

use super::statements::Dialect;
use crate::error::Error;

/// The longest name. PostgreSQL truncates names after 63 bytes, and the index's name adds `_expiry`.
const LONGEST: usize = 48;

/// The name of the table, perhaps with its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    schema: Option<String>,
    table: String,
}

impl Name {
    /// Creates a name that needs no check.
    pub(super) fn new(table: &'static str) -> Self {
        Self { schema: None, table: table.to_owned() }
    }

    pub(super) fn parse(name: &str) -> Result<Self, Error> {
        let (schema, table) = match name.split_once('.') {
            Some((schema, table)) => (Some(schema), table),
            None => (None, name),
        };
        // A quoted name could contain anything, but would be hard to use in a statement written by hand.
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

    /// Returns the table's name, quoted, so that it may be an SQL keyword.
    pub(super) fn quoted(&self, dialect: Dialect) -> String {
        let table = dialect.quote(&self.table);
        match &self.schema {
            Some(schema) => format!("{}.{table}", dialect.quote(schema)),
            None => table,
        }
    }

    /// Returns the name of the table's index, without the schema: an index is always in its table's schema.
    pub(super) fn index(&self, dialect: Dialect) -> String {
        dialect.quote(&format!("{}_expiry", self.table))
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
    fn only_names_of_letters_digits_and_underscores_are_accepted() {
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
        assert_eq!(name.quoted(Dialect::Postgres), "\"web\".\"order\"");
        assert_eq!(name.quoted(Dialect::MySql), "`web`.`order`");
        assert_eq!(name.index(Dialect::MySql), "`order_expiry`");
    }
}
