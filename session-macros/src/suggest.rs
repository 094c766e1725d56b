//! Suggestions for unknown names.

/// Returns the candidate that `name` probably misspells: one with the same letters in another notation, or one that differs in
/// only a few letters.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = plain(name);
    candidates
        .into_iter()
        .map(|candidate| (distance(&plain, &self::plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= 1 && plain.len() > 2 || distance * 3 < plain.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Turns `SameSite`, `same-site` and `same_site` into `samesite`.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns the Damerau-Levenshtein distance with adjacent transpositions (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// Maps names from cookies and from other session libraries to the attribute of this crate.
pub(crate) fn brought_along(on_struct: bool, name: &str) -> Option<&'static str> {
    let lifetime = "`idle` (time since the last request) or `absolute` (time since the sign-in)";
    Some(match (on_struct, plain(name).as_str()) {
        (true, "maxage" | "timeout" | "ttl" | "expires" | "expiry" | "expire" | "lifetime" | "duration") => lifetime,
        (true, "idletimeout" | "inactivity" | "rolling" | "sliding") => "`idle`",
        (true, "absolutetimeout" | "maxlifetime") => "`absolute`",
        (true, "name" | "cookiename" | "key" | "sid") => "`cookie`",
        (true, "application" | "appname" | "namespace") => "`app`",
        (true, "permanent") => "`persistent`",
        (true, "httpsonly" | "https" | "tls") => "`secure`",
        (true, "chips") => "`partitioned`",
        (true, "rememberme") => "`remember`",
        (true, "maxsessions" | "sessionlimit" | "limit" | "concurrentsessions" | "maxdevices") => "`max_per_user`",
        (false, "maxage" | "timeout" | "ttl" | "expiry" | "expire" | "lifetime" | "idle" | "absolute") => "`expires`",
        (false, "name" | "key" | "storedas") => "`rename`",
        (false, "aliases") => "`alias`, once for each name",
        (false, "skipserializing" | "skipdeserializing" | "ignore" | "transient" | "local") => "`skip`",
        (false, "serializewith" | "deserializewith" | "serdewith") => "`with`",
        (false, "user" | "userid" | "principal" | "auth") => "`identity`",
        (false, "indexed" | "searchable" | "lookup" | "findable") => "`index`",
        (false, "role" | "roles" | "privilege" | "renews" | "elevates") => "`rotates`",
        (false, "once" | "message") => "`flash`",
        (false, "cas" | "transaction" | "locked" | "update") => "`atomic`",
        (false, "encrypted" | "encrypt" | "sealed" | "private" | "sensitive" | "confidential") => "`secret`",
        (false, "increment" | "add" | "count") => "`counter`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_are_recognised() {
        let keys = ["expires", "idle", "same_site", "http_only", "secure", "partitioned"];
        for (written, meant) in [
            ("exipres", "expires"),
            ("idel", "idle"),
            ("SameSite", "same_site"),
            ("samesite", "same_site"),
            ("httponly", "http_only"),
            ("http-only", "http_only"),
            ("partioned", "partitioned"),
        ] {
            assert_eq!(nearest(written, keys), Some(meant), "{written}");
        }
    }

    #[test]
    fn other_words_are_not_misspellings() {
        let keys = ["expires", "idle", "secure", "rename", "alias", "touch", "persistent", "flash", "remember"];
        for written in ["secret", "rotates", "rotate_every", "version", "id", "x", ""] {
            assert_eq!(nearest(written, keys), None, "{written}");
        }
    }

    #[test]
    fn distances_count_edits_and_transpositions() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("same", "same"), 0);
    }
}
