//! Each mistake gives one sentence that names the key or the variable, and the remedy. Apart from that
//! name, the sentence is the same for keys and variables.

use crate::{from_json, from_toml, with};

/// Returns the errors for `option = text`: in a variable, in TOML, in JSON.
fn said(option: &str, text: &str) -> [String; 3] {
    let variable = format!("SESSION_{}={text}", option.to_uppercase());
    [
        with(&[&variable]).err().unwrap_or_default(),
        from_toml(&format!("{option} = '{text}'")).err().unwrap_or_default(),
        from_json(&serde_json::json!({ option: text }).to_string()).err().unwrap_or_default(),
    ]
}

/// S16, S28: covers every kind of value that can be written wrongly.
#[test]
fn a_wrong_value_is_named_with_its_remedy() {
    for (option, text, sentence) in [
        ("idle", "30", "the duration `30` lacks a unit; did you mean `30s` or `30m`?"),
        ("idle", "soon", "`soon` is not a duration; write it such as `15m` or `1h 30m`"),
        ("absolute", "0s", "the duration `0s` is zero; give it some time, or leave it out"),
        ("remember", "1.5h", "the duration `1.5h` is a fraction; did you mean `1h 30m`?"),
        ("touch", "10 s", "the unit stands apart from its number; did you mean `10s`?"),
        ("rotate_every", "5min", "unknown unit `min` in `5min`; did you mean `5m`?"),
        ("store_timeout", "-5s", "a duration cannot be negative; drop the `-`"),
        (
            "clean_every",
            "0s",
            "the duration `0s` is zero; give it some time, or leave it out (to turn it off, write `never`)",
        ),
        ("max_per_user", "0", "with zero sessions no user could sign in: give at least 1, or leave it out"),
        (
            "max_per_user",
            "5, end",
            "`5, end` is not a number of sessions; write `5` (one more ends the oldest) or `5, refuse`",
        ),
        ("max_per_user", "-1", "`-1` is not a number of sessions; write `5` (one more ends the oldest) or `5, refuse`"),
        ("max_bytes", "64K", "`64K` is not a number of bytes; write a whole number such as `65536`"),
        ("max_bytes", "0", "`0` is not a number of bytes; write a whole number such as `65536`"),
        ("on_store_down", "anonymus", "it cannot be `anonymus`; did you mean `anonymous`?"),
        ("on_store_down", "503", "it cannot be `503`; write `unavailable` or `anonymous`"),
        ("end_on_replay", "yes", "it cannot be `yes`; did you mean `true`?"),
        ("events_name_users", "1", "it cannot be `1`; did you mean `true`?"),
        ("secure", "0", "it cannot be `0`; did you mean `false`?"),
        ("http_only", "treu", "it cannot be `treu`; did you mean `true`?"),
        ("persistent", "30d", "it cannot be `30d`; write `true` or `false`"),
        ("partitioned", "Off", "it cannot be `Off`; did you mean `false`?"),
        ("same_site", "strikt", "it cannot be `strikt`; did you mean `strict`?"),
        ("same_site", "off", "it cannot be `off`; write `lax` or `strict` or `none`"),
        (
            "store",
            "sessions",
            "the store's URL has no scheme: write it such as `memory:`, `file:sessions` or `redis://localhost`",
        ),
    ] {
        let [variable, toml, json] = said(option, text);
        assert_eq!(variable, format!("SESSION_{}: {sentence}", option.to_uppercase()));
        assert_eq!(toml, format!("`{option}`: {sentence}"));
        assert!(json.starts_with(&format!("`{option}`: {sentence} at line 1")), "{json}");
    }
}

