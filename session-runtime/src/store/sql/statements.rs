//! The SQL statements, for a table of a given name on each kind of database.

use std::sync::Arc;

use super::name::Name;

/// How many values one batch of a scan holds.
pub(super) const SCANNED: usize = 256;

/// How many keys the statement `load_many` loads.
pub(super) const LOADED: usize = 64;

/// How many updates the statement `update_group` executes.
pub(super) const GROUPED: usize = 16;

/// The channel of PostgreSQL in which sessions that end are announced.
pub(super) const CHANNEL: &str = "session_ended";

/// A kind of database. Each has its own SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each has its feature")]
pub(super) enum Dialect {
    Postgres,
    /// MySQL and MariaDB.
    MySql,
    Sqlite,
}

/// One statement.
pub(super) type Sql = Arc<str>;

/// All statements of a store. Each lists its parameters, and the columns that it returns.
pub(super) struct Statements {
    /// id → revision, value.
    pub(super) load: Sql,
    /// [`LOADED`] ids → revision, value, id.
    pub(super) load_many: Sql,
    /// id, revision, expiry, value. Writes nothing, or fails as a duplicate, if the row exists.
    pub(super) insert: Sql,
    /// revision, expiry, value; id, and the revision that the row must have.
    pub(super) update: Sql,
    /// On SQLite, [`GROUPED`] updates: revision, expiry, value; id, and the revision that the row must have → 0, nothing, id of
    /// each row that was updated.
    pub(super) update_group: Sql,
    /// id, and the revision that the row must have.
    pub(super) delete: Sql,
    /// The last expiry to remove, twice.
    pub(super) delete_expired: Sql,
    /// The previous id, now → revision, value, id.
    pub(super) scan: Sql,
    /// Returns nothing. Fails unless the table has the columns of this store.
    pub(super) probe: Sql,
    /// → the database's clock, in milliseconds since 1970. `None`: the database is a file, and has no clock.
    pub(super) clock: Option<Sql>,
    /// → 0, the journal mode of a file.
    pub(super) journal_mode: Option<Sql>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect, name: &Name) -> Self {
        let table = name.quoted(dialect);
        let sql = |text: String| dialect.sql(&text);
        let or_nothing = match dialect {
            Dialect::Postgres | Dialect::Sqlite => " ON CONFLICT (id) DO NOTHING",
            // The store treats a duplicate as a refusal. `INSERT IGNORE` would hide other errors too.
            Dialect::MySql => "",
        };
        let limit = dialect.batch();
        let due = format!("SELECT id FROM {table} WHERE expires_at <= ? ORDER BY expires_at LIMIT {limit}");
        let (due, end) = match dialect {
            Dialect::Postgres => (format!("id IN ({due} FOR UPDATE SKIP LOCKED)"), String::new()),
            Dialect::Sqlite => (format!("id IN ({due})"), String::new()),
            Dialect::MySql => ("expires_at <= ?".to_owned(), format!(" ORDER BY expires_at LIMIT {limit}")),
        };
        let clock = match dialect {
            Dialect::Postgres => Some("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
            Dialect::MySql => Some("SELECT CAST(UNIX_TIMESTAMP() * 1000 AS SIGNED)"),
            Dialect::Sqlite => None,
        };
        let insert = format!("INSERT INTO {table} (id, revision, expires_at, value) VALUES (?, ?, ?, ?){or_nothing}");
        let update =
            format!("UPDATE {table} SET revision = ?, expires_at = ?, value = ? WHERE id = ? AND revision = ?");
        let delete = format!("DELETE FROM {table} WHERE id = ? AND revision = ?");
        Self {
            load: sql(format!("SELECT revision, value FROM {table} WHERE id = ?")),
            load_many: sql(format!(
                "SELECT revision, value, id FROM {table} WHERE id IN ({})",
                ["?"; LOADED].join(", ")
            )),
            insert: sql(insert),
            update: sql(update),
            update_group: sql(format!(
                "UPDATE {table} SET revision = new.column1, expires_at = new.column2, value = new.column3 \
                 FROM (VALUES {}) AS new WHERE {table}.id = new.column4 AND {table}.revision = new.column5 \
                 RETURNING 0, x'', id",
                ["(?, ?, ?, ?, ?)"; GROUPED].join(", ")
            )),
            delete: sql(delete),
            // Names the columns of this store, so that the statement fails on a table of another application. On PostgreSQL,
            // the second comparison reads the row after it is locked.
            delete_expired: sql(format!(
                "DELETE FROM {table} WHERE {due} AND expires_at <= ? AND revision IS NOT NULL AND value IS NOT NULL{end}"
            )),
            scan: sql(format!(
                "SELECT revision, value, id FROM {table} WHERE id > ? AND expires_at > ? ORDER BY id LIMIT {SCANNED}"
            )),
            probe: sql(format!("SELECT revision, value, id, expires_at FROM {table} WHERE 1 = 0")),
            clock: clock.map(Sql::from),
            journal_mode: (dialect == Dialect::Sqlite)
                .then(|| "SELECT 0, journal_mode FROM pragma_journal_mode".into()),
        }
    }
}

