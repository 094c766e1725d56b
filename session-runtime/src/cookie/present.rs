//! Finds the values of our cookie in a request, and opens the valid ones.

use subtle::ConstantTimeEq as _;

use super::{
    reader::{Candidates, Matches, find},
    rules::is_exclusive,
    token::Token,
};
use crate::event::{About, Event, Events};

/// The valid values of our cookie in a request.
#[derive(Debug)]
pub(crate) enum Brought<T> {
    /// The request has no valid value.
    Nothing,
    /// The request has one valid value.
    One(T),
    /// The request has two to eight valid values that differ: a browser may hold one for each domain and path (F5).
    Several(Vec<T>),
}

impl<T> Brought<T> {
    pub(crate) fn map<U>(self, f: impl Fn(T) -> U) -> Brought<U> {
        match self {
            Self::Nothing => Brought::Nothing,
            Self::One(one) => Brought::One(f(one)),
            Self::Several(several) => Brought::Several(several.into_iter().map(f).collect()),
        }
    }
}

/// Finds and opens the values of the cookie `name` in `headers`, the values of a request's `Cookie` headers.
///
/// The order of cookies must not affect the result, because an attacker can make their cookie come first, by a longer path or by
/// setting it earlier (SECURITY S32). `is_same` returns whether two opened values are the same session. If they are, it also
/// merges the second into the first.
pub(crate) fn present<'a, T>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    name: &str,
    events: &Events,
    open: impl Fn(&'a [u8]) -> Option<T>,
    is_same: impl Fn(&mut T, &T) -> bool,
) -> Brought<T> {
    let refused = |event| {
        events.emit(&event, About::NOTHING);
        Brought::Nothing
    };
    match find(headers, name) {
        Matches::None => Brought::Nothing,
        Matches::TooLong => refused(Event::Refused),
        Matches::TooMany => refused(Event::DuplicateCookie),
        Matches::Some(found) => match found.values() {
            [value] => open(value).map_or_else(|| refused(Event::Refused), Brought::One),
            _ if is_exclusive(name) => refused(Event::DuplicateCookie),
            values => several(values, open, is_same).unwrap_or_else(|| refused(Event::Refused)),
        },
    }
}

/// Opens several values, and drops invalid ones and duplicates.
fn several<'a, T>(
    values: &[&'a [u8]],
    open: impl Fn(&'a [u8]) -> Option<T>,
    is_same: impl Fn(&mut T, &T) -> bool,
) -> Option<Brought<T>> {
    let mut opened: Vec<T> = Vec::new();
    for value in values.iter().filter_map(|value| open(value)) {
        if !opened.iter_mut().any(|known| is_same(known, &value)) {
            opened.push(value);
        }
    }
    let first = opened.pop()?;
    if opened.is_empty() {
        return Some(Brought::One(first));
    }
    opened.push(first);
    Some(Brought::Several(opened))
}

/// Returns the values of the cookie `name`. `None` if there are none, if there are several although browsers hold at most one
/// of this name, or if the cookies exceed a limit of `reader`.
pub(crate) fn find_all<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Option<Candidates<'a>> {
    match find(headers, name) {
        Matches::Some(found) if found.values().len() == 1 || !is_exclusive(name) => Some(found),
        _ => None,
    }
}

impl Token {
    /// Returns whether both tokens have the same selector and verifier. Different keys may have signed them: a browser may hold a
    /// cookie that was signed again for one path, and the older cookie for another. If one of two such tokens is signed by the
    /// current key, `self` then counts as signed by it.
    pub(crate) fn is_same(&mut self, other: &Self) -> bool {
        let is_same = self.selector == other.selector && self.verifier.0.ct_eq(&other.verifier.0).into();
        self.current |= is_same && other.current;
        is_same
    }
}

#[cfg(test)]
mod tests;
