//! Shortens a field's stored name to two bytes: the start of its SHA-256.

use sha2::{Digest as _, Sha256};

use crate::{
    clock::Timestamp,
    error::Error,
    record::{Entry, Fields},
    schema::Meta,
};

/// The first character of the names that stand for fields that this build does not know. No field of a struct has a name with
/// this character.
const UNKNOWN: char = '\0';

type Short = [u8; 2];

/// The short names of the fields of one kind of session.
pub(super) struct Names {
    names: Vec<(Short, &'static str)>,
    /// The short names of `secret` fields.
    secret: Vec<Short>,
}

impl Names {
    /// Computes the short names of the fields of one kind of session.
    ///
    /// # Errors
    /// If two names have the same short name. This happens to one in 2,300 structs of eight fields.
    pub(super) fn of(kind: &str, fields: &[Meta]) -> Result<Self, Error> {
        let mut names: Vec<(Short, &'static str)> = Vec::new();
        for name in fields.iter().flat_map(Meta::names) {
            let short = short(name);
            match names.iter().find(|(taken, _)| *taken == short) {
                Some((_, first)) if *first != name => {
                    return Err(Error::setup(format!(
                        "the fields `{first}` and `{name}` of the `{kind}` sessions have one short name in a cookie: give \
                         one of them another name with `#[session(rename = \"…\")]`"
                    )));
                }
                Some(_) => {}
                None => names.push((short, name)),
            }
        }
        let secret = fields.iter().filter(|meta| meta.secret).flat_map(Meta::names).map(short).collect();
        Ok(Self { names, secret })
    }

    /// Returns whether this is the short name of a `secret` field.
    pub(super) fn is_secret(&self, short: Short) -> bool {
        self.secret.contains(&short)
    }

    pub(super) fn short(&self, name: &str) -> Short {
        let unknown = name.strip_prefix(UNKNOWN).and_then(|hex| u16::from_str_radix(hex, 16).ok());
        let known = || self.names.iter().find(|(_, known)| *known == name).map(|(short, _)| *short);
        known().or(unknown.map(u16::to_be_bytes)).unwrap_or_else(|| short(name))
    }

    pub(super) fn push(&self, fields: &mut Fields, short: Short, value: &[u8], expires: Timestamp) {
        match self.names.iter().find(|(known, _)| *known == short) {
            Some((_, name)) => fields.push(Entry { name, value, expires }),
            None => {
                let name = format!("{UNKNOWN}{:04x}", u16::from_be_bytes(short));
                fields.push(Entry { name: &name, value, expires });
            }
        }
    }
}

/// Returns whether this is the name of a field that this build does not know.
pub(super) fn is_unknown(name: &str) -> bool {
    name.starts_with(UNKNOWN)
}

pub(super) fn short(name: &str) -> Short {
    let hash = Sha256::digest(name);
    [hash[0], hash[1]]
}