impl Dialect {
    /// Returns the statement with the parameters in this database's syntax. `text` has a `?` for each parameter.
    fn sql(self, text: &str) -> Sql {
        if self != Self::Postgres {
            return text.into();
        }
        let mut parts = text.split('?');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.enumerate().fold(first, |text, (index, part)| format!("{text}${}{part}", index + 1)).into()
    }

    /// Returns how many rows one statement of the clean-up removes: fewer on SQLite, where other writers wait meanwhile.
    pub(super) fn batch(self) -> u64 {
        match self {
            Self::Postgres | Self::MySql => 500,
            Self::Sqlite => 100,
        }
    }

    /// Returns the statements that create the table `sessions`, as an application's own migrations run them.
    fn tables(self) -> &'static str {
        match self {
            Self::Postgres => include_str!("tables/postgres.sql"),
            Self::MySql => include_str!("tables/mysql.sql"),
            Self::Sqlite => include_str!("tables/sqlite.sql"),
        }
    }

    /// Returns the statements that create a table of this name.
    pub(super) fn migration(self, name: &Name) -> String {
        let lines = self.tables().lines().map(|line| line.split("--").next().unwrap_or_default());
        let text = lines.collect::<Vec<_>>().join("\n");
        let (table, index) = (name.quoted(self), name.index(self));
        let parts = text.split("sessions_expiry").map(|part| part.replace("sessions", &table));
        let text = parts.collect::<Vec<_>>().join(&index);
        // PostgreSQL runs several statements that are sent together as one transaction. MySQL has no transactions for creating
        // tables.
        if self == Self::Sqlite { format!("BEGIN IMMEDIATE; {text} COMMIT") } else { text }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{Dialect, Name, Statements};

    #[test]
    fn parameters_are_numbered_on_postgres() {
        assert_eq!(&*Dialect::Postgres.sql("a = ? AND b = ?"), "a = $1 AND b = $2");
        assert_eq!(&*Dialect::MySql.sql("a = ? AND b = ?"), "a = ? AND b = ?");
    }

    #[test]
    fn table_and_index_get_the_name_of_the_table() {
        let name = Name::parse("web.sessions_shop").unwrap();
        let of = |dialect: Dialect| dialect.migration(&name);
        let postgres = of(Dialect::Postgres);
        assert!(postgres.contains("CREATE TABLE IF NOT EXISTS \"web\".\"sessions_shop\" ("), "{postgres}");
        assert!(
            postgres.contains("INDEX IF NOT EXISTS \"sessions_shop_expiry\" ON \"web\".\"sessions_shop\" (expires_at)")
        );
        assert!(of(Dialect::MySql).contains("INDEX `sessions_shop_expiry` (expires_at)"), "{}", of(Dialect::MySql));
        for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            let text = of(dialect);
            assert!(!text.contains("sessions ") && !text.contains("--"), "{text}");
            assert!(Statements::new(dialect, &name).load.contains("sessions_shop"));
        }
    }
}
