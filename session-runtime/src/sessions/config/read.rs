//! Parses the values of options from text, with one function for each kind of value. Messages never repeat a value that may be
//! secret.

use std::{path::PathBuf, time::Duration};

use super::site::Site;
use crate::{
    cookie::SameSite,
    engine::StoreDown,
    error::Error,
    keys::KeyRing,
    schema::SessionLimit,
    store::StoreUrl,
    words::{Quoted, duration, nearest},
};

pub(super) fn store(text: &str, site: Site<'_>) -> Result<StoreUrl, Error> {
    filled(text, site)?.parse().map_err(|error: Error| site.wrong(error))
}

/// Parses keys. [`KeyRing`] names the setting in its errors itself.
pub(super) fn keys(text: &str, site: Site<'_>) -> Result<KeyRing, Error> {
    match site {
        Site::Key(key) => KeyRing::from_setting(key, text),
        Site::Variable(name) => KeyRing::from_variable(name, text),
    }
}

pub(super) fn path(text: &str, site: Site<'_>) -> Result<PathBuf, Error> {
    printable(filled(text, site)?, site).map(PathBuf::from)
}

/// Accepts text without control characters. The code that uses the text checks it further.
pub(super) fn text(text: &str, site: Site<'_>) -> Result<String, Error> {
    printable(text, site).map(str::to_owned)
}

pub(super) fn lasting(text: &str, site: Site<'_>) -> Result<Duration, Error> {
    duration::parse(text).map_err(|sentence| site.wrong(sentence))
}

/// Parses a duration, or `never`.
pub(super) fn every(text: &str, site: Site<'_>) -> Result<Duration, Error> {
    match text.trim() {
        "never" => Ok(Duration::ZERO),
        text => lasting(text, site).map_err(|error| Error::setup(format!("{error} (to turn it off, write `never`)"))),
    }
}

pub(super) fn yes_or_no(text: &str, site: Site<'_>) -> Result<bool, Error> {
    word(text, site, &[("true", true), ("false", false)])
}

pub(super) fn same_site(text: &str, site: Site<'_>) -> Result<SameSite, Error> {
    word(text, site, &[("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)])
}

pub(super) fn store_down(text: &str, site: Site<'_>) -> Result<StoreDown, Error> {
    word(text, site, &[("unavailable", StoreDown::Unavailable), ("anonymous", StoreDown::Anonymous)])
}

pub(super) fn bytes(text: &str, site: Site<'_>) -> Result<usize, Error> {
    let number = text.trim().parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| {
        site.wrong(format_args!("{} is not a number of bytes; write a whole number such as `65536`", Quoted(text)))
    })
}

/// Parses `5` or `5, refuse`.
pub(super) fn limit(text: &str, site: Site<'_>) -> Result<SessionLimit, Error> {
    let (number, then) = text.split_once(',').map_or((text, None), |(number, then)| (number, Some(then.trim())));
    let limit = match (number.trim().parse::<u32>(), then) {
        (Ok(0), _) => {
            return Err(site.wrong("with zero sessions no user could sign in: give at least 1, or leave it out"));
        }
        (Ok(most), None) => Some(SessionLimit::EndOldest(most)),
        (Ok(most), Some("refuse")) => Some(SessionLimit::Refuse(most)),
        _ => None,
    };
    limit.ok_or_else(|| {
        site.wrong(format_args!(
            "{} is not a number of sessions; write `5` (one more ends the oldest) or `5, refuse`",
            Quoted(text)
        ))
    })
}

fn printable<'a>(text: &'a str, site: Site<'_>) -> Result<&'a str, Error> {
    if text.contains(char::is_control) {
        return Err(
            site.wrong(format_args!("{} has a line break or another control character in it; remove it", Quoted(text)))
        );
    }
    Ok(text)
}

fn filled<'a>(text: &'a str, site: Site<'_>) -> Result<&'a str, Error> {
    if text.trim().is_empty() { Err(site.wrong("it is empty; give it a value, or leave it out")) } else { Ok(text) }
}

/// Parses one of a few words, in upper or lower case.
fn word<T: Copy>(text: &str, site: Site<'_>, words: &[(&'static str, T)]) -> Result<T, Error> {
    if let Some((_, value)) = words.iter().find(|(word, _)| text.trim().eq_ignore_ascii_case(word)) {
        return Ok(*value);
    }
    let yes = ["1", "yes", "on", "y", "t"].iter().any(|yes| text.trim().eq_ignore_ascii_case(yes));
    let no = ["0", "no", "off", "n", "f"].iter().any(|no| text.trim().eq_ignore_ascii_case(no));
    let known = || words.iter().map(|(word, _)| *word);
    let meant = match (yes, no) {
        (true, _) => known().find(|word| *word == "true"),
        (_, true) => known().find(|word| *word == "false"),
        _ => nearest(text, known()),
    };
    let end = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write {}", known().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")),
    };
    Err(site.wrong(format_args!("it cannot be {}; {end}", Quoted(text))))
}
