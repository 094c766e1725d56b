//! Tests what visitors can rely on: their own cart, their sign-in, notices that are shown once, and pages whatever cookie they
//! send.

use std::time::{Duration, Instant};

use serde_json::json;
use tests::{http::Client, require, shop::PATIENCE};

use super::{Shop, open, walk};

const COOKIE: &str = "__Host-shop";

#[test]
fn two_visitors_shop_independently() {
    let (_folder, shop, mut ada) = open();
    let mut bob = Client::of(&shop);
    ada.post("/login", &[("user", "ada")]).leads_to("/");
    bob.post("/login", &[("user", "bob")]).leads_to("/");
    ada.post("/cart", &[("sku", "tea"), ("qty", "2")]).leads_to("/cart");
    bob.post("/cart", &[("sku", "coffee"), ("qty", "1")]).leads_to("/cart");
    ada.post("/cart", &[("sku", "tea"), ("qty", "3")]).leads_to("/cart");
    bob.post("/theme", &[("theme", "dark"), ("page", "cart")]).leads_to("/cart");
    for _ in 0..3 {
        ada.get("/");
    }
    let (ada, bob) = (ada.session(), bob.session());
    assert_eq!((&ada["user"], &ada["theme"], &ada["visits"]), (&json!("ada"), &json!("light"), &json!(3)));
    assert_eq!((&bob["user"], &bob["theme"], &bob["visits"]), (&json!("bob"), &json!("dark"), &json!(0)));
    assert_eq!(ada["cart"], json!([{ "sku": "tea", "qty": 5 }]));
    assert_eq!(bob["cart"], json!([{ "sku": "coffee", "qty": 1 }]));
}

