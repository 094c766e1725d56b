//! The SQL, for tables of a given name on each kind of database. Parameters are written `?`, in the order in which they
//! are given.

use std::sync::Arc;

use super::name::Name;

/// How many sessions a scan gives at once.
pub(super) const SCANNED: usize = 256;

/// A kind of database, whose SQL differs from the others'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "each has its feature")]
pub(super) enum Dialect {
    Postgres,
    /// MariaDB too.
    MySql,
    Sqlite,
}

/// One statement.
pub(super) type Sql = Arc<str>;

/// All that a store says to its database. With each its parameters, and what it answers.
pub(super) struct Statements {
    dialect: Dialect,
    users: String,
    /// id → record, revision.
    pub(super) load: Sql,
    /// id, revision, expiry, user, record. Fails, or does nothing, if there is one.
    pub(super) insert: Sql,
    /// revision, expiry, user, record; id and the revision that it must have.
    pub(super) update: Sql,
    /// revision, record; id and the revision that it must have: where expiry and user stay. SQLite writes an index anew for
    /// a column that is set, also to what it was.
    pub(super) rewrite: Sql,
    /// id.
    pub(super) delete: Sql,
    /// id: what else it takes, if that was there.
    pub(super) delete_entries: Option<Sql>,
    /// id, revision → id, revision of what it removed, with its entries, where one statement can.
    pub(super) end: Option<Sql>,
    /// id, revision.
    pub(super) discard: Sql,
    /// now, now.
    pub(super) delete_expired: Sql,
    /// user → id, place: the last entry of a user, where `enter` does not look itself.
    pub(super) last: Option<Sql>,
    /// id, user, moment, the least place, user if it looks itself, when to check.
    pub(super) enter: Sql,
    /// user → id, when it was entered.
    pub(super) entries: Sql,
    /// How long an entry stands without a session; id, user.
    pub(super) check: Sql,
    /// now, now: the entries that are to be checked, and whose session is not there.
    pub(super) forget: Sql,
    /// When at the latest to check again, now, now: the others that are to be checked.
    pub(super) recheck: Sql,
    /// The id before, now → record, revision, id.
    pub(super) scan: Sql,
    /// Nothing, for a look whether the tables are ours.
    pub(super) probes: [Sql; 2],
}

