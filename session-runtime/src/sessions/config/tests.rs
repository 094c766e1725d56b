//! Tests the precedence of every option, in every order of calls.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::time::Duration;

use super::{Config, SessionsBuilder};
use crate::{Session, Sessions, cookie::SameSite, engine::StoreDown, keys::KeyRing, schema::SessionLimit};

/// A session in which every option that is also an attribute is set.
#[derive(Session)]
#[session(
    crate = crate, cookie = "attribute", idle = 1m, absolute = 1h, remember = 1d, touch = 1s, rotate_every = 1m,
    max_per_user = 1, persistent, same_site = none, path = "/attribute", domain = "attribute.test", partitioned
)]
struct Shop {
    #[session(identity)]
    user: Option<u64>,
}

type Builder = SessionsBuilder<Shop>;

/// One option: its values in a file, in a variable and from the builder's method, and the values that the builder then has.
struct Row {
    option: &'static str,
    file: &'static str,
    variable: &'static str,
    method: fn(Builder) -> Builder,
    seen: fn(&Builder) -> String,
    /// The values that result from attributes, the file, the variable and the method.
    expected: [&'static str; 4],
}

const KEYS: [&str; 3] = [
    "aae24849842d7082b66f57ce8270bd04da2c39ffb97df22803c270983032c4e5",
    "4d1f0b6e93c58a27f6e0d4b1c7a9835e2f60719b8dc34a5e1f7208b6d95c3ea4",
    "ZwMetrC/g9augPqGLXxCTvxnRb1LAQSjCvJ8dbRF/vk=",
];

fn ring(text: &str) -> KeyRing {
    KeyRing::from_setting("keys", text).unwrap()
}

fn key_of(builder: &Builder) -> String {
    let shown = builder.keys.as_ref().map(|ring| format!("{ring:?}"));
    let known = KEYS.iter().position(|key| Some(format!("{:?}", ring(key))) == shown);
    known.map_or("none".into(), |at| at.to_string())
}

const ROWS: &[Row] = &[
    Row {
        option: "keys",
        file: KEYS[0],
        variable: KEYS[1],
        method: |b| b.keys(ring(KEYS[2])),
        seen: key_of,
        expected: ["none", "0", "1", "2"],
    },
    Row {
        option: "app",
        file: "file",
        variable: "variable",
        method: |b| b.app("method"),
        seen: |b| b.app.clone(),
        expected: ["session-runtime", "file", "variable", "method"],
    },
    Row {
        option: "idle",
        file: "2m",
        variable: "3m",
        method: |b| b.idle(Duration::from_secs(240)),
        seen: |b| format!("{:?}", b.idle),
        expected: ["60s", "120s", "180s", "240s"],
    },
    Row {
        option: "absolute",
        file: "2h",
        variable: "3h",
        method: |b| b.absolute(Duration::from_secs(4 * 3600)),
        seen: |b| format!("{:?}", b.absolute),
        expected: ["3600s", "7200s", "10800s", "14400s"],
    },
    Row {
        option: "remember",
        file: "2d",
        variable: "3d",
        method: |b| b.remember(Duration::from_secs(4)),
        seen: |b| format!("{:?}", b.remember),
        expected: ["86400s", "172800s", "259200s", "4s"],
    },
    Row {
        option: "touch",
        file: "2s",
        variable: "3s",
        method: |b| b.touch(Duration::from_secs(4)),
        seen: |b| format!("{:?}", b.touch.unwrap()),
        expected: ["1s", "2s", "3s", "4s"],
    },
    Row {
        option: "rotate_every",
        file: "2m",
        variable: "3m",
        method: |b| b.rotate_every(Duration::from_secs(240)),
        seen: |b| format!("{:?}", b.rotate_every.unwrap()),
        expected: ["60s", "120s", "180s", "240s"],
    },
    Row {
        option: "clean_every",
        file: "never",
        variable: "3m",
        method: |b| b.clean_every(Duration::from_secs(240)),
        seen: |b| format!("{:?}", b.clean_every),
        expected: ["60s", "0ns", "180s", "240s"],
    },
    Row {
        option: "watch_every",
        file: "2s",
        variable: "3s",
        method: |b| b.watch_every(Duration::from_secs(4)),
        seen: |b| format!("{:?}", b.watch_every),
        expected: ["15s", "2s", "3s", "4s"],
    },
    Row {
        option: "store_timeout",
        file: "500ms",
        variable: "3s",
        method: |b| b.store_timeout(Duration::from_secs(4)),
        seen: |b| format!("{:?}", b.store_timeout),
        expected: ["5s", "500ms", "3s", "4s"],
    },
    Row {
        option: "commit_timeout",
        file: "500ms",
        variable: "3s",
        method: |b| b.commit_timeout(Duration::from_secs(4)),
        seen: |b| format!("{:?}", b.commit_timeout),
        expected: ["5s", "500ms", "3s", "4s"],
    },
    Row {
        option: "max_per_user",
        file: "2",
        variable: "3, refuse",
        method: |b| b.max_per_user(SessionLimit::EndOldest(4)),
        seen: |b| format!("{:?}", b.max_per_user.unwrap()),
        expected: ["EndOldest(1)", "EndOldest(2)", "Refuse(3)", "EndOldest(4)"],
    },
    Row {
        option: "max_bytes",
        file: "2000",
        variable: "3000",
        method: |b| b.max_bytes(4000),
        seen: |b| b.max_bytes.to_string(),
        expected: ["1048576", "2000", "3000", "4000"],
    },
    Row {
        option: "on_store_down",
        file: "anonymous",
        variable: "unavailable",
        method: |b| b.on_store_down(StoreDown::Anonymous),
        seen: |b| format!("{:?}", b.store_down),
        expected: ["Unavailable", "Anonymous", "Unavailable", "Anonymous"],
    },
    Row {
        option: "end_on_replay",
        file: "true",
        variable: "false",
        method: |b| b.end_on_replay(true),
        seen: |b| b.end_replayed.to_string(),
        expected: ["false", "true", "false", "true"],
    },
    Row {
        option: "events_name_users",
        file: "true",
        variable: "false",
        method: |b| b.events_name_users(true),
        seen: |b| b.names_users.to_string(),
        expected: ["false", "true", "false", "true"],
    },
    Row {
        option: "cookie",
        file: "file",
        variable: "variable",
        method: |b| b.cookie("method"),
        seen: |b| b.cookie.name.clone().into_owned(),
        expected: ["attribute", "file", "variable", "method"],
    },
    Row {
        option: "persistent",
        file: "false",
        variable: "true",
        method: |b| b.persistent(false),
        seen: |b| b.cookie.persistent.to_string(),
        expected: ["true", "false", "true", "false"],
    },
    Row {
        option: "same_site",
        file: "strict",
        variable: "Lax",
        method: |b| b.same_site(SameSite::None),
        seen: |b| format!("{:?}", b.cookie.same_site),
        expected: ["None", "Strict", "Lax", "None"],
    },
    Row {
        option: "secure",
        file: "true",
        variable: "TRUE",
        method: |b| b.secure(true),
        seen: |b| b.cookie.secure.to_string(),
        expected: ["true", "true", "true", "true"],
    },
    Row {
        // `true` needs a cookie that is not `Secure`: `plain_http_needs_a_cookie_that_is_not_secure` tests it.
        option: "plain_http",
        file: "false",
        variable: "FALSE",
        method: |b| b.plain_http(false),
        seen: |b| b.plain_http.to_string(),
        expected: ["false", "false", "false", "false"],
    },
    Row {
        option: "http_only",
        file: "false",
        variable: "true",
        method: |b| b.http_only(false),
        seen: |b| b.cookie.http_only.to_string(),
        expected: ["true", "false", "true", "false"],
    },
    Row {
        option: "path",
        file: "/file",
        variable: "/variable",
        method: |b| b.path("/method"),
        seen: |b| b.cookie.path.clone().into_owned(),
        expected: ["/attribute", "/file", "/variable", "/method"],
    },
    Row {
        option: "domain",
        file: "file.test",
        variable: "variable.test",
        method: |b| b.domain("method.test"),
        seen: |b| b.cookie.domain.clone().unwrap().into_owned(),
        expected: ["attribute.test", "file.test", "variable.test", "method.test"],
    },
    Row {
        option: "former_domain",
        file: "former.file.test",
        variable: "host-only",
        method: |b| b.former_domain("former.method.test"),
        seen: |b| b.former.domain.clone().unwrap_or_default(),
        expected: ["", "former.file.test", "host-only", "former.method.test"],
    },
    Row {
        option: "former_path",
        file: "/former/file",
        variable: "/former/variable",
        method: |b| b.former_path("/former/method"),
        seen: |b| b.former.path.clone().unwrap_or_default(),
        expected: ["", "/former/file", "/former/variable", "/former/method"],
    },
    Row {
        option: "partitioned",
        file: "false",
        variable: "true",
        method: |b| b.partitioned(false),
        seen: |b| b.cookie.partitioned.to_string(),
        expected: ["true", "false", "true", "false"],
    },
];

/// Returns all orders of all subsets of the three calls.
fn calls() -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for length in 0..3 {
        for calls in all.clone().iter().filter(|calls: &&Vec<usize>| calls.len() == length) {
            for next in (1..=3).filter(|next| !calls.contains(next)) {
                all.push([calls.as_slice(), &[next]].concat());
            }
        }
    }
    assert_eq!(all.len(), 1 + 3 + 6 + 6);
    all
}

