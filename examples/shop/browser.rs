//! Names a browser for the list of a user's devices: a few words, made from its `User-Agent`.

/// The sender chooses the header, so the name of an unknown browser is cut to this many characters.
const LONGEST_NAME: usize = 40;

/// A browser's `User-Agent` also names the browsers that it descends from, so the first match in this order is the right one.
const BROWSERS: [(&str, &str); 10] = [
    ("Edg", "Edge"), // `Edg/`, `EdgA/` on Android, `EdgiOS/`
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Returns a name such as `Firefox on Linux`, given the header's value.
pub(crate) fn label(user_agent: Option<&[u8]>) -> String {
    let sent = user_agent.and_then(|sent| str::from_utf8(sent).ok()).unwrap_or_default();
    let known =
        |table: &[(&str, &'static str)]| table.iter().find(|(sign, _)| sent.contains(sign)).map(|(_, name)| *name);
    let browser = known(&BROWSERS).map_or_else(|| own_name(sent), str::to_owned);
    match known(&SYSTEMS) {
        Some(system) => format!("{browser} on {system}"),
        None => browser,
    }
}

/// Returns `ureq` for `ureq/3.1.0 (anything)`.
fn own_name(sent: &str) -> String {
    let name: String = sent.chars().take_while(|c| *c != '/' && !c.is_whitespace()).take(LONGEST_NAME).collect();
    if name.is_empty() { "An unknown browser".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_get_the_names_that_people_know() {
        let table: [(&[u8], &str); 12] = [
            (b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                b"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                b"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                b"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                b"Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (b"curl/8.14.1", "curl"),
            (b"ureq/3.1.0 (Linux)", "ureq on Linux"),
            (b"<b>bold</b>", "<b>bold<"),
            (b"", "An unknown browser"),
            (b"/", "An unknown browser"),
            (b"Firefox/\xff", "An unknown browser"),
        ];
        for (sent, expected) in table {
            assert_eq!(label(Some(sent)), expected);
        }
        assert_eq!(label(None), "An unknown browser");
    }

    #[test]
    fn an_unknown_browsers_name_is_cut() {
        assert_eq!(label(Some(&[b'x'; 8_000])), "x".repeat(40));
    }
}
