//! Errors about options that contradict each other. They are reported when all settings are known, and name the source of each
//! option.

use std::time::Duration;

use session_runtime::{KeyRing, MemoryStore, Sessions};
use tests::log::{self, Log};

use crate::{Guest, KEY, Shop, from_toml, refused, sentence, sessions, with};

// S19, S25, S52
#[tokio::test]
async fn the_error_about_a_contradiction_names_the_source_of_each_option() {
    for (lines, sentence) in [
        (
            &["SESSION_IDLE=13h"][..],
            "`idle` of the `Shop` sessions (46800s) is longer than `absolute` (43200s), so it could never take effect: \
             shorten `idle` or lengthen `absolute` (`idle` is from the variable SESSION_IDLE)",
        ),
        (
            &["SESSION_IDLE=2h", "SESSION_ABSOLUTE=1h"],
            "(`idle` is from the variable SESSION_IDLE, `absolute` is from the variable SESSION_ABSOLUTE)",
        ),
        // F14
        (
            &["SESSION_ROTATE_EVERY=30s"],
            "`rotate_every` of the `Shop` sessions is 30s, but an id that was renewed stays good for a minute, for requests \
             under way: give a minute or more (`rotate_every` is from the variable SESSION_ROTATE_EVERY)",
        ),
        (&["SESSION_TOUCH=1h"], "shorten `touch` (`touch` is from the variable SESSION_TOUCH)"),
        (
            &["SESSION_SECURE=false"],
            "browsers reject the `__Host-` prefix without `Secure`; drop `secure = false` or the prefix (`secure` is from \
             the variable SESSION_SECURE)",
        ),
        (
            &["SESSION_SECURE=false", "SESSION_COOKIE=shop", "SESSION_SAME_SITE=none"],
            "browsers reject a cookie with `SameSite=None` and without `Secure`; drop `secure = false` or `same_site` \
             (`secure` is from the variable SESSION_SECURE, `same_site` is from the variable SESSION_SAME_SITE)",
        ),
        (
            &["SESSION_SECURE=false", "SESSION_COOKIE=shop", "SESSION_PARTITIONED=true"],
            "(`secure` is from the variable SESSION_SECURE, `partitioned` is from the variable SESSION_PARTITIONED)",
        ),
        (
            &["SESSION_COOKIE=__Http-x", "SESSION_HTTP_ONLY=false"],
            "`http_only` is from the variable SESSION_HTTP_ONLY)",
        ),
        (&["SESSION_COOKIE=a b"], "use letters, digits, `-` and `_` (`cookie` is from the variable SESSION_COOKIE)"),
        (&["SESSION_PATH=shop"], "write `/` or `/shop` (`path` is from the variable SESSION_PATH)"),
        (&["SESSION_PATH=/shop"], "drop the path or the prefix (`path` is from the variable SESSION_PATH)"),
        (&["SESSION_DOMAIN=.example.com"], "drop it (`domain` is from the variable SESSION_DOMAIN)"),
        (
            &["SESSION_DOMAIN=example.com"],
            "drop the domain or the prefix (`domain` is from the variable SESSION_DOMAIN)",
        ),
    ] {
        let key = format!("SESSION_KEYS={KEY}");
        let said = refused(&[lines, &["SESSION_STORE=memory:", &key]].concat()).await;
        assert!(said.ends_with(sentence), "{lines:?}: {said}");
    }
}

#[tokio::test]
async fn only_the_source_in_effect_is_named() {
    let build = |builder: session_runtime::SessionsBuilder<Shop>| {
        sentence(builder.keys(KeyRing::generate()).store(MemoryStore::new()).build().unwrap_err())
    };
    let file = || from_toml("idle = '20h'\nabsolute = '30h'").unwrap();
    let said = build(with(&["SESSION_ABSOLUTE=1h"]).unwrap().config(file()));
    assert!(
        said.ends_with("(`idle` is from the configuration, `absolute` is from the variable SESSION_ABSOLUTE)"),
        "{said}"
    );
    // A setting in code needs no source: the developer sees it in the code.
    let said = build(with(&["SESSION_ABSOLUTE=1h"]).unwrap().config(file()).idle(Duration::from_secs(7200)));
    assert!(said.ends_with("(`absolute` is from the variable SESSION_ABSOLUTE)"), "{said}");
    let said = build(Sessions::builder().idle(Duration::from_secs(20 * 3600)).absolute(Duration::from_secs(3600)));
    assert!(said.ends_with("lengthen `absolute`"), "{said}");
}

#[tokio::test]
async fn a_limit_for_sessions_that_are_not_listed_is_refused() {
    let builder = Sessions::<Guest>::builder().config(from_toml("store = 'memory:'\nmax_per_user = 3").unwrap());
    let said = sentence(builder.keys(KeyRing::generate()).open().await.unwrap_err());
    assert_eq!(
        said,
        "`max_per_user` cannot apply to the `Guest` sessions, which are not listed by user: take it out of the \
         configuration, or mark a field with `#[session(identity)]`"
    );
    let builder = Sessions::<Guest>::builder().config(from_toml("store = 'memory:'").unwrap());
    builder.keys(KeyRing::generate()).open().await.unwrap();
}

