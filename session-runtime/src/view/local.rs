//! Paths of this site to which a redirect may send a visitor.

/// The longest path that is accepted. Many servers and proxies reject a request whose head has more than 8 KiB, and
/// percent-encoding in `next` can make the path three times as long.
const LONGEST: usize = 2048;

/// Returns the path itself if a redirect to it stays on this site. Check the `next` of a login form with it (OWASP Unvalidated
/// Redirects and Forwards Cheat Sheet).
///
/// The path must begin with one `/`: browsers take `//host` and `/\host` for another host. It must be printable ASCII without
/// spaces and backslashes (RFC 3986, section 2; other characters have to be percent-encoded), since browsers drop tabs and line
/// ends and turn `\` into `/`. No segment may be `.` or `..`, even percent-encoded: browsers never send one, and resolving it
/// could turn `/.//host` into `//host`. The limit is 2,048 bytes. A query may follow. The function does not check whether the
/// page exists, or whether this visitor may see it.
///
/// ```
/// use session_runtime::local_path;
///
/// let after_login = |next: &str| local_path(next).unwrap_or("/").to_owned();
/// assert_eq!(after_login("/account?tab=2"), "/account?tab=2");
/// assert_eq!(after_login("https://evil.example/"), "/");
/// assert_eq!(after_login("//evil.example/"), "/");
/// ```
#[must_use]
pub fn local_path(path: &str) -> Option<&str> {
    let mut bytes = path.bytes();
    let begins = bytes.next() == Some(b'/') && bytes.next() != Some(b'/');
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (begins && plain && path.len() <= LONGEST && !has_dot_segment(path)).then_some(path)
}

/// Returns whether a segment is `.` or `..`, as URL parsers read them.
fn has_dot_segment(path: &str) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    path.split('/').any(|segment| {
        let mut rest = segment;
        let mut dots = 0;
        while let Some(after) =
            rest.strip_prefix('.').or_else(|| rest.strip_prefix("%2e")).or_else(|| rest.strip_prefix("%2E"))
        {
            (rest, dots) = (after, dots + 1);
        }
        rest.is_empty() && (1..=2).contains(&dots)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_this_site_are_accepted() {
        for path in [
            "/",
            "/a",
            "/account?tab=2&x=//evil.example#part",
            "/a//b",
            "/%09/evil.example",
            "/%2Fevil.example",
            "/%5Cevil.example",
            "/caf%C3%A9",
            "/https://evil.example",
            "/@evil.example",
            "/:8080",
            "/.../a",
            "/.well-known/a..b/c.",
            "/a?next=/../b#/./",
        ] {
            assert_eq!(local_path(path), Some(path));
        }
        let longest = format!("/{}", "a".repeat(LONGEST - 1));
        assert_eq!(local_path(&longest), Some(longest.as_str()));
        assert_eq!(local_path(&format!("{longest}a")), None);
    }

    #[test]
    fn paths_that_may_lead_elsewhere_are_rejected() {
        for path in [
            "",
            " ",
            "account",
            "?next=/",
            "#",
            ".",
            "./a",
            "../a",
            "//",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "\\\\evil.example",
            "/a\\..\\evil.example",
            "/\t/evil.example",
            "\t//evil.example",
            "/\n/evil.example",
            "/\r\nLocation: https://evil.example",
            "/a\r\nSet-Cookie: a=b",
            "/ /evil.example",
            " /a",
            "/a ",
            "/\0",
            "/\u{7f}",
            "/\u{a0}/evil.example",
            "/\u{2028}/evil.example",
            "/\u{3000}/evil.example",
            "/\u{feff}/evil.example",
            "\u{feff}//evil.example",
            "/\u{202e}/evil.example",
            "/\u{85}/evil.example",
            "\u{ff0f}\u{ff0f}evil.example",
            "/\u{ff0f}evil.example",
            "/café",
            "https://evil.example",
            "https:/evil.example",
            "https:evil.example",
            "HTTPS://evil.example",
            "http:///evil.example",
            "javascript:alert(1)",
            "data:text/html,evil",
            "@evil.example",
            "evil.example",
            "%2F%2Fevil.example",
            "%2Faccount",
            // F14
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/%2e//evil.example",
            "/.%2E//evil.example",
            "/a/%2e%2e//evil.example",
            "/../..",
            "/a/.",
            "/..?a",
        ] {
            assert_eq!(local_path(path), None, "{path:?}");
        }
    }
}
