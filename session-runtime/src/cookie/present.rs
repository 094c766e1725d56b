//! What a request came with: one value of our cookie that opens, or nothing that counts.

use subtle::ConstantTimeEq as _;

use super::{
    reader::{Candidates, Found, find},
    rules::is_exclusive,
    token::Opened,
};
use crate::event::{Event, Events};

/// Finds and opens the value of the cookie `name` in `headers`, the values of a request's `Cookie` headers.
///
/// Nothing depends on the order of cookies: an attacker's longer path or older cookie comes first (SECURITY S32). `is_same`
/// says whether two that open are one, and has the first take over what the other says besides.
pub(crate) fn present<'a, T>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    name: &str,
    events: &Events,
    open: impl Fn(&'a [u8]) -> Option<T>,
    is_same: impl Fn(&mut T, &T) -> bool,
) -> Option<T> {
    let refused = |event| {
        events.emit(&event, None);
        None
    };
    match find(headers, name) {
        Found::None => None,
        Found::TooLong => refused(Event::Refused),
        Found::TooMany => refused(Event::DuplicateCookie),
        Found::Some(found) if is_exclusive(name) && found.values().len() > 1 => refused(Event::DuplicateCookie),
        Found::Some(found) => choose(found, open, is_same).map_or_else(refused, Some),
    }
}

/// The one session that the candidates name, however many of them.
fn choose<'a, T>(
    found: Candidates<'a>,
    open: impl Fn(&'a [u8]) -> Option<T>,
    is_same: impl Fn(&mut T, &T) -> bool,
) -> Result<T, Event> {
    let mut chosen: Option<T> = None;
    for opened in found.values().iter().filter_map(|value| open(value)) {
        match &mut chosen {
            None => chosen = Some(opened),
            Some(first) => {
                if !is_same(first, &opened) {
                    return Err(Event::DuplicateCookie);
                }
            }
        }
    }
    chosen.ok_or(Event::Refused)
}

/// The value of the cookie `name`, if there is one and no other of that name.
pub(crate) fn find_one<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Option<&'a [u8]> {
    match find(headers, name) {
        Found::Some(found) if found.values().len() == 1 => found.values().first().copied(),
        _ => None,
    }
}

impl Opened {
    /// Whether both are one session. It may be under two keys, from the path where it was signed again and the one where it
    /// was not.
    pub(crate) fn is_same(&mut self, other: &Self) -> bool {
        self.current |= other.current;
        self.selector == other.selector && self.verifier.0.ct_eq(&other.verifier.0).into()
    }
}

#[cfg(test)]
mod tests;
