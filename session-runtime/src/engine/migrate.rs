//! What older builds stored under other names and in other types, in the form of today's fields: `migrate`.
//!
//! A migrated value stands in the record that the request sees where what it is made of stands in the store's: under an
//! older name of its field, as an `alias` does. So it is read, added to, compared and moved as one, with nothing else that
//! knows of migrations but this: what a change expects is what the store has. It is stored when the field is written, and
//! what it was made of goes in the same change, if that is still what it was; a build that knows the older names only goes
//! on with them until then.

use std::sync::Arc;

use super::{Engine, open::Found, secrets::Sealed};
use crate::{
    clock::Timestamp,
    record::{Change, Entry, Fields, Record},
    schema::{Migration, UNREADABLE},
};

/// What a migration made of a record.
struct Migrated {
    by: &'static Migration,
    /// The name that it is to be found under.
    name: &'static str,
    value: Option<Vec<u8>>,
}

impl Migration {
    /// `None` if there is nothing to do: the field is there by now, or nothing that it is made of.
    fn of(&'static self, fields: &Fields, now: Timestamp) -> Option<Migrated> {
        let live = |name: &&str| fields.get(name).filter(|entry| entry.is_live(now));
        let found = self.field.find(fields).filter(|entry| entry.is_live(now))?;
        let name = self.names.iter().find(|name| **name == found.name)?;
        let stored: Vec<_> = self.names.iter().map(|name| live(name).map(|entry| entry.value)).collect();
        Some(Migrated { by: self, name, value: self.run(&stored) })
    }
}

/// The fields as today's build sees them; `None` if that is as they are.
#[cfg(feature = "testing")]
pub(crate) fn as_of_today(fields: &Fields, migrations: &'static [Migration], now: Timestamp) -> Option<Fields> {
    let migrated = migrate(fields, migrations, now);
    (!migrated.is_empty()).then(|| seen(fields, &migrated))
}

fn migrate(fields: &Fields, migrations: &'static [Migration], now: Timestamp) -> Vec<Migrated> {
    migrations.iter().filter_map(|migration| migration.of(fields, now)).collect()
}

fn seen(fields: &Fields, migrated: &[Migrated]) -> Fields {
    let mut seen = Fields::default();
    for entry in fields.iter() {
        match migrated.iter().find(|migrated| migrated.name == entry.name) {
            Some(Migrated { value, .. }) => seen.push(Entry { value: value.as_deref().unwrap_or(UNREADABLE), ..entry }),
            None => seen.push(entry),
        }
    }
    seen
}

fn with_fields(record: &Record, fields: Fields) -> Arc<Record> {
    let (previous, user, nonces) = (record.previous.clone(), record.user.clone(), record.nonces.clone());
    Arc::new(Record { previous, user, nonces, fields, ..*record })
}

impl Engine {
    /// The record as today's build sees it, and what the store has instead.
    pub(super) fn migrate(
        &self,
        record: Arc<Record>,
        sealed: Option<Sealed>,
        now: Timestamp,
    ) -> (Arc<Record>, Option<Sealed>) {
        let migrated = migrate(&record.fields, self.migrations, now);
        if migrated.is_empty() {
            return (record, sealed);
        }
        let seen = with_fields(&record, seen(&record.fields, &migrated));
        let mut sealed = sealed.unwrap_or_else(|| Sealed::nothing(record));
        for Migrated { by, value, .. } in &migrated {
            sealed.leave(by.names);
            // Of another field that is told when it is read.
            if by.field.secret && value.is_none() {
                sealed.is_unreadable(by.field.name);
            }
        }
        (seen, Some(sealed))
    }

    /// The record as today's build sees it, with its secrets closed.
    pub(crate) fn as_of_today(&self, record: Arc<Record>) -> Arc<Record> {
        match &migrate(&record.fields, self.migrations, self.clock.now())[..] {
            [] => record,
            migrated => with_fields(&record, seen(&record.fields, migrated)),
        }
    }

    /// Has a change expect of what was migrated what the store has, and moves nothing that could not be.
    pub(super) fn write_as_stored(&self, found: &Found, change: &mut Change, now: Timestamp) {
        if self.migrations.is_empty() {
            return;
        }
        let of_older = |name: &str| self.migrations.iter().any(|migration| migration.names.contains(&name));
        for expect in change.expect.iter_mut().filter(|expect| of_older(&expect.name)) {
            let stored = found.raw().fields.get(&expect.name).filter(|entry| entry.is_live(now));
            expect.value = stored.map(|entry| entry.value.to_vec());
        }
        change.set.retain(|set| set.value != UNREADABLE);
    }
}
