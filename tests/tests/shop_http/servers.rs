//! Restarts, and several servers at once: each sees the others' changes, and answered changes stay.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Instant,
};

use serde_json::json;
use tempfile::TempDir;
use tests::{http::Client, shop::PATIENCE};

use super::{Shop, open, walk};

// B35
#[test]
fn everything_survives_kill_9_and_a_restart() {
    let (folder, shop, mut ada) = open();
    let mut bob = Client::of(&shop);
    ada.post("/login", &[("user", "ada")]);
    ada.post("/theme", &[("theme", "dark")]);
    bob.post("/cart", &[("sku", "pears"), ("qty", "7")]);
    ada.get("/"); // takes the notice
    let before = (ada.session(), bob.session());
    for _ in 0..2 {
        ada.post("/cart", &[("sku", "tea"), ("qty", "2")]);
    }
    shop.kill();

    let shop = Shop::open(folder.path());
    let (mut now, others) = (ada.visit(&shop).session(), bob.visit(&shop).session());
    assert_eq!(now["cart"].take(), json!([{ "sku": "tea", "qty": 4 }]));
    for field in ["user", "theme", "visits", "notice"] {
        assert_eq!((&now[field], &others[field]), (&before.0[field], &before.1[field]), "{field}");
    }
    assert_eq!(others["cart"], before.1["cart"]);
    assert!(ada.get("/").set_cookies().is_empty(), "the cookie stays the same");
}

