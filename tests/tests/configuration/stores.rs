//! Opens each kind of store by its URL, and checks the errors about wrong URLs.

use std::path::Path;

use session_runtime::{KeyRing, Schema, Session, Sessions, store::StoreUrl};
use tests::{
    databases::{self, Engine},
    servers::{self, Kind},
};

use crate::{Guest, from_json, sentence, sessions};

/// Checks that a store opens at this URL and can count a user's sessions.
async fn works(url: &str) {
    let sessions = sessions().store_url(url).await.unwrap_or_else(|error| panic!("{url}: {error}")).build().unwrap();
    assert_eq!(sessions.of("ada").count().await.unwrap(), 0, "{url}");
    sessions.delete_expired().await.unwrap();
}

#[tokio::test]
async fn each_scheme_opens_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    works("memory:").await;
    works("memory:?capacity=3").await;
    works(&format!("file:{}", at("plain"))).await;
    works(&format!("file://{}?fsync=true", at("whole"))).await;
    works(&format!("file:{}", at("a%20b%3F"))).await;
    works(&format!("sqlite:{}?table=shop", at("sessions.db"))).await;
    for name in ["plain", "whole", "a b?", "sessions.db"] {
        assert!(Path::new(&at(name)).exists(), "{name}");
    }
}

// F26
#[tokio::test]
async fn blanks_and_line_breaks_around_a_url_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    works(" memory:\n").await;
    works(&format!("file:{}\n", at("plain"))).await;
    works(&format!("sqlite:{}\r\n", at("sessions.db"))).await;
    session_runtime::SqlStore::open(&format!("sqlite:{}?mode=rwc\n", at("other.db"))).await.unwrap();
    for name in ["plain", "sessions.db", "other.db"] {
        assert!(Path::new(&at(name)).exists(), "{name}");
    }
    assert_eq!("redis://localhost?prefix=shop:\n".parse::<StoreUrl>().unwrap().to_string(), "redis://localhost");
    for url in ["file:a\nb", "redis://local\nhost", "postgres://h/x?table=a\n&migrate=never", "memory:\0"] {
        assert!(sentence(url.parse::<StoreUrl>().unwrap_err()).contains("line break or another control character"));
    }
    let error = session_runtime::RedisStore::open("redis://local\nhost").await.unwrap_err();
    assert!(error.to_string().contains("line break"), "{error}");
    let error = session_runtime::FileStore::open(at("sessions\n")).await.unwrap_err();
    assert!(error.to_string().contains("sessions\\n\" has a line break"), "{error}");
    assert!(!Path::new(&at("sessions\n")).exists());
}

#[derive(Session)]
struct Counting {
    #[session(counter)]
    visits: u64,
}

/// Builds sessions with the store at this URL.
async fn kept<S: Schema>(url: &str) -> Result<Sessions<S>, session_runtime::Error> {
    Sessions::<S>::builder().store_url(url).await?.keys(KeyRing::generate()).build()
}

#[tokio::test]
async fn cookie_urls_keep_sessions_in_cookies() {
    for url in
        ["cookie:", "cookie:?form=signed", "cookie:?split=4&form=encrypted", "cookie:?revocations=memory:?capacity=9"]
    {
        kept::<Guest>(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }
    let signed = from_json(
        r#"{"store": "cookie:?form=signed", "keys": "aae24849842d7082b66f57ce8270bd04da2c39ffb97df22803c270983032c4e5"}"#,
    );
    Sessions::<Guest>::builder().config(signed.unwrap()).open().await.unwrap();
}

// With a store in code this is a compile error; with a URL it is an error at start.
#[tokio::test]
async fn sessions_that_cookies_cannot_hold_are_refused_at_start() {
    let said = sentence(kept::<crate::Shop>("cookie:").await.unwrap_err());
    assert_eq!(
        said,
        "the `Shop` sessions cannot be in cookies (`cookie:`): only the visitors have those, so the sessions of a \
         user cannot be listed or ended: choose a store such as `file:sessions` or `redis://localhost`, or write \
         `#[session(identity, unlisted)]`"
    );
    let said = sentence(kept::<Counting>("cookie:").await.unwrap_err());
    assert_eq!(
        said,
        "the `Counting` sessions cannot be in cookies (`cookie:`): they cannot combine concurrent requests, as `atomic` and \
         `counter` fields need: choose a store such as `file:sessions` or `redis://localhost`, or leave `atomic` and `counter` \
         off"
    );
    kept::<Counting>("memory:").await.unwrap();
}

// Options that cookies cannot honour are rejected, not ignored; each error names its setting.
#[tokio::test]
async fn options_that_cookies_cannot_honour_are_refused_at_start() {
    let long = "a".repeat(4000);
    for (variable, value, end) in [
        ("SESSION_END_ON_REPLAY", "true", "(`end_on_replay` is from the variable SESSION_END_ON_REPLAY)"),
        ("SESSION_ROTATE_EVERY", "15m", "(`rotate_every` is from the variable SESSION_ROTATE_EVERY)"),
        ("SESSION_COOKIE", &*long, "choose a shorter name (`cookie` is from the variable SESSION_COOKIE)"),
    ] {
        let variables = [("SESSION_STORE", "cookie:"), (variable, value)];
        let builder = Sessions::<Proved>::builder().variables("SESSION_", variables).unwrap();
        let said = sentence(builder.keys(KeyRing::generate()).open().await.unwrap_err());
        assert!(said.ends_with(end), "{said}");
    }
}

#[derive(Session)]
#[session(bounded)]
struct Proved {
    size: u8,
}

#[tokio::test]
async fn redis_opens_by_url() {
    let Some(server) = servers::shared(Kind::Redis) else { return };
    works(&format!("{}?prefix={}", server.url(), servers::prefix())).await;
}

#[tokio::test]
async fn postgres_opens_by_url() {
    let Some(server) = databases::shared(Engine::Postgres) else { return };
    works(&format!("{}?table={}", server.url(), databases::table())).await;
}

#[tokio::test]
async fn mariadb_opens_by_url() {
    let Some(server) = databases::shared(Engine::MariaDb) else { return };
    works(&format!("{}?table={}", server.url(), databases::table())).await;
}

#[tokio::test]
async fn tables_are_created_unless_migrate_is_never() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/shop.db", folder.path().display());
    let builder = sessions().store_url(&format!("{url}?migrate=never&mode=rwc")).await.unwrap();
    let error = builder.build().unwrap().of("ada").count().await.unwrap_err();
    assert!(error.is_unavailable(), "{error}");
    works(&url).await;
    works(&format!("{url}?migrate=never")).await;
}

