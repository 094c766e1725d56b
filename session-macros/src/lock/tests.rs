#![allow(clippy::unwrap_used)]

use super::*;
use crate::model::Session;

/// Writes a lock for the struct `before`, and compares the struct `after` with it. Returns the new text, or the errors.
fn change(before: &str, after: &str) -> Result<Option<String>, Vec<String>> {
    held(after, Some(&written(before, None)), true)
}

/// Returns the lock of a struct, given the previous one.
fn written(item: &str, before: Option<&str>) -> String {
    held(item, before, true).unwrap().unwrap()
}

fn held(item: &str, text: Option<&str>, update: bool) -> Result<Option<String>, Vec<String>> {
    held_in(Some("shop"), item, text, update)
}

/// Compares a struct, in a package of this name, with the text of a lock. Returns the text to write, or the errors.
fn held_in(package: Option<&str>, item: &str, text: Option<&str>, update: bool) -> Result<Option<String>, Vec<String>> {
    let mut cx = Context::new();
    let session = Session::build(syn::parse_str(item).unwrap(), &mut cx);
    let given = session.attrs.lock.as_ref().unwrap();
    let new = judge(Subject { session: &session, package: package.map(str::to_owned), given }, text, update, &mut cx);
    match cx.messages() {
        faults if faults.is_empty() => Ok(new),
        faults => Err(faults),
    }
}

fn shop(attributes: &str, fields: &str) -> String {
    format!("#[session(lock = \"shop.lock\" {attributes})] struct Shop {{ {fields} }}")
}

#[test]
fn a_lock_has_a_line_for_each_stored_name() {
    let fields = "#[session(secret, rename = \"the code\")] code: std::string::String, #[session(skip)] scratch: u8, \
                  #[session(with = a::b)] at: Date, #[session(counter)] visits: u64";
    let lock = written(&shop(", cookie = \"shop\"", fields), None);
    let lines: Vec<_> = lock.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(
        lines,
        [
            "kind Shop",
            "app shop",
            "cookie shop",
            "version 1",
            "",
            "field at: Date, with a::b",
            "field \"the code\": String, secret",
            "field visits: u64"
        ]
    );
}

// Without `SESSION_LOCK=update`, even a harmless change is an error. It asks for an update of the lock.
#[test]
fn harmless_changes_are_written_on_request() {
    let before = shop("", "a: u8, b: String");
    let lock = written(&before, None);
    assert_eq!(held(&before, Some(&lock), true), Ok(None), "an unchanged struct writes nothing");
    assert_eq!(
        held(&shop("", "b: String, a: u8"), Some(&lock), false),
        Ok(None),
        "the order of fields does not matter"
    );
    assert_eq!(
        held(&shop(", idle = 5m", "#[session(counter)] a: u8, b: String"), Some(&lock), false),
        Ok(None),
        "lifetimes and policies are not in the lock"
    );
    for after in [
        "a: u8, b: String, c: u8",
        "a: u16, b: String",
        "a: Option<u8>, b: String",
        "a: u8, #[session(alias = \"b\")] c: String",
        "a: u8, #[session(migrate = f(\"b\"))] c: Vec<u8>",
    ] {
        let after = shop("", after);
        let faults = held(&after, Some(&lock), false).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains("SESSION_LOCK=update"), "{faults:?}");
        let new = written(&after, Some(&lock));
        assert_eq!(held(&after, Some(&new), false), Ok(None), "{new}");
    }
}

// Removing a field is harmless, since the field may only be behind a `cfg`. Its name stays reserved while the lock lists it.
#[test]
fn a_removed_field_keeps_its_name_reserved() {
    let lock = written(&shop("", "a: u8, b: String"), None);
    assert_eq!(held(&shop("", "a: u8"), Some(&lock), false), Ok(None));
    let lock = written(&shop("", "a: u8, c: u16"), Some(&lock));
    assert!(lock.contains("former b: String"), "{lock}");
    assert_eq!(
        held(&shop("", "a: u8, c: u16, b: String"), Some(&lock), false),
        Ok(None),
        "the field may return with its old type"
    );
    let faults = held(&shop("", "a: u8, c: u16, b: u64"), Some(&lock), true).unwrap_err();
    assert!(faults.len() == 1 && faults[0].contains("`b` as `String`, which `u64` may not read"), "{faults:?}");
}