fn called(row: &Row, builder: Builder, call: usize) -> Builder {
    let variable = format!("SESSION_{}", row.option.to_uppercase());
    match call {
        1 => {
            let file = serde_json::json!({ row.option: row.file }).to_string();
            builder.config(serde_json::from_str(&file).unwrap())
        }
        2 => builder.variables("SESSION_", [(variable, row.variable)]).unwrap(),
        _ => (row.method)(builder),
    }
}

#[test]
fn precedence_is_method_then_variable_then_file_then_attribute() {
    for row in ROWS {
        for calls in calls() {
            let mut builder = Sessions::<Shop>::builder();
            for call in &calls {
                builder = called(row, builder, *call);
            }
            builder.settle().unwrap();
            let strongest = calls.iter().max().copied().unwrap_or(0);
            assert_eq!((row.seen)(&builder), row.expected[strongest], "{}, called {calls:?}", row.option);
            builder.settle().unwrap();
            assert_eq!((row.seen)(&builder), row.expected[strongest], "{}, settled twice", row.option);
        }
    }
}

#[test]
fn the_rows_cover_every_option() {
    let tried: Vec<_> = ROWS.iter().map(|row| row.option).collect();
    // Options that open a file or a store have tests of their own.
    let others: Vec<_> = Config::OPTIONS.iter().filter(|option| !tried.contains(option)).copied().collect();
    assert_eq!(others, ["store", "store_file", "keys_file"]);
}

