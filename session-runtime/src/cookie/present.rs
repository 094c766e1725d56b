//! What a request came with: one session's token, or nothing that counts.

use subtle::ConstantTimeEq as _;

use super::{
    reader::{Candidates, Found, find},
    rules::is_exclusive,
    token::{Opened, Signer},
};
use crate::{
    clock::Timestamp,
    event::{Event, Events},
};

/// The outcome of reading a request's cookies.
pub(crate) enum Presented {
    /// No session, whatever else was there.
    None,
    /// A token that one of our keys signed.
    Token(Opened),
}

/// Finds and opens the token in `headers`, the values of a request's `Cookie` headers.
///
/// Nothing depends on the order of cookies: an attacker's longer path or older cookie comes first (SECURITY S32).
pub(crate) fn present<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    name: &str,
    signer: &Signer,
    now: Timestamp,
    events: &Events,
) -> Presented {
    let refused = |event| {
        events.emit(&event, None);
        Presented::None
    };
    match find(headers, name) {
        Found::None => Presented::None,
        Found::TooLong => refused(Event::Refused),
        Found::TooMany => refused(Event::DuplicateCookie),
        Found::Some(found) if is_exclusive(name) && found.values().len() > 1 => refused(Event::DuplicateCookie),
        Found::Some(found) => choose(found, signer, now).map_or_else(refused, Presented::Token),
    }
}

/// The one session that the candidates name, however many of them.
fn choose(found: Candidates<'_>, signer: &Signer, now: Timestamp) -> Result<Opened, Event> {
    let mut chosen: Option<Opened> = None;
    for opened in found.values().iter().filter_map(|value| signer.open(value, now)) {
        match &mut chosen {
            None => chosen = Some(opened),
            // The same session under two keys, from the path where it was signed again and the one where it was not.
            Some(first) if is_same(first, &opened) => first.current |= opened.current,
            Some(_) => return Err(Event::DuplicateCookie),
        }
    }
    chosen.ok_or(Event::Refused)
}

fn is_same(a: &Opened, b: &Opened) -> bool {
    a.selector == b.selector && a.verifier.0.ct_eq(&b.verifier.0).into()
}

#[cfg(test)]
mod tests;
