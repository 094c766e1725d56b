//! Translates between a stored record and a request's view of it: opens `secret` fields and migrates the values of older builds
//! when a record is loaded, and reverses that when it is stored.
//!
//! A field that the request did not change is stored byte for byte as before. So a secret keeps its ciphertext, and a value that
//! an older build stored stays readable for that build until the field is written.

use std::sync::Arc;

use super::{Engine, migrate, secrets::Secrets};
use crate::{
    clock::Timestamp,
    error::Error,
    event::{About, Event, Events},
    key::Key,
    record::{Entry, Fields, Record},
    schema::Migration,
};

/// Opens and closes the records of one kind of session.
pub(crate) struct Codec {
    /// `None`: no field is secret.
    pub(crate) secrets: Option<Secrets>,
    pub(crate) migrations: &'static [Migration],
}

/// A record as a request sees it, and as it is stored if that differs.
#[derive(Clone)]
pub(crate) struct OpenRecord {
    pub(super) record: Arc<Record>,
    pub(super) closed: Option<Box<Closed>>,
}

/// The stored form of a record that differs from what a request sees.
#[derive(Clone)]
pub(super) struct Closed {
    record: Arc<Record>,
    /// The names of the fields that an older key sealed, which the next write seals again.
    outdated: Vec<String>,
}

impl OpenRecord {
    /// Returns the record as it is stored.
    pub(super) fn raw(&self) -> &Arc<Record> {
        self.closed.as_ref().map_or(&self.record, |closed| &closed.record)
    }
}

impl Codec {
    /// Returns the record as a request sees it. Reports secrets that cannot be opened.
    ///
    /// A secret cannot be opened if it was tampered with, belongs to another session or field, was sealed under a removed key, or
    /// was stored before the field was `secret`. It then reads as a value that no decoder accepts. So the field shows its
    /// default. The value never reaches a decoder (SECURITY S39), and is replaced or removed like any other value.
    pub(super) fn open(&self, key: &Key, raw: Arc<Record>, events: &Events, now: Timestamp) -> OpenRecord {
        if self.secrets.is_none() && self.migrations.is_empty() {
            return OpenRecord { record: raw, closed: None };
        }
        let (mut fields, mut outdated, mut unreadable) = (None, Vec::new(), Vec::new());
        if let Some(revealed) = self.secrets.as_ref().and_then(|secrets| secrets.open(key, &raw.fields, now)) {
            (fields, outdated, unreadable) = (Some(revealed.fields), revealed.outdated, revealed.unreadable);
        }
        let before = fields.as_ref().unwrap_or(&raw.fields);
        let migrated = migrate::migrate(before, self.migrations, now);
        if !migrated.is_empty() {
            // A sealed value that a migration replaced is not sealed again.
            outdated.retain(|name| !migrated.iter().any(|migrated| migrated.is_made_of(name)));
            unreadable.extend(migrated.iter().filter_map(migrate::Migrated::lost_secret));
            fields = Some(migrate::seen(before, &migrated));
        }
        unreadable.dedup();
        for field in unreadable {
            warn_limited!(field, "a stored secret cannot be opened");
            events.emit(&Event::Undecodable { field }, About::record(&raw).with_session(Some(key)));
        }
        match fields {
            None => OpenRecord { record: raw, closed: None },
            Some(fields) => {
                let record = Arc::new(raw.with_fields(fields));
                OpenRecord { record, closed: Some(Box::new(Closed { record: raw, outdated })) }
            }
        }
    }

    /// Returns the record to store. `before` is the record that it was made from.
    ///
    /// # Errors
    /// If a value of a `secret` field cannot be sealed.
    pub(super) fn close(
        &self,
        key: &Key,
        record: Arc<Record>,
        before: Option<&OpenRecord>,
    ) -> Result<OpenRecord, Error> {
        let closed = before.and_then(|before| before.closed.as_ref().map(|closed| (before, closed)));
        if closed.is_none() && self.secrets.is_none() {
            return Ok(OpenRecord { record, closed: None });
        }
        let mut raw = Fields::with_capacity(record.fields.as_bytes().len() + 64);
        let mut differs = false;
        for entry in record.fields.iter() {
            let kept = closed.and_then(|(before, closed)| closed.kept(entry, &before.record.fields));
            if let Some(value) = kept {
                differs |= value != entry.value;
                raw.push(Entry { value, ..entry });
            } else if let Some(secrets) = self.secrets.as_ref().filter(|secrets| secrets.has(entry.name)) {
                differs = true;
                raw.push(Entry { value: &secrets.seal(key, entry.name, entry.value)?, ..entry });
            } else {
                raw.push(entry);
            }
        }
        if !differs {
            return Ok(OpenRecord { record, closed: None });
        }
        let stored = Arc::new(record.with_fields(raw));
        Ok(OpenRecord { record, closed: Some(Box::new(Closed { record: stored, outdated: Vec::new() })) })
    }
}

impl Engine {
    /// Returns a stored record as today's build sees it, with its secrets still sealed.
    pub(crate) fn as_of_today(&self, record: Arc<Record>) -> Arc<Record> {
        match migrate::as_of_today(&record.fields, self.codec.migrations, self.clock.now()) {
            Some(fields) => Arc::new(record.with_fields(fields)),
            None => record,
        }
    }
}

impl Closed {
    /// Returns the stored value of a field that the request did not change. `None` if the request wrote the field, or if an older
    /// key sealed it.
    fn kept(&self, entry: Entry<'_>, seen: &Fields) -> Option<&[u8]> {
        let is_outdated = self.outdated.iter().any(|name| name == entry.name);
        let untouched = seen.value(entry.name) == Some(entry.value);
        if untouched && !is_outdated { self.record.fields.value(entry.name) } else { None }
    }
}

#[cfg(test)]
mod tests;