#[test]
fn a_variable_turns_secure_off_and_the_method_turns_it_on() {
    let mut builder = Sessions::<Shop>::builder().same_site(SameSite::Lax).partitioned(false);
    builder = builder.variables("SESSION_", [("SESSION_SECURE", "false")]).unwrap();
    builder.settle().unwrap();
    assert!(!builder.cookie.secure);
    let mut builder = builder.secure(true);
    builder.settle().unwrap();
    assert!(builder.cookie.secure);
}

// F28
#[test]
fn plain_http_needs_a_cookie_that_is_not_secure() {
    let builder = Sessions::<Shop>::builder().same_site(SameSite::Lax).partitioned(false);
    let mut builder = builder.variables("SESSION_", [("SESSION_PLAIN_HTTP", "true")]).unwrap();
    let error = builder.settle().unwrap_err().to_string();
    assert!(error.contains("add `secure = false`"), "{error}");
    assert!(error.ends_with("(`plain_http` is from the variable SESSION_PLAIN_HTTP)"), "{error}");
    let mut builder = builder.variables("SHOP_", [("SHOP_SECURE", "false")]).unwrap();
    builder.settle().unwrap();
    assert!(builder.plain_http && !builder.cookie.secure);
    let config: Config = serde_json::from_str(r#"{"plain_http": true, "secure": false}"#).unwrap();
    let mut builder = Sessions::<Shop>::builder().same_site(SameSite::Lax).partitioned(false).config(config);
    builder.settle().unwrap();
    assert!(builder.plain_http);
    let mut builder = builder.plain_http(false);
    builder.settle().unwrap();
    assert!(!builder.plain_http, "the method overrides the file");
    let unknown = Sessions::<Shop>::builder().variables("SESSION_", [("SESSION_INSECURE", "true")]).unwrap_err();
    assert!(unknown.to_string().contains("write SESSION_PLAIN_HTTP, beside SESSION_SECURE"), "{unknown}");
}

#[test]
fn a_later_file_or_prefix_overrides_an_earlier_one() {
    let file = |idle: &str| -> Config { serde_json::from_str(&format!("{{\"idle\": \"{idle}\"}}")).unwrap() };
    let mut builder = Sessions::<Shop>::builder().config(file("2m")).config(file("3m"));
    builder.settle().unwrap();
    assert_eq!(builder.idle, Duration::from_secs(180));

    let builder = builder.variables("SESSION_", [("SESSION_IDLE", "4m"), ("ADMIN_SESSION_IDLE", "5m")]).unwrap();
    let mut builder =
        builder.variables("ADMIN_SESSION_", [("SESSION_IDLE", "4m"), ("ADMIN_SESSION_IDLE", "5m")]).unwrap();
    builder = builder.config(file("6m"));
    builder.settle().unwrap();
    assert_eq!(builder.idle, Duration::from_secs(300));
}

#[test]
fn keys_in_a_variable_override_a_key_file_of_the_configuration() {
    let config: Config = serde_json::from_str(r#"{"keys_file": "/no/such/folder/keys"}"#).unwrap();
    let mut builder = Sessions::<Shop>::builder().config(config);
    assert!(builder.settle().unwrap_err().to_string().starts_with("`keys_file`: there is no key file "));
    let mut builder = builder.variables("SESSION_", [("SESSION_KEYS", KEYS[1])]).unwrap();
    builder.settle().unwrap();
    assert_eq!(key_of(&builder), "1");
}