// Changes that lose values are never written, unless the version is raised.
#[test]
fn a_change_that_loses_data_needs_a_new_version() {
    let before = "a: u8, b: String, #[session(secret)] c: String";
    for after in [
        "a: i8, b: String, #[session(secret)] c: String",
        "a: u8, b: Text, #[session(secret)] c: String",
        "a: u8, #[session(with = x)] b: String, #[session(secret)] c: String",
        "a: u8, b: String, c: String",
        "a: u8, #[session(secret)] b: String, #[session(secret)] c: String",
        "a: u8, d: String, #[session(secret)] c: String",
        "#[session(identity)] a: Option<i8>, b: String, #[session(secret)] c: String",
        "#[session(alias = \"a\")] e: i8, b: String, #[session(secret)] c: String",
    ] {
        let faults = change(&shop("", before), &shop("", after)).unwrap_err();
        assert_eq!(faults.len(), 1, "{after}: {faults:?}");
        let lock = written(&shop("", before), None);
        let raised = shop(", version = 2", after);
        assert_eq!(held(&raised, Some(&lock), false).unwrap_err().len(), 1, "{after}");
        let lock = written(&raised, Some(&lock));
        assert!(lock.contains("version 2"), "{lock}");
        assert_eq!(held(&raised, Some(&lock), false), Ok(None), "{after}");
        let faults = held(&shop("", after), Some(&lock), true).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains("write `version = 2`, or more"), "{faults:?}");
    }
}

// F1, F2: a change that would end all sessions is an error; its advice keeps them.
#[test]
fn another_cookie_or_application_needs_a_version() {
    let lock = written(&shop("", "a: u8"), None);
    for (attribute, way_out) in
        [("cookie = \"shop\"", "cookie = \"__Host-shop\""), ("app = \"store\"", "app = \"shop\"")]
    {
        let after = shop(&format!(", {attribute}"), "a: u8");
        let faults = held(&after, Some(&lock), true).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains(&format!("write `{way_out}`")), "{faults:?}");
        assert_eq!(held(&shop(&format!(", {way_out}"), "a: u8"), Some(&lock), false), Ok(None));
        let raised = shop(&format!(", version = 2, {attribute}"), "a: u8");
        let lock = written(&raised, Some(&lock));
        assert_eq!(held(&raised, Some(&lock), false), Ok(None), "{lock}");
    }
}

#[test]
fn another_package_is_another_application() {
    let before = shop("", "a: u8");
    let lock = written(&before, None);
    let faults = held_in(Some("store"), &before, Some(&lock), true).unwrap_err();
    assert!(faults.len() == 1 && faults[0].contains("write `app = \"shop\"`"), "{faults:?}");
    let named = shop(", app = \"shop\"", "a: u8");
    assert_eq!(held_in(Some("store"), &named, Some(&lock), false), Ok(None));
    // Another build system might not name the package. The comparison then does not fail, and an update keeps the lock's
    // application.
    assert_eq!(held_in(None, &before, Some(&lock), false), Ok(None));
    let more = held_in(None, &shop("", "a: u8, b: u8"), Some(&lock), true).unwrap().unwrap();
    assert!(more.contains("\napp shop\n"), "{more}");
}

#[test]
fn another_struct_needs_the_kind_of_the_lock() {
    let lock = written(&shop("", "a: u8"), None);
    let store = |attributes: &str| format!("#[session(lock = \"shop.lock\" {attributes})] struct Store {{ a: u8 }}");
    // The lock may belong to another struct, so even a new version does not allow overwriting it.
    for attributes in ["", ", version = 2"] {
        let faults = held(&store(attributes), Some(&lock), true).unwrap_err();
        let way_out = "write `kind = \"Shop\", cookie = \"__Host-shop\"`";
        assert!(faults.len() == 1 && faults[0].contains(way_out), "{faults:?}");
    }
    assert_eq!(held(&store(", kind = \"Shop\", cookie = \"__Host-shop\""), Some(&lock), false), Ok(None));
    let moved = lock.replace("kind Shop", "kind Store");
    assert!(held(&store(""), Some(&moved), true).unwrap_err()[0].contains("raise `version` to 2"));
    let lock = written(&store(", version = 2"), Some(&moved));
    assert!(lock.contains("kind Store") && lock.contains("cookie __Host-store"), "{lock}");
}

#[test]
fn a_lock_without_a_kind_and_an_application_is_completed() {
    let item = shop("", "a: u8");
    let lock = written(&item, None);
    let older = lock.replace("kind Shop\napp shop\n", "session Shop\n");
    let faults = held(&item, Some(&older), false).unwrap_err();
    assert!(faults.len() == 1 && faults[0].contains("does not name the application `shop` yet"), "{faults:?}");
    assert_eq!(written(&item, Some(&older)), lock);
}

#[test]
fn a_missing_or_invalid_lock_is_an_error() {
    let item = shop("", "a: u8");
    assert!(held(&item, None, false).unwrap_err()[0].contains("there is no `shop.lock`"));
    let torn = written(&item, None).replace("field a", "<<<<<<< a");
    for update in [false, true] {
        assert!(held(&item, Some(&torn), update).unwrap_err()[0].contains("line 8 of `shop.lock`"));
    }
}

#[test]
fn a_lock_is_written_whole_and_read_back() {
    let folder = std::env::temp_dir().join(format!("session-lock-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("shop.lock");
    assert_eq!(read(&path).unwrap(), None);
    write(&path, "one").unwrap();
    write(&path, "two").unwrap();
    assert_eq!(read(&path).unwrap().as_deref(), Some("two"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    assert!(tracked(&path).to_string().contains("include_bytes"));
    fs::remove_dir_all(folder).unwrap();
}