#[tokio::test]
async fn build_refuses_a_store_that_is_not_open() {
    let builder = sessions().config(from_toml("store = 'redis://ada:secret@localhost?prefix=x'").unwrap());
    assert_eq!(
        sentence(builder.build().unwrap_err()),
        "the store of the `Shop` sessions, redis://localhost from `store`, is not open yet: write `.open().await?` \
         instead of `.build()?`"
    );
    // A store in code takes precedence over one in the settings, which is then not opened.
    for store in [MemoryStore::new(), MemoryStore::with_capacity(2)] {
        let builder = with(&["SESSION_STORE=redis://127.0.0.1:1"]).unwrap().keys(KeyRing::generate()).store(store);
        builder.open().await.unwrap();
    }
    let builder = with(&["SESSION_STORE=redis://127.0.0.1:1"]).unwrap().keys(KeyRing::generate());
    builder.store_url("memory:").await.unwrap().build().unwrap();
    // Without settings, the error names the builder's methods.
    let said = sentence(sessions().open().await.unwrap_err());
    assert!(said.contains("add `.store(…)`"), "{said}");
    let said = sentence(Sessions::<Shop>::builder().store(MemoryStore::new()).open().await.unwrap_err());
    assert!(said.contains("add `.keys(…)`"), "{said}");
}

#[tokio::test]
async fn sessions_can_be_opened_on_any_thread() {
    let opened = tokio::spawn(async { sessions().store_url("memory:").await?.open().await });
    opened.await.unwrap().unwrap();
    let opened = tokio::spawn(Sessions::<Shop>::from_env());
    let _ = opened.await.unwrap();
}

/// Returns the log lines of a build with these settings.
fn logged(lines: &[&str]) -> String {
    log::logged(|| {
        let builder = with(lines).unwrap().keys(KeyRing::generate()).store(MemoryStore::new());
        builder.build().unwrap();
    })
}

// S53
#[test]
fn a_cookie_that_is_not_secure_is_warned_of_once() {
    let said = logged(&["SESSION_SECURE=false", "SESSION_COOKIE=shop"]);
    assert!(
        said.contains("WARN") && said.contains("by the variable SESSION_SECURE, the session cookie is not"),
        "{said}"
    );
    assert!(said.contains("put the server behind HTTPS"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_eq!(logged(&["SESSION_SECURE=true"]), "");
}

// F31
#[test]
fn settings_that_the_code_overrides_are_warned_of() {
    let keys = format!("SESSION_KEYS={KEY}");
    let said = logged(&["SESSION_STORE=redis://ada:hunter2@127.0.0.1:1", &keys]);
    for (variable, method) in [("SESSION_STORE", "store"), ("SESSION_KEYS", "keys")] {
        let expected = format!(
            "the variable {variable} has no effect, since the code calls `.{method}(…)`, which takes precedence; drop one of the two"
        );
        assert!(said.contains(&expected), "{said}");
    }
    assert!(said.lines().all(|line| line.contains("WARN") && line.contains("sessions=\"Shop\"")), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(!said.contains("hunter2") && !said.contains(&KEY[..8]), "{said}");
    // Keys in code take precedence over a key file, which is then not read. Other options get the same warning.
    let said = logged(&["SESSION_KEYS_FILE=/no/such/file"]);
    assert!(said.contains("the variable SESSION_KEYS_FILE has no effect, since the code calls `.keys(…)`"), "{said}");
    let said = log::logged(|| {
        let file = from_toml("idle = '5m'\nabsolute = '2h'\nstore = 'file:sessions'").unwrap();
        let builder = with(&["SESSION_ABSOLUTE=3h"]).unwrap().config(file).store(MemoryStore::new());
        builder.keys(KeyRing::generate()).idle(Duration::from_secs(60)).build().unwrap();
    });
    assert!(said.contains("`idle` in the configuration has no effect, since the code calls `.idle(…)`"), "{said}");
    assert!(said.contains("`store` in the configuration has no effect, since the code calls `.store(…)`"), "{said}");
    assert_eq!(said.lines().count(), 2, "a variable that overrides a file is not warned of: {said}");
}

// F31
#[tokio::test]
async fn settings_that_mean_nothing_for_sessions_in_cookies_are_warned_of() {
    let log = Log::of_this_thread();
    for (store, warnings) in [("cookie:", 1), ("cookie:?revocations=memory:", 0), ("memory:", 0)] {
        log.take();
        let variables = [("SESSION_STORE", store), ("SESSION_STORE_TIMEOUT", "1s")];
        let builder = Sessions::<Guest>::builder().variables("SESSION_", variables).unwrap();
        builder.keys(KeyRing::generate()).open().await.unwrap();
        let said = log.take();
        let expected = "`store_timeout` from the variable SESSION_STORE_TIMEOUT has no effect, since these sessions are in cookies";
        assert_eq!(said.matches(expected).count(), warnings, "{said}");
    }
}

// F28, S53
#[test]
fn plain_http_is_warned_of_once() {
    let said = logged(&["SESSION_SECURE=false", "SESSION_COOKIE=shop", "SESSION_PLAIN_HTTP=true"]);
    assert!(said.contains("WARN") && said.contains("sessions are served over plain HTTP"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
