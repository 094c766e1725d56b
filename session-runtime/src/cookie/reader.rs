//! Finds the cookies of our name among the bytes that a browser sent (SECURITY S31 to S34).
//!
//! Existing parsers are not safe here. They decode percent signs and trim Unicode blanks in names, so a sibling domain's
//! `%5F%5FHost-sid` passes for `__Host-sid`. They also reject a whole header if one neighbouring cookie is not UTF-8. This parser
//! compares names byte by byte and skips all other cookies.

/// The most bytes in all `Cookie` headers together. On most sites, nginx or Apache already refuses a line of more than 8 KiB.
const LARGEST: usize = 64 * 1024;
/// The most cookies, including empty ones and those of other names. Chromium keeps 180 for a site.
const PAIRS: usize = 1024;
/// The most cookies of our name: browsers hold one per path and domain.
const CANDIDATES: usize = 8;

/// The cookies of our name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matches<'a> {
    None,
    Some(Candidates<'a>),
    /// More than eight cookies of our name.
    TooMany,
    /// More bytes or cookies than the limits. Reading only part of them would be worse than reading none: the rest may contain a
    /// second cookie of our name.
    TooLong,
}

/// The raw values of the cookies of our name. At least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidates<'a> {
    values: [&'a [u8]; CANDIDATES],
    count: usize,
}

impl<'a> Candidates<'a> {
    #[cfg(test)]
    pub(crate) const fn one(value: &'a [u8]) -> Self {
        let mut values: [&[u8]; CANDIDATES] = [&[]; CANDIDATES];
        values[0] = value;
        Self { values, count: 1 }
    }

    pub(crate) fn values(&self) -> &[&'a [u8]] {
        &self.values[..self.count]
    }
}

/// Looks for cookies called `name` in `headers`, the values of a request's `Cookie` headers. HTTP/2 may split a header, so
/// several headers count as one. The time is linear in their length, and nothing is allocated.
pub(super) fn find<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Matches<'a> {
    scan(headers, name.as_bytes(), || ())
}

/// [`find`], with a call of `step` for every byte that it looks at.
fn scan<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &[u8], step: impl Fn()) -> Matches<'a> {
    let (mut bytes, mut pairs) = (0_usize, 0);
    let mut found = Candidates { values: [&[]; CANDIDATES], count: 0 };
    for header in headers {
        // Adds one for the separator, so that empty headers are not free.
        bytes = bytes.saturating_add(header.len()).saturating_add(1);
        if bytes > LARGEST {
            return Matches::TooLong;
        }
        let mut rest = Some(header);
        while let Some(bytes) = rest {
            let end = first_semicolon(bytes, &step);
            let pair = end.map_or(bytes, |end| &bytes[..end]);
            rest = end.map(|end| &bytes[end + 1..]);
            pairs += 1;
            if pairs > PAIRS {
                return Matches::TooLong;
            }
            let Some(value) = value_of(pair, name, &step) else { continue };
            let Some(free) = found.values.get_mut(found.count) else { return Matches::TooMany };
            *free = value;
            found.count += 1;
        }
    }
    if found.count == 0 { Matches::None } else { Matches::Some(found) }
}

/// Returns the position of the first `;`. It checks eight bytes at a time, since most of a header is other cookies.
fn first_semicolon(bytes: &[u8], step: impl Fn()) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    let (eights, rest) = bytes.as_chunks::<8>();
    for (at, eight) in eights.iter().enumerate() {
        eight.iter().for_each(|_| step());
        // A `;` becomes zero. The lowest zero is the lowest byte whose top bit the subtraction sets.
        let zeros = u64::from_le_bytes(*eight) ^ (ONES * u64::from(b';'));
        let found = zeros.wrapping_sub(ONES) & !zeros & (ONES << 7);
        if found != 0 {
            return Some(at * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().for_each(|_| step());
    rest.iter().position(|&byte| byte == b';').map(|at| eights.len() * 8 + at)
}

/// Returns the value of a cookie if its name is `name`. Browsers put no blank before the `=`, so a name that is followed by a
/// blank is another name.
fn value_of<'a>(pair: &'a [u8], name: &[u8], step: impl Fn()) -> Option<&'a [u8]> {
    let is_blank = |byte: &u8| {
        step();
        matches!(byte, b' ' | b'\t')
    };
    let start = pair.iter().position(|byte| !is_blank(byte))?;
    let end = pair.iter().rposition(|byte| !is_blank(byte))?;
    let pair = pair.get(start..=end)?;
    pair.iter().zip(name).for_each(|_| step());
    pair.strip_prefix(name)?.strip_prefix(b"=")
}

#[cfg(test)]
mod tests;
