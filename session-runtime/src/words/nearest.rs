//! Suggestions for unknown names.

/// Returns the candidate that `name` is probably a misspelling of: one with the same letters in another case or with other
/// separators, or one that is a few typing errors away.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = plain(name);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&plain, &self::plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= 1 && plain.len() > 2 || distance * 3 < plain.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Turns `SameSite`, `same-site` and `SAME_SITE` into `samesite`. Keeps at most 64 characters, since our names are shorter.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).take(64).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const NAMES: [&str; 7] = ["store", "keys", "keys_file", "idle", "same_site", "http_only", "partitioned"];

    #[test]
    fn a_misspelled_name_suggests_the_intended_name() {
        for (written, meant) in [
            ("IDEL", "idle"),
            ("stroe", "store"),
            ("SameSite", "same_site"),
            ("HTTPONLY", "http_only"),
            ("partioned", "partitioned"),
            ("keysfile", "keys_file"),
        ] {
            assert_eq!(nearest(written, NAMES), Some(meant), "{written}");
        }
    }

    #[test]
    fn other_words_are_not_misspellings() {
        for written in ["manager", "id", "x", "", "version", "banner", &"idle".repeat(1000)] {
            assert_eq!(nearest(written, NAMES), None, "{written}");
        }
    }
}