// S45, S49
#[test]
fn a_weak_key_is_refused_and_not_shown() {
    for (text, sentence) in [
        ("hunter2", "has 5 bytes and needs at least 32; make a good one with `openssl rand -hex 32`"),
        ("correct-horse-battery-staple-correct-horse-battery", "looks like words or a placeholder"),
        ("00000000000000000000000000000000000000000000000000000000000000000000000000", "is one byte over and over"),
        ("x#*!", "is neither hexadecimal nor base64 at its 2nd character"),
    ] {
        let [variable, toml, json] = said("keys", text);
        assert!(variable.starts_with(&format!("the 1st key of the variable SESSION_KEYS {sentence}")), "{variable}");
        assert!(toml.starts_with(&format!("the 1st key of `keys` {sentence}")), "{toml}");
        for said in [variable, toml, json] {
            assert!(!said.contains(text), "{said}");
        }
    }
    let [variable, toml, _] = said("keys", "");
    assert_eq!(variable, "the variable SESSION_KEYS holds no key; write one made with `openssl rand -hex 32`");
    assert_eq!(toml, "`keys` holds no key; write one made with `openssl rand -hex 32`");
    let said = from_toml(&format!("keys = ['{}', 'hunter2']", crate::KEY)).unwrap_err();
    assert!(said.starts_with("the 2nd key of `keys` has 5 bytes"), "{said}");
}

#[test]
fn an_unknown_option_is_named_with_the_one_that_was_meant() {
    for (written, meant) in [
        ("idel", "did you mean @idle?"),
        ("samesite", "did you mean @same_site?"),
        ("http-only", "did you mean @http_only?"),
        ("key_file", "write @keys_file"),
        ("secret", "write @keys, made with `openssl rand -hex 32`"),
        ("secret_key_fallbacks", "write @keys, the new key first and the old ones behind it"),
        ("type", "write @store, such as `redis://localhost:6379`"),
        ("key_prefix", "write @store with the prefix in it, such as `redis://localhost?prefix=shop:`"),
        ("lifetime", "write @idle (time since the last request) or @absolute (time since the sign-in)"),
        ("permanent", "write @persistent"),
        ("cookie_name", "write @cookie"),
        ("cookie_secure", "write @secure"),
        ("cookie_samesite", "write @same_site"),
    ] {
        let variable = format!("SESSION_{}", written.to_uppercase());
        let at = meant.split('@').collect::<Vec<_>>();
        let name = |text: &str, around: fn(&str) -> String| {
            let mut parts = text.split('@');
            let first = parts.next().unwrap().to_owned();
            parts.fold(first, |said, part| {
                let end = part.find(|c: char| !(c == '_' || c.is_ascii_lowercase())).unwrap_or(part.len());
                said + &around(&part[..end]) + &part[end..]
            })
        };
        assert!(at.len() > 1);
        assert_eq!(
            with(&[&format!("{variable}=x")]).unwrap_err(),
            format!(
                "`{variable}` is not a session option; {}",
                name(meant, |o| format!("SESSION_{}", o.to_uppercase()))
            )
        );
        assert_eq!(
            from_toml(&format!("{written} = 1")).unwrap_err(),
            format!("`{written}` is not a session option; {}", name(meant, |option| format!("`{option}`")))
        );
    }
    let said = with(&["SESSION_BANNER=hello"]).unwrap_err();
    assert!(
        said.starts_with(
            "`SESSION_BANNER` is not a session option; there are SESSION_STORE, SESSION_STORE_FILE, SESSION_KEYS,"
        ),
        "{said}"
    );
    assert!(said.ends_with("under another prefix: `.variables(\"SHOP_SESSION_\", std::env::vars_os())`"), "{said}");
    let said = from_toml("banner = 1").unwrap_err();
    assert!(
        said.starts_with("`banner` is not a session option; there are `store`, `store_file`, `keys`, `keys_file`,"),
        "{said}"
    );
}

// S28, S49: text from outside cannot break out of the sentence or of a log line.
#[test]
fn text_from_outside_is_escaped_and_cut() {
    let said = with(&[&format!("SESSION_SECURE=\u{1b}[2J\n{}", "x".repeat(10_000))]).unwrap_err();
    assert!(said.starts_with("SESSION_SECURE: it cannot be `\\u{1b}[2J\\nxxx") && said.len() < 250, "{said}");
    let said = with(&["SESSION_A\nB=1"]).unwrap_err();
    assert!(said.starts_with("`SESSION_A\\nB` is not a session option"), "{said}");
}