impl Statements {
    pub(super) fn new(dialect: Dialect, name: &Name) -> Self {
        let (s, u) = (name.quoted(dialect, ""), name.quoted(dialect, "_users"));
        let sql = |text: String| dialect.sql(&text);
        let delete = match dialect {
            Dialect::Postgres => {
                let gone = format!("DELETE FROM {s} WHERE id = ? RETURNING id");
                format!("WITH gone AS ({gone}) DELETE FROM {u} WHERE id IN (SELECT id FROM gone)")
            }
            Dialect::MySql | Dialect::Sqlite => format!("DELETE FROM {s} WHERE id = ?"),
        };
        let end = (dialect == Dialect::Postgres).then(|| {
            // By what was removed: a condition looks at the table as it was before, also where another was first.
            let gone = format!("DELETE FROM {s} WHERE id = ? AND revision = ? RETURNING id, revision");
            let left = format!("DELETE FROM {u} WHERE id IN (SELECT id FROM gone)");
            format!("WITH gone AS ({gone}), left_lists AS ({left}) SELECT id, revision FROM gone")
        });
        let entries = format!("DELETE FROM {u} WHERE id = ?");
        let insert = match dialect {
            Dialect::Postgres | Dialect::Sqlite => " ON CONFLICT DO NOTHING",
            // A duplicate is an error that is understood; IGNORE would ignore others too.
            Dialect::MySql => "",
        };
        let replace = match dialect {
            Dialect::Postgres | Dialect::Sqlite => {
                "ON CONFLICT (id, user_hash) DO UPDATE SET \
                 entered_at = excluded.entered_at, place = excluded.place, check_at = excluded.check_at"
            }
            Dialect::MySql => {
                "ON DUPLICATE KEY UPDATE \
                 entered_at = VALUES(entered_at), place = VALUES(place), check_at = VALUES(check_at)"
            }
        };
        let limit = dialect.batch();
        // The rows of a batch of which `moment` has come: a condition, and what stands at the statement's end.
        let batch = |table: &str, key: &str, moment: &str, lock: &str| {
            let due = format!("SELECT {key} FROM {table} WHERE {moment} <= ? ORDER BY {moment} LIMIT {limit}");
            match dialect {
                Dialect::Postgres => (format!("({key}) IN ({due}{lock})"), String::new()),
                Dialect::Sqlite => (format!("({key}) IN ({due})"), String::new()),
                Dialect::MySql => (format!("{moment} <= ?"), format!(" ORDER BY {moment} LIMIT {limit}")),
            }
        };
        let (expired, expired_end) = batch(&s, "id", "expires_at", " FOR UPDATE SKIP LOCKED");
        let (due, due_end) = batch(&u, "id, user_hash", "check_at", " FOR UPDATE SKIP LOCKED");
        // Names what only ours has: on any other table of this name it is an error.
        let ours = "revision IS NOT NULL AND record IS NOT NULL";
        // After those of nodes whose clocks are ahead. On MySQL who looks and writes in one statement locks others out, who
        // lock it out in turn.
        let later =
            |greater: &str| format!("{greater}(?, (SELECT COALESCE(MAX(place), 0) + 1 FROM {u} WHERE user_hash = ?))");
        let last = format!("SELECT id, place FROM {u} WHERE user_hash = ? ORDER BY place DESC LIMIT 1");
        let (less, place, last) = match dialect {
            Dialect::Postgres => ("LEAST", later("GREATEST"), None),
            Dialect::Sqlite => ("MIN", later("MAX"), None),
            Dialect::MySql => ("LEAST", "?".to_owned(), Some(last)),
        };
        let there =
            format!("SELECT 1 FROM {s} WHERE {s}.id = {u}.id AND {s}.user_hash = {u}.user_hash AND {s}.expires_at > ?");
        Self {
            load: sql(format!("SELECT record, revision FROM {s} WHERE id = ?")),
            insert: sql(format!(
                "INSERT INTO {s} (id, revision, expires_at, user_hash, record) VALUES (?, ?, ?, ?, ?){insert}"
            )),
            update: sql(format!(
                "UPDATE {s} SET revision = ?, expires_at = ?, user_hash = ?, record = ? WHERE id = ? AND revision = ?"
            )),
            rewrite: sql(format!("UPDATE {s} SET revision = ?, record = ? WHERE id = ? AND revision = ?")),
            delete: sql(delete),
            delete_entries: (dialect != Dialect::Postgres).then(|| sql(entries)),
            end: end.map(sql),
            discard: sql(format!("DELETE FROM {s} WHERE id = ? AND revision = ?")),
            delete_expired: sql(format!("DELETE FROM {s} WHERE {expired} AND expires_at <= ? AND {ours}{expired_end}")),
            last: last.map(sql),
            enter: sql(format!(
                "INSERT INTO {u} (id, user_hash, entered_at, place, check_at) VALUES (?, ?, ?, {place}, ?) {replace}"
            )),
            entries: sql(format!("SELECT id, entered_at FROM {u} WHERE user_hash = ? ORDER BY place, id")),
            check: sql(format!("UPDATE {u} SET check_at = entered_at + ? WHERE id = ? AND user_hash = ?")),
            forget: sql(format!("DELETE FROM {u} WHERE {due} AND NOT EXISTS ({there}){due_end}")),
            recheck: sql(format!(
                "UPDATE {u} SET check_at = {less}(?, (SELECT {s}.expires_at FROM {s} WHERE {s}.id = {u}.id)) \
                 WHERE {due} AND EXISTS ({there}){due_end}"
            )),
            scan: sql(format!(
                "SELECT record, revision, id FROM {s} WHERE id > ? AND expires_at > ? ORDER BY id LIMIT {SCANNED}"
            )),
            probes: [
                sql(format!("SELECT record, revision, id, expires_at, user_hash FROM {s} WHERE 1 = 0")),
                sql(format!("SELECT id, entered_at, user_hash, place, check_at FROM {u} WHERE 1 = 0")),
            ],
            dialect,
            users: u,
        }
    }

