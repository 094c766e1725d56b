//! `migrate`: presents the values that older builds stored, under other names and in other types, as today's fields.
//!
//! In the request's record, a migrated value has an older name of its field, like a value under an `alias`. So other code treats
//! it like an aliased value, and does not know of migrations. The migrated value is stored only when the field is written. Until
//! then, builds that know only the older names continue to read the older values.

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

    /// Returns the name of the field if it is secret and its migration failed. For other fields, a failed migration is reported
    /// when the field is read.
    pub(super) fn lost_secret(&self) -> Option<&'static str> {
        (self.by.field.secret && self.value.is_none()).then_some(self.by.field.name)
    }
}

impl Migration {
    /// Runs the migration on these fields. Returns `None` if there is nothing to do: the field is already present, or none of
    /// its inputs is.
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
