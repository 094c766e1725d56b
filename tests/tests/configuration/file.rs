//! A section of the application's own settings file, in TOML and JSON.

use serde::Deserialize;
use session_runtime::{Config, SameSite, SessionLimit, Sessions, StoreDown};

use crate::{KEY, Shop, from_json, from_toml, sentence};

#[derive(Deserialize)]
struct Settings {
    #[allow(dead_code, reason = "another setting of the application")]
    listen: String,
    session: Config,
}

#[test]
fn every_kind_of_value_is_read() {
    let settings: Settings = toml::from_str(&format!(
        "listen = '127.0.0.1:3000'
         [session]
         store = 'redis://ada:secret@localhost?prefix=shop:'
         keys = ['{KEY}']
         app = 'shop'
         idle = '1h 30m'
         clean_every = 'never'
         max_per_user = 3
         max_bytes = 1000
         on_store_down = 'anonymous'
         end_on_replay = true
         same_site = 'Strict'
         secure = 'true'"
    ))
    .unwrap();
    let config = settings.session;
    assert_eq!(config.idle.unwrap().as_secs(), 5400);
    assert_eq!(config.clean_every.unwrap().as_secs(), 0);
    assert_eq!(config.max_per_user, Some(SessionLimit::EndOldest(3)));
    assert_eq!(config.max_bytes, Some(1000));
    assert_eq!(config.on_store_down, Some(StoreDown::Anonymous));
    assert_eq!((config.end_on_replay, config.secure), (Some(true), Some(true)));
    assert_eq!(config.same_site, Some(SameSite::Strict));
    assert_eq!(config.app.as_deref(), Some("shop"));
    assert!(config.absolute.is_none() && config.cookie.is_none());
    // S49
    let shown = format!("{config:?}");
    assert!(
        !shown.contains("secret") && !shown.contains(KEY) && shown.contains("StoreUrl(redis://localhost)"),
        "{shown}"
    );
}

#[test]
fn a_number_may_be_text_null_counts_as_unset_and_other_types_are_refused() {
    assert_eq!(from_json("{\"max_bytes\": \"70\", \"idle\": null}").unwrap().max_bytes, Some(70));
    assert!(from_json("{}").unwrap().idle.is_none());
    let said = from_toml("idle = 30").unwrap_err();
    assert_eq!(said, "`idle`: the duration `30` lacks a unit; did you mean `30s` or `30m`?");
    let said = from_toml("idle = 1.5").unwrap_err();
    assert_eq!(said, "`idle`: the duration `1.5` lacks a unit; did you mean `1.5s` or `1.5m`?");
    assert_eq!(from_toml("secure = 1").unwrap_err(), "`secure`: it cannot be `1`; did you mean `true`?");
    assert_eq!(from_toml("idle = ['5m']").unwrap_err(), "`idle`: it is a list; write one value");
    assert_eq!(from_toml("keys = [['x']]").unwrap_err(), "`keys`: it is a table; write one value");
    assert_eq!(from_toml("cookie = { name = 'x' }").unwrap_err(), "`cookie`: it is a table; write one value");
    let said = from_json("{\"idle\": \"5m\", \"idle\": \"6m\"}").unwrap_err();
    assert!(said.starts_with("`idle`: it is given twice; keep one"), "{said}");
    assert!(from_json("[]").unwrap_err().contains("expected a table of session options"));
}

/// With `flatten`, serde gives `Config` only the keys that it knows, so a mistyped key is not an error.
#[test]
fn a_flattened_config_reads_its_own_keys() {
    #[derive(Deserialize)]
    struct Flat {
        #[allow(dead_code, reason = "another setting of the application")]
        listen: String,
        #[serde(flatten)]
        session: Config,
    }
    let flat: Flat = toml::from_str("listen = 'x'\nidle = '5m'").unwrap();
    assert_eq!(flat.session.idle.unwrap().as_secs(), 300);
}

#[tokio::test]
async fn missing_and_conflicting_keys_are_named() {
    let open = async |text: &str| {
        let builder = Sessions::<Shop>::builder().config(from_toml(text).unwrap());
        sentence(builder.open().await.expect_err(text))
    };
    let keys = format!("keys = '{KEY}'");
    assert!(open(&keys).await.starts_with("the configuration has no `store`; set it to where the `Shop` sessions"));
    assert_eq!(
        open("store = 'memory:'").await,
        "the configuration has no `keys`; set it to a key made with `openssl rand -hex 32`"
    );
    assert_eq!(
        open(&format!("{keys}\nkeys_file = 'x'\nstore = 'memory:'")).await,
        "`keys`: there is a key file as well; keep one of the two"
    );
    let said = open(&format!("{keys}\nstore = 'file:/no/such/folder'")).await;
    assert!(said.starts_with("`store`: the folder `/no/such` does not exist"), "{said}");
}
