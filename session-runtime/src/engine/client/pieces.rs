//! A value in several cookies, where one is too small: `3~AYWq…` in the first says in how many, and the second and third
//! are named `-2` and `-3` after it. The value's tag covers all of it, so pieces that do not belong together open nothing.

use std::borrow::Cow;

use crate::cookie::{LARGEST_PAIR, piece_name};

/// Neither base64 nor what else a value has.
const MARK: char = '~';

/// In how many cookies a session is: at least 1, and at most 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pieces(u8);

impl Pieces {
    pub(crate) const ONE: Self = Self(1);
}

impl Default for Pieces {
    fn default() -> Self {
        Self::ONE
    }
}

impl From<Pieces> for usize {
    fn from(pieces: Pieces) -> Self {
        pieces.0.into()
    }
}

/// How long a value may be that is in at most so many cookies.
pub(super) fn room(cookie: &str, most: usize) -> usize {
    let pieces = (0..most).map(|piece| LARGEST_PAIR.saturating_sub(piece_name(cookie, piece).len()));
    pieces.sum::<usize>() - if most > 1 { 2 } else { 0 }
}

/// The values of the cookies that a value is in. It is no longer than there is [`room`].
pub(crate) fn split<'a>(value: &'a str, cookie: &str) -> Vec<Cow<'a, str>> {
    if value.len() <= room(cookie, 1) {
        return vec![value.into()];
    }
    let mut pieces: Vec<Cow<'a, str>> = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let mark = if pieces.is_empty() { 2 } else { 0 };
        let room = LARGEST_PAIR.saturating_sub(piece_name(cookie, pieces.len()).len() + mark).max(1);
        let (piece, after) = rest.split_at_checked(room.min(rest.len())).unwrap_or((rest, ""));
        pieces.push(piece.into());
        rest = after;
    }
    let marked = format!("{}{MARK}{}", pieces.len(), pieces[0]);
    pieces[0] = marked.into();
    pieces
}

/// The whole value that the first piece begins, given the others by their number, and in how many pieces it was. `None` if
/// one is missing, or there are more than so many.
pub(super) fn join<'a>(
    first: &'a [u8],
    most: usize,
    piece: impl Fn(usize) -> Option<&'a [u8]>,
) -> Option<(Cow<'a, [u8]>, Pieces)> {
    let &[digit, mark, ref start @ ..] = first else { return Some((first.into(), Pieces::ONE)) };
    if mark != MARK as u8 {
        return Some((first.into(), Pieces::ONE));
    }
    let count = digit.wrapping_sub(b'0');
    if !(2..=most).contains(&usize::from(count)) {
        return None;
    }
    let mut value = start.to_vec();
    for number in 1..usize::from(count) {
        value.extend_from_slice(piece(number)?);
    }
    Some((value.into(), Pieces(count)))
}