// S49
#[test]
fn wrong_urls_are_refused_without_repeating_a_password() {
    for (url, because) in [
        ("", "the store's URL has no scheme"),
        ("secret", "the store's URL has no scheme"),
        ("redsi://:secret@localhost", "begins with `redsi`, and there is no such store: write `memory:`, `file:PATH`"),
        ("redsi://:secret@localhost", "did you mean `redis`?"),
        ("http://:secret@localhost", "`sqlite:PATH` or `cookie:`"),
        ("redis://:secret@localhost:x", "the Redis URL is wrong: a port is a number"),
        ("redis+sock:///secret", "its scheme is none of"),
        ("postgres://a:secret@h/x?table=a-b", "`a-b` cannot name the table of sessions"),
        ("postgres://a:secret@h/x?migrate=always", "`migrate` can only be `never`"),
        ("mysql://a:se?cret@h/x", "in a user's name or a password, `?` is written %3F"),
        ("memory:secret", "after `memory:` only `?capacity=5000` may follow"),
        ("memory:?size=secret", "after `memory:` only `?capacity=5000` may follow"),
        ("memory:?capacity=0", "at least 1, as in `memory:?capacity=5000`"),
        ("memory:?capacity=secret", "`capacity` is a number"),
        ("cookie:secret", "after `cookie:` only `?form=signed`, `?split=2` and"),
        ("cookie:?secret=1", "after `cookie:` only `?form=signed`, `?split=2` and"),
        ("cookie:?form=secret", "`form` is `encrypted` or `signed`"),
        ("cookie:?split=5", "`split` is a number of cookies, from 1 to 4"),
        ("cookie:?split=0", "`split` is a number of cookies, from 1 to 4"),
        ("cookie:?split=secret", "`split` is a number of cookies, from 1 to 4"),
        ("cookie:?revocations=cookie:", "`revocations` names a store that a server keeps"),
        ("cookie:?revocations=redsi://:secret@h", "did you mean `redis`?"),
        ("file:", "the path is empty"),
        ("file://", "must be followed by an absolute path"),
        ("file://secret", "an absolute path, as in `file:///var/lib/shop`; otherwise write `file:sessions`"),
        ("file:x?fsync=1", "`fsync` is `true` or `false`"),
        ("file:x?secret", "an unknown or repeated parameter"),
        ("file:secret%", "two hexadecimal digits"),
        ("file:x%00", "a path cannot contain a zero byte"),
    ] {
        let said = sentence(url.parse::<StoreUrl>().expect_err(url));
        assert!(said.contains(because), "{url}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

// S49
#[test]
fn a_url_is_shown_without_its_secrets() {
    for (url, shown) in [
        ("memory:?capacity=3", "memory:"),
        ("file:se@ssions?fsync=true", "file:se@ssions"),
        ("cookie:?revocations=redis://:secret@host", "cookie:"),
        ("redis://ada:secret@host:6379/2?prefix=shop:", "redis://host:6379/2"),
        ("redis://:se%40cret@host", "redis://host"),
        ("redis+unix:///run/redis.sock?pass=secret", "redis+unix:///run/redis.sock"),
        ("postgres://ada:secret@host/shop?sslmode=disable", "postgres://host/shop"),
        ("sqlite:shop.db?mode=rw", "sqlite:shop.db"),
    ] {
        let url: StoreUrl = url.parse().unwrap();
        assert_eq!(url.to_string(), shown);
        assert_eq!(format!("{url:?}"), format!("StoreUrl({shown})"));
    }
}

#[tokio::test]
async fn the_error_about_an_unreachable_server_names_the_setting() {
    let variables = [("SESSION_STORE", "redis://ada:secret@127.0.0.1:1")];
    let said = sentence(sessions().variables("SESSION_", variables).unwrap().open().await.unwrap_err());
    assert!(said.starts_with("SESSION_STORE: ") && said.contains("127.0.0.1:1") && !said.contains("secret"), "{said}");
}
