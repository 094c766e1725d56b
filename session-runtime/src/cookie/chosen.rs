//! Chooses one value from a request's cookies of one name. The order of the cookies must not matter, because an attacker who can
//! set cookies for a neighbouring host or path determines it (SECURITY S32).

use super::{
    reader::{Candidates, Matches, find},
    rules::is_exclusive,
    text,
};

/// Returns the text of the plain cookie `name`. `None` if there are two values that differ.
pub(crate) fn plain<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Option<String> {
    let found = candidates(headers, name)?;
    let values = found.values();
    let (first, others) = values.split_first()?;
    if others.iter().any(|other| other != first) {
        return ambiguous(name);
    }
    text::decode(first)
}

/// Returns the text of the cookie `name` whose value opens. `None` if two values open to different texts. Values that do not
/// open are ignored, since anyone could have set them.
pub(crate) fn opened<'a>(
    headers: impl IntoIterator<Item = &'a [u8]>,
    name: &str,
    open: impl Fn(&[u8]) -> Option<String>,
) -> Option<String> {
    let found = candidates(headers, name)?;
    let mut texts = found.values().iter().filter_map(|value| open(value));
    let first = texts.next()?;
    if texts.any(|other| other != first) {
        return ambiguous(name);
    }
    Some(first)
}

fn candidates<'a>(headers: impl IntoIterator<Item = &'a [u8]>, name: &str) -> Option<Candidates<'a>> {
    // A search for `a=b` would find the cookie `a`.
    if name.is_empty() || name.contains(['=', ';']) {
        return None;
    }
    match find(headers, name) {
        Matches::None => None,
        Matches::Some(found) if is_exclusive(name) && found.values().len() > 1 => ambiguous(name),
        Matches::Some(found) => Some(found),
        Matches::TooMany => ambiguous(name),
        Matches::TooLong => {
            warn_limited!("a request's cookies are too long to be read; all are ignored");
            None
        }
    }
}

fn ambiguous<T>(name: &str) -> Option<T> {
    warn_limited!(cookie = name, "a request has several cookies of one name; all are ignored");
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(value: &[u8]) -> Option<String> {
        let value = value.strip_prefix(b"ours:")?;
        text::decode(value)
    }

    // S32, S33: in both orders, in one header and in two.
    #[test]
    fn the_order_of_cookies_does_not_matter() {
        let both = |name: &str, one: &str, two: &str| {
            let pairs = [format!("{name}={one}"), format!("{name}={two}")];
            let [a, b] = &pairs;
            let headers = [vec![format!("{a}; {b}")], vec![format!("{b}; {a}")], vec![a.clone(), b.clone()]];
            let read = headers.map(|lines| {
                let lines = || lines.iter().map(String::as_bytes);
                (plain(lines(), name), opened(lines(), name, open))
            });
            assert!(read.iter().all(|others| *others == read[0]));
            read.into_iter().next().unwrap_or_default()
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(both("theme", "dark", "light"), (None, None));
        assert_eq!(both("theme", "dark", "dark"), (some("dark"), None));
        assert_eq!(both("theme", "ours:dark", "light"), (None, some("dark")));
        assert_eq!(both("theme", "ours:dark", "ours:dark"), (some("ours:dark"), some("dark")));
        assert_eq!(both("theme", "ours:dark", "ours:light"), (None, None));
        assert_eq!(both("__Host-theme", "ours:dark", "ours:dark"), (None, None));
        assert_eq!(both("__Secure-theme", "ours:dark", "ours:dark"), (some("ours:dark"), some("dark")));
    }

    #[test]
    fn a_name_that_no_cookie_can_have_finds_none() {
        for name in ["", "a=b", "a;b", "b=c"] {
            assert_eq!(plain([&b"a=b=c; =x; a;b=1"[..]], name), None, "{name}");
        }
    }

    // S34
    #[test]
    fn too_many_or_too_long_cookies_are_ignored() {
        let many = b"theme=dark;".repeat(9);
        assert_eq!(plain([&many[..]], "theme"), None);
        assert_eq!(plain([&many[..many.len() - 11]], "theme"), Some("dark".to_owned()));
        let long = [&b"theme=dark; a="[..], &vec![b'x'; 64 * 1024]].concat();
        assert_eq!(plain([&long[..]], "theme"), None);
    }
}
