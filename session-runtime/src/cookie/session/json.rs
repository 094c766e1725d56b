//! A session as signed JSON that scripts can read: `eyJpZCI6…​.AYWq…`, the text and the signature with a dot between them, both
//! in base64url. A script decodes the first part from base64url and parses the UTF-8 text as JSON.
//!
//! `keys/sign.rs` makes the signature. The signature also covers purpose, application and cookie name (SECURITY S40, S41), and is
//! checked before anything is parsed (S39).

mod value;

use std::collections::BTreeMap;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use self::value::Json;
use super::{Carried, NAME, Payload};
use crate::{
    clock::Timestamp,
    cookie::{decoded, encoded},
    error::{Error, Kind},
    keys::sign::{HEAD, MAC, Signer},
    record::{Entry, Fields, Proof},
    schema::to_bytes,
};

/// The JSON object that scripts see. Times are in milliseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    id: String,
    created_at: u64,
    seen_at: u64,
    idle_until: u64,
    ends_at: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    remembered: bool,
    /// When the user last proved who they are; absent if never in this session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authenticated_at: Option<u64>,
    /// When the user signed in; absent for a guest, and if the user last authenticated at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed_in_at: Option<u64>,
    /// Whether no request may make the session last longer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    capped: bool,
    #[serde(default, skip_serializing_if = "Json::is_null")]
    user: Json,
    fields: BTreeMap<String, Json>,
    /// The deadlines of fields that have one of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    expire: BTreeMap<String, u64>,
}

/// Writes the session as JSON, without the fields that have expired by `now`.
///
/// # Errors
/// If JSON cannot hold a value: bytes, a map with a key that is not text, a number that is not finite, or a value that is
/// nested too deep to be read again.
pub(super) fn write(carried: &Carried, now: Timestamp) -> Result<Vec<u8>, Error> {
    let record = &*carried.record;
    let signed_in = carried.signed_in();
    let mut text = Text {
        id: encoded(&carried.name()),
        created_at: record.created_at.as_millis(),
        seen_at: record.seen_at.as_millis(),
        idle_until: record.idle_until.as_millis(),
        ends_at: record.ends_at.as_millis(),
        remembered: record.remembered,
        authenticated_at: signed_in.and_then(|_| record.authenticated_at()).map(Timestamp::as_millis),
        signed_in_at: signed_in.filter(|_| record.proof() != Proof::AtSignIn).map(|(at, _)| at.as_millis()),
        capped: record.is_capped(),
        user: signed_in.map_or(Ok(Json::Null), |(_, user)| value("the identity", user))?,
        fields: BTreeMap::new(),
        expire: BTreeMap::new(),
    };
    for entry in carried.fields(now) {
        text.fields.insert(entry.name.to_owned(), value(entry.name, entry.value)?);
        if entry.expires != Timestamp::NEVER {
            text.expire.insert(entry.name.to_owned(), entry.expires.as_millis());
        }
    }
    serde_json::to_vec(&text).map_err(|error| Error::new(Kind::NotText { field: "a field".into() }).because(error))
}

fn value(name: &str, value: &[u8]) -> Result<Json, Error> {
    let not_text = || Error::new(Kind::NotText { field: name.into() });
    let json: Json = rmp_serde::from_slice(value).map_err(|error| not_text().because(error))?;
    if json.is_shallow() { Ok(json) } else { Err(not_text()) }
}

/// Returns how many bytes [`write`] takes for a field.
pub(super) fn bytes_of(entry: Entry<'_>) -> usize {
    let value = value(entry.name, entry.value).ok().and_then(|value| serde_json::to_string(&value).ok());
    value.map_or(0, |value| entry.name.len() + 4 + value.len())
}

/// Parses a session; `None` if the text is not one.
pub(super) fn read(text: &[u8]) -> Option<Payload> {
    let text: Text = serde_json::from_slice(text).ok()?;
    let mut name = [0; NAME];
    if Base64UrlUnpadded::decode(&text.id, &mut name).ok()?.len() != NAME {
        return None;
    }
    let moment = Timestamp::from_millis;
    let mut fields = Fields::default();
    for (name, value) in &text.fields {
        let expires = text.expire.get(name).copied().map_or(Timestamp::NEVER, moment);
        fields.push(Entry { name, value: &to_bytes(value).ok()?, expires });
    }
    let user = (!text.user.is_null()).then(|| to_bytes(&text.user)).transpose().ok()?;
    Some(Payload {
        name,
        created_at: moment(text.created_at),
        seen_at: moment(text.seen_at),
        idle_until: moment(text.idle_until),
        ends_at: moment(text.ends_at),
        remembered: text.remembered,
        proof: match (text.signed_in_at, text.authenticated_at) {
            (None, _) => Proof::AtSignIn,
            (Some(_), Some(at)) => Proof::At(moment(at)),
            (Some(_), None) => Proof::Missing,
        },
        is_capped: text.capped,
        signed_in: text.signed_in_at.or(text.authenticated_at).map(moment).zip(user.map(Into::into)),
        fields,
    })
}

/// Returns the text with its signature.
pub(super) fn sign(text: &[u8], signer: &Signer, place: &[&[u8]]) -> String {
    let signed = signer.sign(text, place);
    let (head, rest) = signed.split_at(HEAD);
    let (text, mac) = rest.split_at(rest.len() - MAC);
    let signature = [head, mac].concat();
    format!("{}.{}", encoded(text), encoded(&signature))
}

/// Returns the text if its signature is valid, and whether the current key made it.
pub(super) fn verify(
    value: &[u8],
    signer: &Signer,
    place: &[&[u8]],
    now: Timestamp,
) -> Option<(Zeroizing<Vec<u8>>, bool)> {
    let dot = value.iter().position(|byte| *byte == b'.')?;
    let (text, bytes) = (decoded(&value[..dot])?, decoded(&value[dot + 1..])?);
    if bytes.len() != HEAD + MAC {
        return None;
    }
    let (head, mac) = bytes.split_at(HEAD);
    let signed = [head, &text, mac].concat();
    let opened = signer.open(&signed, place, now)?;
    Some((opened.value.to_vec().into(), opened.current))
}
