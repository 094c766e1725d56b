//! `migrate`: presents the values that older builds stored, under other names and in other types, as today's fields.
//!
//! A migrated value stands in the request's record under an older name of its field, as an `alias` does. So it is read, added
//! to, compared and moved like an alias, and no other code knows of migrations. It is stored when the field is written; until
//! then, builds that know only the older names continue to use those.

use crate::{
    clock::Timestamp,
    record::{Entry, Fields},
    schema::{Migration, UNREADABLE},
};

/// The result of one migration on a record.
pub(super) struct Migrated {
    by: &'static Migration,
    /// The stored name that the value replaces.
    name: &'static str,
    value: Option<Vec<u8>>,
}

impl Migrated {
    /// Returns whether the field stored under `name` was an input of the migration.
    pub(super) fn is_made_of(&self, name: &str) -> bool {
        self.by.names.contains(&name)
    }

    /// Returns the field if it is secret and its migration failed. Other fields are reported when they are read.
    pub(super) fn lost_secret(&self) -> Option<&'static str> {
        (self.by.field.secret && self.value.is_none()).then_some(self.by.field.name)
    }
}

impl Migration {
    /// Returns `None` if there is nothing to do: the field is already present, or none of its inputs is.
    fn of(&'static self, fields: &Fields, now: Timestamp) -> Option<Migrated> {
        let live = |name: &&'static str| fields.get(name).filter(|entry| entry.is_live(now));
        let found = self.field.find(fields).filter(|entry| entry.is_live(now))?;
        let name = self.names.iter().find(|name| **name == found.name)?;
        let stored: Vec<_> = self.names.iter().map(|name| live(name).map(|entry| entry.value)).collect();
        Some(Migrated { by: self, name, value: self.run(&stored) })
    }
}

pub(super) fn migrate(fields: &Fields, migrations: &'static [Migration], now: Timestamp) -> Vec<Migrated> {
    migrations.iter().filter_map(|migration| migration.of(fields, now)).collect()
}

/// Returns the fields as today's build sees them.
pub(super) fn seen(fields: &Fields, migrated: &[Migrated]) -> Fields {
    let mut seen = Fields::default();
    for entry in fields.iter() {
        match migrated.iter().find(|migrated| migrated.name == entry.name) {
            Some(Migrated { value, .. }) => seen.push(Entry { value: value.as_deref().unwrap_or(UNREADABLE), ..entry }),
            None => seen.push(entry),
        }
    }
    seen
}

/// Returns the fields as today's build sees them; `None` if nothing changes.
pub(crate) fn as_of_today(fields: &Fields, migrations: &'static [Migration], now: Timestamp) -> Option<Fields> {
    let migrated = migrate(fields, migrations, now);
    (!migrated.is_empty()).then(|| seen(fields, &migrated))
}
