//! Where `secret` fields are opened and sealed: at the boundary to the store. Above it a request works on plain values as
//! if there were no secrets; below it there are none to see.
//!
//! A value that cannot be opened (tampered with, of another session or field, under a key that is gone, stored before the
//! field was `secret`) stands in the record that the request sees as a value that nothing decodes. So it reads as absent,
//! never reaches a decoder (SECURITY S39), and is changed and removed as what it is: something that is there.

use std::sync::Arc;

use super::{
    Engine,
    open::{Found, Presented},
    plan::Plan,
    sealer::{Place, Sealer},
};
use crate::{
    clock::Timestamp,
    error::Error,
    event::{Event, Events},
    id::Key,
    keys::KeyRing,
    record::{Change, Entry, Expect, Fields, Record, Set},
    schema::{Meta, UNREADABLE},
};

/// Opens and seals the `secret` fields of one kind of session.
pub(crate) struct Secrets {
    sealer: Sealer,
    fields: &'static [Meta],
}

/// What the store has, where that is not what the request sees.
pub(crate) struct Sealed {
    raw: Arc<Record>,
    /// The names of what an older key sealed.
    outdated: Vec<String>,
    /// What could not be opened.
    unreadable: Vec<&'static str>,
}

impl Sealed {
    /// Of a record without secrets.
    pub(super) fn nothing(raw: Arc<Record>) -> Self {
        Self { raw, outdated: Vec::new(), unreadable: Vec::new() }
    }

    /// What was migrated is not sealed anew: the request does not see what was sealed, but what came of it.
    pub(super) fn leave(&mut self, names: &[&str]) {
        self.outdated.retain(|name| !names.contains(&name.as_str()));
    }

    pub(super) fn is_unreadable(&mut self, field: &'static str) {
        if !self.unreadable.contains(&field) {
            self.unreadable.push(field);
        }
    }

    fn report(&self, events: &Events, key: &Key) {
        for &field in &self.unreadable {
            tracing::warn!(target: "session_runtime", field, "a stored secret cannot be opened");
            events.emit(&Event::Undecodable { field }, Some(key));
        }
    }
}

impl Found {
    /// The record as the store has it.
    pub(super) fn raw(&self) -> &Arc<Record> {
        self.sealed.as_ref().map_or(&self.record, |sealed| &sealed.raw)
    }

    /// Whether a secret waits to be sealed under the ring's current key.
    pub(super) fn is_outdated(&self) -> bool {
        self.sealed.as_ref().is_some_and(|sealed| !sealed.outdated.is_empty())
    }

    /// Leaves sealing anew to another request.
    pub(super) fn forgo_sealing(&mut self) {
        if let Some(sealed) = &mut self.sealed {
            sealed.outdated.clear();
        }
    }

    /// Does to both forms of the record what the store did to its own.
    pub(super) fn adopt(&mut self, engine: &Engine, change: &Change, now: Timestamp) {
        if let Some(raw) = change.judge(Some(self.raw()), now).write {
            (self.record, self.sealed) = engine.reveal(&self.selector.key(), raw, now);
        }
    }
}

impl Engine {
    /// The record as a request sees it, and as the store has it if that is something else.
    pub(super) fn reveal(&self, key: &Key, record: Arc<Record>, now: Timestamp) -> (Arc<Record>, Option<Sealed>) {
        let (record, sealed) = match &self.secrets {
            Some(secrets) => secrets.reveal(key, record, now),
            None => (record, None),
        };
        self.migrate(record, sealed, now)
    }

    /// The same for a record that comes from the store, with a word about what cannot be read in it.
    pub(super) fn reveal_loaded(
        &self,
        key: &Key,
        record: Arc<Record>,
        now: Timestamp,
    ) -> (Arc<Record>, Option<Sealed>) {
        let (record, sealed) = self.reveal(key, record, now);
        if let Some(sealed) = &sealed {
            sealed.report(&self.events, key);
        }
        (record, sealed)
    }

