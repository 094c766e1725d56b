//! S46, S49: arbitrary settings give a configuration or an error, and never a panic. Neither shows a secret.

use proptest::{prelude::*, test_runner::Config as Runs};
use session_runtime::{Config, store::StoreUrl, testing};

/// A word from settings, or any text.
fn word() -> impl Strategy<Value = String> {
    const WORDS: &[&str] = &[
        "30m",
        "1h",
        "0s",
        "5, refuse",
        "true",
        "none",
        "lax",
        "/",
        "@",
        "%",
        "?",
        "&",
        "=",
        "://",
        ":",
        ",",
        " ",
        "\0",
        "redis://",
        "rediss+sentinel://",
        "postgres:",
        "sqlite:",
        "memory:",
        "file:",
        "prefix=",
        "wait_for=1",
        "table=",
        "migrate=never",
        "[::1]",
        "18446744073709551616",
        "1_0ms",
        ".5h",
        "é",
        "aae24849842d7082b66f57ce8270bd04",
    ];
    prop_oneof![proptest::sample::select(WORDS).prop_map(str::to_owned), "\\PC{0,12}"]
}

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(word(), 0..6).prop_map(|words| words.concat())
}

fn option() -> impl Strategy<Value = String> {
    prop_oneof![proptest::sample::select(testing::options()).prop_map(str::to_owned), "[a-z_]{0,12}"]
}

proptest! {
    #![proptest_config(Runs { cases: 2000, failure_persistence: None, ..Runs::default() })]

    #[test]
    fn variables_never_panic(lines in proptest::collection::vec((option(), text()), 0..4)) {
        let lines: Vec<_> = lines.iter().map(|(name, text)| format!("SESSION_{}={text}", name.to_uppercase())).collect();
        match testing::settings(&lines.join("\n")) {
            Ok(config) => { let _ = format!("{config:?}"); }
            Err(error) => prop_assert!(error.is_setup() && error.to_string().lines().count() == 1, "{error}"),
        }
    }

    #[test]
    fn a_file_never_panics(pairs in proptest::collection::vec((option(), text()), 0..4)) {
        let json = serde_json::Value::Object(pairs.into_iter().map(|(name, text)| (name, text.into())).collect());
        let _ = serde_json::from_value::<Config>(json);
    }

    #[test]
    fn urls_never_panic(url in text()) {
        match url.parse::<StoreUrl>() {
            Ok(url) => { let _ = format!("{url} {url:?}"); }
            Err(error) => prop_assert!(error.is_setup()),
        }
    }

    // S49
    #[test]
    fn a_password_is_never_shown(scheme in "(redis|rediss|postgres|mysql|redsi|valkey)", end in text()) {
        let url = format!("{scheme}://ada:hunter2hunter2@{end}");
        let shown = url.parse::<StoreUrl>().map_or_else(|error| error.to_string(), |url| format!("{url} {url:?}"));
        prop_assert!(!shown.contains("hunter2"), "{shown}");
    }
}