    /// user, and so many ids.
    pub(super) fn leave(&self, count: usize) -> Sql {
        let places = vec!["?"; count].join(", ");
        self.dialect.sql(&format!("DELETE FROM {} WHERE user_hash = ? AND id IN ({places})", self.users))
    }
}

impl Dialect {
    /// How many rows one statement of the clean-up touches. Fewer where others cannot write meanwhile.
    pub(super) fn batch(self) -> u64 {
        match self {
            Self::Postgres | Self::MySql => 500,
            Self::Sqlite => 100,
        }
    }

    /// With parameters as this kind of database wants them.
    fn sql(self, text: &str) -> Sql {
        if self != Self::Postgres {
            return text.into();
        }
        let mut parts = text.split('?');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.enumerate().fold(first, |text, (index, part)| format!("{text}${}{part}", index + 1)).into()
    }

    /// The statements that create the tables, as an application's own migrations run them.
    fn tables(self) -> &'static str {
        match self {
            Self::Postgres => include_str!("tables/postgres.sql"),
            Self::MySql => include_str!("tables/mysql.sql"),
            Self::Sqlite => include_str!("tables/sqlite.sql"),
        }
    }

    /// The same for tables of this name.
    pub(super) fn migration(self, name: &Name) -> String {
        let lines = self.tables().lines().map(|line| line.split("--").next().unwrap_or_default());
        let text = self.renamed(&lines.collect::<Vec<_>>().join("\n"), name);
        // Several statements at once are one transaction on PostgreSQL, and none on MySQL, whatever one says.
        if self == Self::Sqlite { format!("BEGIN IMMEDIATE; {text} COMMIT") } else { text }
    }

    /// The text with its tables and indexes named after `name`.
    fn renamed(self, text: &str, name: &Name) -> String {
        // The longer before what they begin with.
        let indexes = ["_users_check", "_users_user", "_expiry"].map(|end| (end, name.index(self, end)));
        let tables = ["_users", ""].map(|end| (end, name.quoted(self, end)));
        let all = indexes.into_iter().chain(tables).enumerate();
        let (marked, names) = all.fold((text.to_owned(), Vec::new()), |(text, mut names), (at, (end, name))| {
            let mark = format!("\0{at}\0");
            let text = text.replace(&format!("sessions{end}"), &mark);
            names.push((mark, name));
            (text, names)
        });
        names.into_iter().fold(marked, |text, (mark, name)| text.replace(&mark, &name))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::{Dialect, Name, Statements};

    #[test]
    fn parameters_are_numbered_where_they_must_be() {
        assert_eq!(&*Dialect::Postgres.sql("a = ? AND b = ?"), "a = $1 AND b = $2");
        assert_eq!(&*Dialect::MySql.sql("a = ? AND b = ?"), "a = ? AND b = ?");
    }

    #[test]
    fn tables_and_indexes_are_named_after_the_table() {
        let name = Name::parse("web.shop").unwrap();
        let of = |dialect: Dialect| dialect.migration(&name);
        let postgres = of(Dialect::Postgres);
        assert!(postgres.contains("CREATE TABLE IF NOT EXISTS \"web\".\"shop\" ("), "{postgres}");
        assert!(postgres.contains("INDEX IF NOT EXISTS \"shop_users_check\" ON \"web\".\"shop_users\" (check_at)"));
        let mysql = of(Dialect::MySql);
        assert!(mysql.contains("INDEX `shop_expiry` (expires_at)"), "{mysql}");
        for dialect in [Dialect::Postgres, Dialect::MySql, Dialect::Sqlite] {
            let text = of(dialect);
            assert!(!text.contains("sessions") && !text.contains("--") && !text.contains('\0'), "{text}");
            assert_eq!(Statements::new(dialect, &name).leave(2).matches(['?', '$']).count(), 3);
        }
    }
}