// Runs curl with a cookie jar for each visitor.
#[test]
fn curl_keeps_two_visitors_apart_in_two_jars() {
    let Some(curl) = require::program("curl") else { return };
    let (folder, shop, _) = open();
    let run = |jar: &str, arguments: &[&str], path: &str| {
        let output = std::process::Command::new(&curl)
            .current_dir(folder.path())
            .args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--location"])
            .args(["--cookie", jar, "--cookie-jar", jar])
            .args(arguments)
            .arg(format!("{}{path}", shop.url()))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    run("ada.jar", &["--data", "user=ada"], "/login");
    run("bob.jar", &["--data", "user=bob"], "/login");
    run("ada.jar", &["--data", "sku=tea", "--data", "qty=2"], "/cart");
    let (ada, bob) = (run("ada.jar", &[], "/"), run("bob.jar", &[], "/"));
    assert!(ada.contains("Hello, ada.") && bob.contains("Hello, bob."));
    let (ada, bob) = (run("ada.jar", &[], "/api/session"), run("bob.jar", &[], "/api/session"));
    assert!(ada.contains(r#""cart":[{"sku":"tea","qty":2}]"#), "{ada}");
    assert!(bob.contains(r#""cart":[]"#), "{bob}");
}

// B21
#[test]
fn a_notice_is_shown_once() {
    let (_folder, _shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    assert!(visitor.get("/").body.contains("Welcome, ada."));
    assert!(!visitor.get("/").body.contains("Welcome, ada."));
    visitor.post("/login", &[("user", "ada")]);
    assert_eq!(visitor.session()["notice"], "Welcome, ada.");
    assert_eq!(visitor.session()["notice"], json!(null));
}

// B24, S9, S13
#[test]
fn signing_in_keeps_the_cart_and_replaces_the_id() {
    let (_folder, _shop, mut visitor) = open();
    visitor.post("/cart", &[("sku", "tea"), ("qty", "2")]);
    let mut thief = visitor.clone();
    let before = visitor.jar[COOKIE].clone();
    visitor.post("/login", &[("user", "ada")]);
    assert_ne!(visitor.jar[COOKIE], before);
    assert_eq!(visitor.session()["cart"], json!([{ "sku": "tea", "qty": 2 }]));
    let stolen = thief.session();
    assert_eq!((&stolen["user"], &stolen["cart"]), (&json!(null), &json!([])));
}

// S13, S20
#[test]
fn logging_out_leaves_the_theme_alone() {
    let (_folder, _shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    visitor.post("/theme", &[("theme", "dark")]).leads_to("/");
    visitor.post("/cart", &[("sku", "tea"), ("qty", "2")]);
    visitor.get("/");
    let mut late = visitor.clone();
    visitor.post("/logout", &[]).leads_to("/");

    let now = visitor.session();
    assert_eq!((&now["user"], &now["cart"], &now["visits"]), (&json!(null), &json!([]), &json!(0)));
    assert_eq!(now["theme"], "dark");
    assert!(now["notice"].as_str().unwrap().contains("Goodbye, ada."));

    // The old cookie opens nothing, and requests with it change nothing.
    assert_eq!(late.session()["user"], json!(null));
    late.post("/cart", &[("sku", "ghost"), ("qty", "1")]);
    assert_eq!(visitor.session()["cart"], json!([]));
}

#[test]
fn logging_in_as_another_user_keeps_only_the_theme() {
    let (_folder, _shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    visitor.post("/cart", &[("sku", "tea"), ("qty", "2")]);
    visitor.post("/theme", &[("theme", "dark")]);
    visitor.post("/login", &[("user", "bob")]);
    let now = visitor.session();
    assert_eq!((&now["user"], &now["cart"], &now["theme"]), (&json!("bob"), &json!([]), &json!("dark")));
}

#[test]
fn logging_out_as_a_guest_does_nothing() {
    let (_folder, _shop, mut visitor) = open();
    assert!(visitor.post("/logout", &[]).leads_to("/").set_cookies().is_empty());
    visitor.post("/cart", &[("sku", "tea")]);
    visitor.post("/logout", &[]).leads_to("/");
    assert_eq!(visitor.session()["cart"], json!([{ "sku": "tea", "qty": 1 }]));
}

// B1–B4, S5, S25, S35
#[test]
fn cookies_are_set_only_where_something_is_remembered() {
    let (folder, _shop, mut visitor) = open();
    let stored = || walk(&folder.path().join(".sessions/shop")).len();
    // Waits for the two files that the shop itself creates: the marker of its keys, and the lock beside it.
    let started = Instant::now();
    while stored() < 2 && started.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(5));
    }
    for path in ["/health", "/style.css", "/icons.svg", "/logo.svg", "/nowhere", "/cart", "/api/session"] {
        let answer = visitor.get(path);
        assert!(answer.set_cookies().is_empty(), "{path}");
        let reads = matches!(path, "/cart" | "/api/session");
        assert_eq!(answer.header("vary"), if reads { "Cookie" } else { "" }, "{path}");
    }
    assert_eq!(stored(), 2, "looking around leaves no session behind");

    let first = visitor.get("/");
    let [cookie] = first.set_cookies()[..] else { panic!("{:?}", first.set_cookies()) };
    let (name, rest) = cookie.split_once('=').unwrap();
    let (value, attributes) = rest.split_once("; ").unwrap();
    let mut attributes: Vec<_> = attributes.split("; ").collect();
    attributes.sort_unstable();
    assert_eq!((name, value.len() > 60), (COOKIE, true));
    assert_eq!(attributes, ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    assert_eq!(first.header("cache-control"), "no-store");
    assert!(stored() > 2);

    // Reading, and another write, keep the cookie; a health check ignores it.
    for path in ["/", "/cart", "/api/session", "/health"] {
        assert!(visitor.get(path).set_cookies().is_empty(), "{path}");
    }
    assert!(visitor.post("/cart", &[("sku", "tea")]).set_cookies().is_empty());
}

// B6, B7, B8, S3, S31, S32
#[test]
fn a_hostile_cookie_gets_a_page_for_strangers() {
    let (_folder, shop, mut ada) = open();
    ada.post("/login", &[("user", "ada")]);
    let good = ada.jar[COOKIE].clone();
    let flipped = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let hostile: Vec<Vec<u8>> = vec![
        b"__Host-shop=".to_vec(),
        b"__Host-shop=garbage".to_vec(),
        b"__Host-shop=../../../etc/passwd".to_vec(),
        b"__Host-shop".to_vec(),
        b"__Host-shop=\xff\xfe\x80".to_vec(),
        format!("__Host-shop={}", &good[..good.len() - 1]).into_bytes(),
        format!("__Host-shop={good}A").into_bytes(),
        format!("__Host-shop={}", flipped(0)).into_bytes(),
        format!("__Host-shop={}", flipped(20)).into_bytes(),
        format!("__Host-shop={}", flipped(good.len() / 2)).into_bytes(),
        format!("__Host-shop={}", flipped(good.len() - 3)).into_bytes(),
        format!("__Host-shop={}", "A".repeat(good.len())).into_bytes(),
        format!("__Host-shop={}", "A".repeat(8_000)).into_bytes(),
        format!("__host-shop={good}").into_bytes(),
        format!("%5F%5FHost-shop={good}").into_bytes(),
        [b"\xe2\x80\x80__Host-shop=", good.as_bytes()].concat(),
        format!("__Host-shop={good}; __Host-shop={}", flipped(30)).into_bytes(),
        format!("__Host-shop={good}; __Host-shop={good}").into_bytes(),
    ];
    for cookie in hostile {
        let shown = String::from_utf8_lossy(&cookie).into_owned();
        let mut stranger = Client::of(&shop);
        let read = stranger.get_with("/cart", &cookie);
        assert_eq!(read.status, 200, "{shown}");
        assert!(read.set_cookies().is_empty(), "{shown}");
        assert!(read.body.contains("nothing in it yet"), "{shown}");
        let home = stranger.get_with("/", &cookie);
        assert!(home.body.contains("Hello, stranger."), "{shown}");
        // A session begins as for any new visitor, under an id that the server has chosen.
        assert!(!stranger.jar[COOKIE].is_empty() && stranger.jar[COOKIE] != good, "{shown}");
        assert_eq!(stranger.session()["visits"], 1, "{shown}");
    }
    // Malformed cookies beside the session's do no harm.
    let beside = [b"junk=\xff; =; ;a;\xc3\xa9=1; __Host-shop=", good.as_bytes(), b"; b=\"x"].concat();
    assert!(ada.get_with("/", &beside).body.contains("Hello, ada."));
    assert!(shop.said().lines().count() < 5, "the log is not flooded: {}", shop.said());
}

#[test]
fn the_api_reports_the_expiry_in_seconds() {
    let (folder, _shop, mut visitor) = open();
    visitor.get("/");
    let left = visitor.session()["expires_in"].as_u64().unwrap();
    assert!((1_740..=1_800).contains(&left), "{left}");

    let brief = Shop::with(folder.path(), &["--idle", "90s"], &[]);
    let mut visitor = Client::of(&brief);
    visitor.get("/");
    let left = visitor.session()["expires_in"].as_u64().unwrap();
    assert!((60..=90).contains(&left), "{left}");
}
