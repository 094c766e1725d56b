//! A value in several cookies, where one is too small: `3~AYWq…` in the first says in how many, and the second and third
//! are named `-2` and `-3` after it. The value's tag covers all of it, so chunks that do not belong together open nothing.

use std::borrow::Cow;

use crate::cookie::{Candidates, LARGEST_PAIR, spec::chunk_name};

/// Neither base64 nor what else a value has.
const MARK: char = '~';

/// The most cookies that one session may be in. Servers refuse a request whose headers have more than 8 to 16 KiB, and
/// browsers keep some 180 cookies for a site.
pub(crate) const MAX_CHUNKS: u8 = 4;

/// In how many cookies a session is: at least 1, and at most 9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chunks(u8);

impl Chunks {
    pub(crate) const ONE: Self = Self(1);
}

impl Default for Chunks {
    fn default() -> Self {
        Self::ONE
    }
}

impl From<Chunks> for usize {
    fn from(chunks: Chunks) -> Self {
        chunks.0.into()
    }
}

/// How long a value may be that is in at most so many cookies.
pub(super) fn room(cookie: &str, max: usize) -> usize {
    let chunks = (0..max).map(|chunk| LARGEST_PAIR.saturating_sub(chunk_name(cookie, chunk).len()));
    chunks.sum::<usize>() - if max > 1 { 2 } else { 0 }
}

/// The values of the cookies that a value is in. It is no longer than there is [`room`].
pub(crate) fn split<'a>(value: &'a str, cookie: &str) -> Vec<Cow<'a, str>> {
    if value.len() <= room(cookie, 1) {
        return vec![value.into()];
    }
    let mut chunks: Vec<Cow<'a, str>> = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let mark = if chunks.is_empty() { 2 } else { 0 };
        let room = LARGEST_PAIR.saturating_sub(chunk_name(cookie, chunks.len()).len() + mark).max(1);
        let (chunk, after) = rest.split_at_checked(room.min(rest.len())).unwrap_or((rest, ""));
        chunks.push(chunk.into());
        rest = after;
    }
    let marked = format!("{}{MARK}{}", chunks.len(), chunks[0]);
    chunks[0] = marked.into();
    chunks
}

/// Opens the whole value that the first chunk begins, given the candidates for the others by their number, and says in how
/// many chunks it was. `None` if one is missing, if there are more than so many, or if nothing opens.
///
/// A browser may hold several chunks of one name, each for its own domain or path (F5). The tag covers the whole value, so at
/// most one choice of them opens.
pub(super) fn open_joined<'a, T>(
    first: &'a [u8],
    max: usize,
    candidates: impl Fn(usize) -> Option<Candidates<'a>>,
    open: impl Fn(&[u8]) -> Option<T>,
) -> Option<(T, Chunks)> {
    let (count, start) = match first {
        [digit, mark, start @ ..] if *mark == MARK as u8 => (digit.wrapping_sub(b'0'), start),
        whole => return Some((open(whole)?, Chunks::ONE)),
    };
    if !(2..=max).contains(&usize::from(count)) {
        return None;
    }
    let others: Vec<_> = (1..usize::from(count)).map(candidates).collect::<Option<_>>()?;
    let mut choice = vec![0; others.len()];
    loop {
        let mut value = start.to_vec();
        for (candidates, chosen) in others.iter().zip(&choice) {
            value.extend_from_slice(candidates.values().get(*chosen)?);
        }
        if let Some(opened) = open(&value) {
            return Some((opened, Chunks(count)));
        }
        // The next choice, counted as a number is: the first digit that can grow does, and those before it start again.
        others.iter().zip(&mut choice).find_map(|(candidates, chosen)| {
            *chosen += 1;
            if *chosen < candidates.values().len() {
                return Some(());
            }
            *chosen = 0;
            None
        })?;
    }
}
