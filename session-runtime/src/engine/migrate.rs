//! What older builds stored under other names and in other types, in the form of today's fields: `migrate`.
//!
//! A migrated value stands in the record that the request sees under an older name of its field, as an `alias` does. So it
//! is read, added to, compared and moved like one, and nothing else knows of migrations. It is stored when the field is
//! written; until then builds that know the older names only go on with those.

use crate::{
    clock::Timestamp,
    record::{Entry, Fields},
    schema::{Migration, UNREADABLE},
};

/// What a migration made of a record's fields.
pub(super) struct Migrated {
    by: &'static Migration,
    /// The name that it is to be found under.
    name: &'static str,
    value: Option<Vec<u8>>,
}

impl Migrated {
    /// Whether what is stored under `name` went into it.
    pub(super) fn is_made_of(&self, name: &str) -> bool {
        self.by.names.contains(&name)
    }

    /// The field, if it is secret and its value could not be made. Others are reported when they are read.
    pub(super) fn lost_secret(&self) -> Option<&'static str> {
        (self.by.field.secret && self.value.is_none()).then_some(self.by.field.name)
    }
}

impl Migration {
    /// `None` if there is nothing to do: the field is there by now, or nothing that it is made of.
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

/// The fields as today's build sees them.
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

/// The fields as today's build sees them; `None` if that is as they are.
pub(crate) fn as_of_today(fields: &Fields, migrations: &'static [Migration], now: Timestamp) -> Option<Fields> {
    let migrated = migrate(fields, migrations, now);
    (!migrated.is_empty()).then(|| seen(fields, &migrated))
}
