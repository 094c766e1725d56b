//! Two builds of one session struct run as separate processes on the same sessions. Neither build loses data that only the other
//! build knows.
#![allow(missing_docs, clippy::unwrap_used)]

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    deploy::{Build, Visitor},
    servers::{Kind, shared},
};

struct Site {
    blue: Build,
    green: Build,
    _folder: TempDir,
}

impl Site {
    fn at(store: impl FnOnce(PathBuf) -> String) -> Self {
        let folder = TempDir::new().unwrap();
        let (store, keys) = (store(folder.path().join("sessions")), folder.path().join("keys"));
        session_runtime::KeyRing::open_or_create(&keys).unwrap();
        let blue = Build::start(env!("CARGO_BIN_EXE_blue_child"), &store, &keys);
        let green = Build::start(env!("CARGO_BIN_EXE_green_child"), &store, &keys);
        Self { blue, green, _folder: folder }
    }

    fn on_files() -> Self {
        Self::at(|folder| format!("file:{}", folder.display()))
    }
}

/// Returns the values with these names.
fn seen(all: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| all[*name].clone()).collect()
}

// The two builds give fields different names, through `alias` and `migrate`, including `secret` fields. Each build sees the last
// write of the other, and fields that only one of them knows stay.
fn each_sees_what_the_other_wrote(site: &mut Site) {
    let Site { blue, green, .. } = site;
    let mut visitor = Visitor::default();
    visitor.post(blue, "/write");
    visitor.post(blue, "/size");
    let all = visitor.get(green, "/");
    assert_eq!(
        seen(&all, &["cents", "size", "code", "theme"]),
        [json!(100), json!("size 40"), json!("blue!"), json!("blue ")]
    );
    visitor.post(green, "/write");
    let all = visitor.get(blue, "/");
    assert_eq!(seen(&all, &["price", "pin", "theme"]), [json!(1.01), json!("green"), json!("blue green ")]);
    assert_eq!(all["size"], 40, "no build has written it since");
    visitor.post(blue, "/write");
    let all = visitor.get(green, "/");
    let names = ["cents", "size", "code", "theme", "coupon"];
    let expected = [json!(201), json!("size 40"), json!("blue!"), json!("blue green blue "), json!("SPRING")];
    assert_eq!(seen(&all, &names), expected);
}

// A write by the newer build stores the value under the field's new name, and removes the value under the old name. The older
// build does not know the new name: its later writes go to the old one, and the newer build does not see them. No earlier value
// reappears.
fn the_newer_builds_first_write_moves_a_field_to_its_new_name(site: &mut Site) {
    let Site { blue, green, .. } = site;
    let mut visitor = Visitor::default();
    visitor.post(blue, "/size");
    visitor.post(green, "/size");
    assert_eq!(visitor.get(green, "/")["size"], "size 40!");
    visitor.post(blue, "/size");
    assert_eq!(visitor.get(green, "/")["size"], "size 40!");
    assert_eq!(visitor.get(blue, "/")["size"], 40);
    visitor.post(green, "/no-size");
    assert_eq!(
        (visitor.get(green, "/")["size"].clone(), visitor.get(blue, "/")["size"].clone()),
        (json!(""), json!(0))
    );
}

// Signing out, in either build, keeps only the fields that both builds declare as `device`.
fn signing_out_keeps_only_device_fields(site: &mut Site) {
    let mut visitor = Visitor::default();
    for green_signs_out in [false, true] {
        let Site { blue, green, .. } = site;
        visitor.post(blue, "/in");
        visitor.post(blue, "/write");
        visitor.post(green, "/write");
        assert_eq!(visitor.get(green, "/")["user"], 7);
        visitor.post(if green_signs_out { green } else { blue }, "/out");
        let all = visitor.get(&mut site.green, "/");
        let names = ["user", "cents", "code", "coupon", "visits"];
        assert_eq!(seen(&all, &names), [json!(null), json!(0), json!(null), json!(null), json!(0)]);
        assert!(all["theme"].as_str().unwrap().contains("green"), "{all}");
    }
}

const ROUNDS: usize = 60;

// Both builds change counters, atomic fields and flashes at the same time, under different names. No increment, item or flash is
// lost, and each flash is shown once.
fn both_at_once(site: &mut Site) {
    let Site { blue, green, .. } = site;
    let mut visitor = Visitor::default();
    let mut shown = Vec::new();
    let mut keep = |notices: Value| shown.extend(notices.as_array().unwrap().iter().cloned());
    keep(visitor.post(blue, "/work"));
    for _ in 0..ROUNDS {
        visitor.ask(blue, "POST", "/work");
        visitor.ask(green, "POST", "/work");
        keep(visitor.answer(blue));
        keep(visitor.answer(green));
    }
    let all = visitor.get(green, "/");
    let count = |list: &Value, item: &str| list.as_array().unwrap().iter().filter(|it| *it == item).count();
    assert_eq!(all["visits"], 2 * ROUNDS + 1);
    assert_eq!((count(&all["cart"], "tea"), count(&all["cart"], "milk")), (ROUNDS + 1, ROUNDS));
    let shown = Value::from(shown);
    let left = &all["notices"];
    assert_eq!(count(&shown, "from blue") + count(left, "from blue"), ROUNDS + 1, "{shown} {left}");
    assert_eq!(count(&shown, "from green") + count(left, "from green"), ROUNDS, "{shown} {left}");
}

fn all(site: &mut Site) {
    each_sees_what_the_other_wrote(site);
    the_newer_builds_first_write_moves_a_field_to_its_new_name(site);
    signing_out_keeps_only_device_fields(site);
    both_at_once(site);
}

#[test]
fn two_builds_on_files_lose_nothing() {
    all(&mut Site::on_files());
}

#[tokio::test]
async fn two_builds_on_sqlite_lose_nothing() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sessions.db").display());
    session_runtime::SqlStore::open(&url).await.unwrap().migrate().await.unwrap();
    all(&mut Site::at(|_| url));
}

#[test]
fn two_builds_on_redis_lose_nothing() {
    if let Some(server) = shared(Kind::Redis) {
        all(&mut Site::at(|_| server.url()));
    }
}

// The session is in the visitor's cookie. Fields that a build does not know stay in the cookie.
#[test]
fn two_builds_with_the_session_in_a_cookie_lose_nothing() {
    let mut site = Site::at(|_| "cookie".to_owned());
    let (blue, green, mut visitor) = (&mut site.blue, &mut site.green, Visitor::default());
    visitor.post(blue, "/write");
    visitor.post(blue, "/size");
    visitor.post(blue, "/notice");
    let all = visitor.get(green, "/");
    let names = ["name", "size", "locale", "notice"];
    assert_eq!(seen(&all, &names), [json!("blue "), json!("size 40"), json!("b"), json!("from blue")]);
    visitor.post(green, "/write");
    let all = visitor.get(blue, "/");
    assert_eq!(seen(&all, &["name", "size", "language"]), [json!("blue green "), json!(40), json!("bg")]);
    visitor.post(blue, "/write");
    let all = visitor.get(green, "/");
    let names = ["name", "size", "locale", "tint", "notice"];
    assert_eq!(
        seen(&all, &names),
        [json!("blue green blue "), json!("size 40"), json!("bgb"), json!("teal"), json!("from blue")]
    );
    visitor.post(green, "/size");
    assert_eq!(
        (visitor.get(green, "/")["size"].clone(), visitor.get(blue, "/")["size"].clone()),
        (json!("size 40!"), json!(0))
    );
}