// B35: the server is killed several times during writes. Every answered change is stored, and no change is stored twice.
#[test]
fn no_answered_change_is_lost_when_the_server_is_killed() {
    let (folder, mut shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    let (mut sent, mut answered) = (0, 0);
    for _ in 0..5 {
        let (tried, done) = (AtomicU32::new(0), AtomicU32::new(0));
        visitor.visit(&shop);
        thread::scope(|scope| {
            for _ in 0..4 {
                let (mut tab, tried, done) = (visitor.clone(), &tried, &done);
                scope.spawn(move || {
                    loop {
                        tried.fetch_add(1, Ordering::SeqCst);
                        match tab.try_post("/cart", &[("sku", "tea"), ("qty", "1")]) {
                            Ok(answer) if answer.status == 303 => done.fetch_add(1, Ordering::SeqCst),
                            _ => return,
                        };
                    }
                });
            }
            while done.load(Ordering::SeqCst) < 20 {
                thread::yield_now();
            }
            shop.kill();
        });
        sent += tried.into_inner();
        answered += done.into_inner();
        shop = Shop::open(folder.path());
        let now = visitor.visit(&shop).session();
        assert_eq!(now["user"], "ada");
        let stored = u32::try_from(now["cart"][0]["qty"].as_u64().unwrap()).unwrap();
        assert!((answered..=sent).contains(&stored), "answered {answered}, stored {stored}, sent {sent}");
    }
}

// B36
#[test]
fn two_servers_on_one_folder_are_one_shop() {
    let (folder, shop, mut ada) = open();
    let other = Shop::open(folder.path());

    ada.post("/login", &[("user", "ada")]);
    assert_eq!(ada.visit(&other).session()["user"], "ada");
    ada.post("/cart", &[("sku", "tea"), ("qty", "1")]);
    ada.visit(&shop).post("/cart", &[("sku", "tea"), ("qty", "1")]);
    ada.get("/");
    let mut late = ada.clone();
    late.visit(&other);
    let seen = late.session();
    assert_eq!((&seen["visits"], &seen["cart"]), (&json!(1), &json!([{ "sku": "tea", "qty": 2 }])));

    // A log-out on one server takes effect on the other immediately. Then the visitor logs in again.
    ada.visit(&shop).post("/logout", &[]);
    let seen = late.session();
    assert_eq!((&seen["user"], &seen["cart"]), (&json!(null), &json!([])));
    ada.visit(&other).post("/login", &[("user", "eve")]);
    assert_eq!(ada.visit(&shop).session()["user"], "eve");
    assert_eq!(late.visit(&shop).session()["user"], json!(null));
}

// All four create the folder and the key at the same time, and agree.
#[test]
fn servers_that_start_together_share_their_keys() {
    for _ in 0..3 {
        let folder = TempDir::new().unwrap();
        let shops = tests::http::at_once(4, |_| Shop::open(folder.path()));
        let mut visitor = Client::of(&shops[0]);
        for (at, shop) in shops.iter().enumerate() {
            visitor.visit(shop).get("/");
            assert_eq!(visitor.session()["visits"], json!(at + 1));
        }
    }
}

#[test]
fn keys_come_from_the_environment_if_it_has_them() {
    const ONE: (&str, &str) = ("SESSION_KEYS", "a3f1c07be25d9846137f0ab4ce98d2561f7e30db89ac4625e1907b3d5cf8a264");
    const TWO: (&str, &str) = ("SESSION_KEYS", "5d0e7c3fa91b62481ec7f0a39bd45826730fe9c1ab8d52647f13e0c9d8ba6425");
    let (store, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let url = format!("file:{}/shared", store.path().display());
    let shop = Shop::with(home.path(), &["--store", &url], &[ONE]);
    assert!(shop.said().contains("keys in SESSION_KEYS"), "{}", shop.said());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "the shop creates no files here");
    let mut visitor = Client::of(&shop);
    visitor.post("/login", &[("user", "ada")]);

    // Another shop with the same keys, one with different keys, and one with different keys that also knows the old ones.
    let elsewhere = TempDir::new().unwrap();
    let open = |keys| Shop::with(elsewhere.path(), &["--store", &url], &[keys]);
    assert_eq!(visitor.visit(&open(ONE)).session()["user"], "ada");
    assert_eq!(visitor.visit(&open(TWO)).session()["user"], json!(null));
    let both = format!("{} {}", TWO.1, ONE.1);
    let rotated = Shop::with(elsewhere.path(), &["--store", &url], &[(ONE.0, &both)]);
    assert_eq!(
        visitor.visit(&rotated).post("/theme", &[("theme", "dark")]).set_cookies().len(),
        1,
        "B9: a write sets the cookie under the new key"
    );
    assert_eq!(visitor.visit(&open(TWO)).session()["user"], "ada");
}

#[test]
fn sessions_in_memory_are_lost_at_a_restart() {
    let folder = TempDir::new().unwrap();
    let shop = Shop::with(folder.path(), &["--store", "memory:"], &[]);
    let mut visitor = Client::of(&shop);
    visitor.post("/login", &[("user", "ada")]);
    assert_eq!(visitor.session()["user"], "ada");
    shop.kill();
    let shop = Shop::with(folder.path(), &["--store", "memory:"], &[]);
    assert_eq!(visitor.visit(&shop).session()["user"], json!(null));
    visitor.post("/login", &[("user", "ada")]).leads_to("/");
    assert_eq!(visitor.session()["user"], "ada");
}

// B29: a visitor whose session is damaged is a guest. A damaged list of a user's sessions does not count as empty: that user can
// sign in only after an operator has removed the list.
#[test]
fn a_damaged_session_reads_as_a_guest_and_a_damaged_list_blocks_its_user() {
    let (folder, shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    // Damages the session's own record and the list of Ada's sessions.
    for file in walk(&folder.path().join(".sessions/shop")) {
        if file.file_name().unwrap() != "lock" {
            fs::write(file, "nonsense").unwrap();
        }
    }
    assert_eq!(visitor.session()["user"], json!(null));
    assert_eq!(visitor.post("/login", &[("user", "ada")]).status.as_u16(), 503);
    assert_eq!(visitor.session()["user"], json!(null));
    visitor.post("/login", &[("user", "bob")]).leads_to("/");
    for file in walk(&folder.path().join(".sessions/shop")) {
        if fs::read(&file).unwrap() == b"nonsense" {
            fs::remove_file(file).unwrap();
        }
    }
    visitor.post("/login", &[("user", "ada")]).leads_to("/");
    assert_eq!(visitor.session()["user"], "ada");
    assert!(visitor.get("/account").body.contains("on 1 device."));
    assert!(shop.said().contains("WARN"), "{}", shop.said());
}

// A request that is in progress when the signal arrives is answered, and its changes are stored. New requests are not accepted.
#[test]
fn a_signal_lets_requests_finish() {
    let (folder, shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    let mut slow = TcpStream::connect(shop.host()).unwrap();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    let (body, cookies) = ("sku=tea&qty=3", visitor.cookies());
    write!(
        slow,
        "POST /cart HTTP/1.1\r\nHost: {}\r\nCookie: {cookies}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        shop.host(),
        body.len()
    )
    .unwrap();
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100", "the handler waits for the form");

    shop.ask_to_close();
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(shop.host()).is_ok() {
        assert!(Instant::now() < deadline);
        thread::yield_now();
    }
    slow.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 303"), "{answer}");
    assert!(shop.closed().success());

    let shop = Shop::open(folder.path());
    assert_eq!(visitor.visit(&shop).session()["cart"], json!([{ "sku": "tea", "qty": 3 }]));
}
