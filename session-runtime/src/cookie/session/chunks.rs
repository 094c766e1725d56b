//! Splits a value that is too large for one cookie. The first cookie's value, such as `3~AYWq…`, begins with the number of
//! cookies; the names of the second and third end in `-2` and `-3`. The tag covers the whole value, so chunks that do not belong
//! together do not open.

use std::borrow::Cow;

use crate::cookie::{Candidates, LARGEST_PAIR, spec::chunk_name};

/// Marks a value that is split. No other value contains this character: a value is base64url, with a `.` before a signature.
const MARK: char = '~';

/// The most cookies for one session. Servers refuse a request with more than 8 to 16 KiB of headers, and browsers keep some 180
/// cookies for a site.
pub(crate) const MAX_CHUNKS: u8 = 4;

/// The number of cookies that hold a session: 1 to [`MAX_CHUNKS`].
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

/// Returns the greatest length of a value that `max` cookies can hold.
pub(super) fn room(cookie: &str, max: usize) -> usize {
    let chunks = (0..max).map(|chunk| LARGEST_PAIR.saturating_sub(chunk_name(cookie, chunk).len()));
    chunks.sum::<usize>() - if max > 1 { 2 } else { 0 }
}

/// Splits a value into the values of its cookies. The value must not be longer than [`room`] allows.
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

/// Opens the value that begins with the chunk `first`, and returns its number of chunks. `candidates` returns the cookies for
/// each further chunk. `None` if a chunk is missing, if there are more than `max`, or if nothing opens.
///
/// A browser may hold several chunks of one name, for different domains or paths (F5). The tag covers the whole value, so at
/// most one combination opens.
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
        // Moves on to the next combination, as in counting: increments the first digit that can grow, and resets the digits
        // before it.
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
