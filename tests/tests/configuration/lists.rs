//! Checks the list of options: it has every method of the builder and every attribute of the derive, and the guide has a row
//! for each option. The guide for users of Flask has a row for each option of Flask.

use std::{collections::BTreeSet, fs, path::Path};

use session_runtime::testing;

const GUIDE: &str = include_str!("../../../session-runtime/docs/configuration.md");
const FLASK: &str = include_str!("../../../session-runtime/docs/flask.md");

fn source(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

fn options() -> BTreeSet<String> {
    testing::options().iter().map(|option| (*option).to_owned()).collect()
}

#[test]
fn every_method_of_the_builder_is_an_option() {
    let sources = ["builder.rs", "options.rs"].map(|file| source(&format!("session-runtime/src/sessions/{file}")));
    let methods: BTreeSet<_> = sources
        .iter()
        .flat_map(|source| source.lines())
        .filter_map(|line| line.trim().strip_prefix("pub fn ")?.split_once("mut self, "))
        .map(|(name, _)| name.split(['(', '<']).next().unwrap().to_owned())
        .collect();
    assert!(methods.len() > 20, "{methods:?}");
    // The arguments of these two methods cannot be written as text, so the methods are not options.
    let (mut code, mut outside) = (methods, options());
    for name in ["on_event", "clock"] {
        assert!(code.remove(name), "{name}");
    }
    // These options have no methods of their own: code that reads a file passes a `KeyRing` or a URL to the builder.
    assert!(outside.remove("keys_file") && outside.remove("store_file"));
    assert_eq!(code, outside);
}

#[test]
fn every_attribute_of_the_struct_is_an_option() {
    let attributes = source("session-macros/src/attributes.md");
    let (on_struct, _) = attributes.split_once("On a field").unwrap();
    let rows: Vec<_> = on_struct.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    assert!(rows.len() > 10);
    for row in rows {
        let name = row.split([' ', '`']).next().unwrap();
        // The derive needs the attributes in this list at compile time, so they are not options.
        assert!(["crate", "bounded", "kind", "lock", "version"].contains(&name) || options().contains(name), "{name}");
    }
}

#[test]
fn every_option_has_a_row_in_the_guide() {
    let rows: Vec<Vec<&str>> = GUIDE
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    for option in options() {
        let row = rows.iter().find(|row| row[0] == format!("`{option}`"));
        let row = row.unwrap_or_else(|| panic!("the guide has no row for `{option}`"));
        assert_eq!(row[1], format!("`SESSION_{}`", option.to_uppercase()), "{option}");
    }
    for row in rows.iter().filter(|row| row.get(1).is_some_and(|cell| cell.starts_with("`SESSION_"))) {
        assert!(
            options().contains(row[0].trim_matches('`')),
            "the guide has a row for {}, which is not an option",
            row[0]
        );
    }
}

/// All options about sessions in Flask 3.1, in Flask-Session 0.8, and in the unreleased version of Flask-Session.
const THEIRS: [&str; 43] = [
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "PERMANENT_SESSION_LIFETIME",
    "SESSION_COOKIE_NAME",
    "SESSION_COOKIE_DOMAIN",
    "SESSION_COOKIE_PATH",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_SAMESITE",
    "SESSION_COOKIE_PARTITIONED",
    "SESSION_REFRESH_EACH_REQUEST",
    "MAX_COOKIE_SIZE",
    "session.permanent",
    "session.modified",
    "session.accessed",
    "session.new",
    "SESSION_TYPE",
    "SESSION_PERMANENT",
    "SESSION_USE_SIGNER",
    "SESSION_KEY_PREFIX",
    "SESSION_ID_LENGTH",
    "SESSION_SERIALIZATION_FORMAT",
    "SESSION_CLEANUP_N_REQUESTS",
    "SESSION_REDIS",
    "SESSION_MEMCACHED",
    "SESSION_CACHELIB",
    "SESSION_FILE_DIR",
    "SESSION_FILE_THRESHOLD",
    "SESSION_FILE_MODE",
    "SESSION_MONGODB",
    "SESSION_MONGODB_DB",
    "SESSION_MONGODB_COLLECT",
    "SESSION_SQLALCHEMY",
    "SESSION_SQLALCHEMY_TABLE",
    "SESSION_SQLALCHEMY_SEQUENCE",
    "SESSION_SQLALCHEMY_SCHEMA",
    "SESSION_SQLALCHEMY_BIND_KEY",
    "SESSION_DYNAMODB",
    "SESSION_DYNAMODB_TABLE",
    "SESSION_DYNAMODB_TABLE_EXISTS",
    "SESSION_POSTGRESQL",
    "SESSION_POSTGRESQL_TABLE",
    "SESSION_POSTGRESQL_SCHEMA",
];

#[test]
fn every_option_of_flask_has_a_row() {
    let cells: Vec<_> = FLASK.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next()).collect();
    for name in THEIRS {
        let named = |cell: &&&str| cell.trim_end_matches('`').split("`, `").any(|theirs| theirs == name);
        assert_eq!(cells.iter().filter(named).count(), 1, "{name}");
    }
}

/// A variable of Flask or Flask-Session is never mistaken for an option of this library, and never ignored.
#[test]
fn every_option_of_flask_is_refused_with_a_sentence() {
    for name in THEIRS.iter().filter(|name| name.starts_with("SESSION_")) {
        let error = testing::settings(&format!("{name}=x")).expect_err(name);
        assert!(error.to_string().starts_with(&format!("`{name}` is not a session option; ")), "{error}");
    }
}

#[test]
fn attributes_give_the_same_errors_for_durations() {
    let words = |path: &str| source(path).replace('`', "").replace('\n', " ");
    let (ours, theirs) = (words("session-runtime/src/words/duration.rs"), words("session-macros/src/duration.rs"));
    for said in [
        "the duration is empty; write it such as 15m",
        "the unit stands apart from its number; did you mean",
        "a duration cannot be negative; drop the -",
        "is given twice; add the two up",
        "comes after a smaller unit; write the larger unit first",
        "is zero; give it some time, or leave",
        "the duration is too long to be counted in milliseconds; write a shorter one",
        "is not a duration; write it such as 15m or 1h 30m",
        "lacks a unit; did you mean",
        "is too small; the smallest is ms",
        "has no fixed length; write days, such as 30d",
        "units are ms, s, m, h, d and w",
        "is a fraction; did you mean",
        "is a fraction; use a smaller unit",
        "\"millis\" | \"msec\" | \"msecs\" | \"millisecond\" | \"milliseconds\" => \"ms\"",
    ] {
        assert!(ours.contains(said) && theirs.contains(said), "{said}");
    }
}