    /// Makes of a plan what the store may see. What an older key sealed is sealed anew on the way.
    pub(super) fn seal_plan(&self, plan: &mut Plan, presented: &Presented, now: Timestamp) -> Result<(), Error> {
        if let (Plan::Update { change, .. }, Presented::Found(found)) = (&mut *plan, presented) {
            self.seal(found, change, now)?;
        }
        let Some(secrets) = &self.secrets else { return Ok(()) };
        match (&mut *plan, presented) {
            (Plan::Create { change, selector, .. }, _) => {
                secrets.seal(&selector.key(), change, &Fields::default(), now)?;
            }
            (Plan::Update { change, .. }, Presented::Found(found)) => secrets.seal_anew(found, change, now)?,
            (Plan::Nothing, Presented::Found(found)) if found.is_outdated() => {
                let mut change = Change::update(found.record.generation);
                secrets.seal_anew(found, &mut change, now)?;
                if !change.set.is_empty() {
                    *plan = Plan::Update { change, renewal: None };
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A change of a session that was found, as the store may see it.
    pub(super) fn seal(&self, found: &Found, change: &mut Change, now: Timestamp) -> Result<(), Error> {
        self.write_as_stored(found, change, now);
        match &self.secrets {
            Some(secrets) => secrets.seal(&found.selector.key(), change, &found.raw().fields, now),
            None => Ok(()),
        }
    }
}

impl Secrets {
    /// What opens and seals the fields of sessions of the application `app`; `None` if none of them is secret.
    ///
    /// # Errors
    /// If the ring is empty.
    pub(crate) fn new(ring: &KeyRing, app: &str, fields: &'static [Meta]) -> Result<Option<Self>, Error> {
        if !fields.iter().any(|meta| meta.secret) {
            return Ok(None);
        }
        Ok(Some(Self { sealer: Sealer::new(ring, app)?, fields }))
    }

    /// The secret field that is stored under this name.
    fn field(&self, name: &str) -> Option<&'static Meta> {
        self.fields.iter().find(|meta| meta.secret && meta.is_stored_as(name))
    }

    fn reveal(&self, key: &Key, raw: Arc<Record>, now: Timestamp) -> (Arc<Record>, Option<Sealed>) {
        if !raw.fields.iter().any(|entry| self.field(entry.name).is_some()) {
            return (raw, None);
        }
        let record = key.digest();
        let (mut outdated, mut unreadable) = (Vec::new(), Vec::new());
        let mut fields = Fields::default();
        for entry in raw.fields.iter() {
            let Some(meta) = self.field(entry.name) else {
                fields.push(entry);
                continue;
            };
            let place = Place { record: &record, name: entry.name };
            let live = entry.is_live(now);
            let opened = if live { self.sealer.open(entry.value, place, now) } else { None };
            let value = opened.as_ref().map_or(UNREADABLE, |opened| &opened.value);
            fields.push(Entry { value, ..entry });
            match opened {
                Some(opened) if !opened.current => outdated.push(entry.name.to_owned()),
                None if live && !unreadable.contains(&meta.name) => unreadable.push(meta.name),
                _ => {}
            }
        }
        let (previous, user, nonces) = (raw.previous.clone(), raw.user.clone(), raw.nonces.clone());
        let plain = Record { previous, user, nonces, fields, ..*raw };
        (Arc::new(plain), Some(Sealed { raw, outdated, unreadable }))
    }

    /// Seals what `change` writes to secret fields, and has it expect what is stored, `raw`, rather than what that says.
    fn seal(&self, key: &Key, change: &mut Change, raw: &Fields, now: Timestamp) -> Result<(), Error> {
        for expect in change.expect.iter_mut().filter(|expect| self.field(&expect.name).is_some()) {
            let stored = raw.get(&expect.name).filter(|entry| entry.is_live(now));
            expect.value = stored.map(|entry| entry.value.to_vec());
        }
        // Kept under a new name, if it could be opened under the one before.
        change.set.retain(|set| set.value != UNREADABLE || self.field(&set.name).is_none());
        let mut record = None;
        for set in change.set.iter_mut().filter(|set| self.field(&set.name).is_some()) {
            let record = record.get_or_insert_with(|| key.digest());
            set.value = self.sealer.seal(&set.value, Place { record, name: &set.name })?;
        }
        Ok(())
    }

    /// Seals anew, with the deadline it has, what an older key sealed and `change` leaves alone. Nobody asked for it, so
    /// whoever changes the field meanwhile goes first: see [`Found::forgo_sealing`].
    fn seal_anew(&self, found: &Found, change: &mut Change, now: Timestamp) -> Result<(), Error> {
        let Some(sealed) = &found.sealed else { return Ok(()) };
        // With `keep`, most of it is about to go.
        if change.keep.is_some() || sealed.outdated.is_empty() {
            return Ok(());
        }
        let record = found.selector.key().digest();
        for name in &sealed.outdated {
            let written = |meta: &Meta| {
                let set = change.set.iter().map(|set| &set.name);
                set.chain(&change.unset).any(|name| meta.is_stored_as(name))
            };
            let raw = sealed.raw.fields.get(name).filter(|entry| entry.is_live(now));
            let (Some(raw), Some(plain)) = (raw, found.record.fields.get(name)) else { continue };
            if self.field(name).is_none_or(written) {
                continue;
            }
            let value = self.sealer.seal(plain.value, Place { record: &record, name })?;
            change.expect.push(Expect { name: name.clone().into(), value: Some(raw.value.to_vec()) });
            change.set.push(Set { name: name.clone().into(), value, expires: raw.expires });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
