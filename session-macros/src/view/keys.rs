//! The only table of a view's arguments. The parser, the suggestions and the reference page all use it.

use crate::attr::keys::{FieldKey, Key, Known, StructKey};

/// Arguments of a view, after its session.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ViewKey {
    OrRedirect,
    OrStatus,
    Fresh,
    StaleRedirect,
    StaleStatus,
    Crate,
}

const fn known(key: ViewKey, name: &'static str, written: &'static str, says: &'static str) -> Known<ViewKey> {
    Known { key, name, written, says }
}

impl Key for ViewKey {
    const PLACE: &'static str = "a view";
    const ON_STRUCT: bool = true;
    const KIND: &'static str = "view attribute";
    const ALL: &'static [Known<Self>] = &[
        known(
            Self::OrRedirect,
            "or_redirect",
            "or_redirect = \"/login\"",
            "Redirects refused visitors to this path (303), and appends `?next=` with the page that they asked for. Pass the \
             value of `next` to `local_path`. After a POST, and if the path has a `next` of its own, nothing is appended.",
        ),
        known(
            Self::OrStatus,
            "or_status",
            "or_status = 404",
            "Answers refused visitors with this status. Default: 401.",
        ),
        known(
            Self::Fresh,
            "fresh",
            "fresh = 10m",
            "Lets in only users who proved who they are less than this long ago, however old the session is. It needs an `identity`.",
        ),
        known(
            Self::StaleRedirect,
            "stale_redirect",
            "stale_redirect = \"/confirm\"",
            "Redirects users who are signed in but not `fresh`, as `or_redirect` does: to a page that asks for the password again and calls `reauthenticate`.",
        ),
        known(
            Self::StaleStatus,
            "stale_status",
            "stale_status = 403",
            "Answers users who are signed in but not `fresh` with this status. Default: the answer of `or_redirect` or `or_status`.",
        ),
        known(
            Self::Crate,
            "crate",
            "crate = my::session_runtime",
            "The path of the runtime, for a crate that re-exports it.",
        ),
    ];

    fn elsewhere(name: &str) -> Option<(&'static str, &'static str)> {
        let known = StructKey::find(name).is_some() || FieldKey::find(name).is_some();
        known.then_some(("a session", "a view"))
    }

    fn brought_along(name: &str) -> Option<&'static str> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        Some(match plain.as_str() {
            "redirect" | "redirectto" | "login" | "loginurl" | "orelse" | "next" | "goto" => "`or_redirect`",
            "status" | "code" | "error" | "reject" | "orreject" => "`or_status`",
            "stale" | "orstale" | "orreauthenticate" | "orreauth" | "orconfirm" | "freshredirect"
            | "staleorredirect" => "`stale_redirect`",
            "freshstatus" => "`stale_status`",
            "maxage" | "recent" | "freshness" | "within" | "reauth" | "expires" | "idle" | "absolute" => "`fresh`",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::keys::table;

    #[test]
    fn the_reference_page_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/view/arguments.md");
        let mut reference = String::new();
        table::<ViewKey>(&mut reference);
        reference.push_str("\nA redirect and a status exclude each other: `or_redirect` and `or_status`, `stale_redirect` and `stale_status`. Durations are written as in [`derive@Session`].\n");
        if std::env::var_os("BLESS").is_some() {
            assert!(std::fs::write(path, &reference).is_ok());
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(page, reference, "run the tests with BLESS=1 to update src/view/arguments.md");
    }

    #[test]
    fn every_key_is_found_by_its_name_and_its_example_begins_with_it() {
        for known in ViewKey::ALL {
            assert!(ViewKey::find(known.name) == Some(known.key) && known.key.known().name == known.name);
            assert!(known.written.starts_with(known.name), "{}", known.name);
        }
    }
}
