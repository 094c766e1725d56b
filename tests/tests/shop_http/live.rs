//! B62: the stream `/live` tells an open page that its session changed or ended, in whichever tab and on whichever server.

use tempfile::TempDir;
use tests::{events::Events, http::Client};

use super::{Shop, open};

/// The stream of a visitor for whom nothing is stored.
const NOTHING: &str = "retry: 15000\nevent: cart\ndata: {\"items\":0,\"session\":false}\n\n";

/// Returns a browser in which Ada is signed in, and its stream.
fn ada(shop: &Shop) -> (Client, Events) {
    let mut ada = Client::of(shop);
    ada.post("/login", &[("user", "ada")]).leads_to("/");
    let live = ada.events("/live");
    live.shows(0);
    (ada, live)
}

#[test]
fn the_stream_shows_the_cart_until_a_log_out_in_another_tab() {
    let (_folder, shop, _) = open();
    let (mut tab, live) = ada(&shop);
    tab.post("/cart", &[("sku", "tea"), ("qty", "2")]).leads_to("/cart");
    live.shows(2);
    tab.post("/theme", &[("theme", "dark")]);
    tab.post("/cart", &[("sku", "honey")]);
    live.shows(3);
    tab.post("/logout", &[]);
    live.ends("logged_out");
}

#[test]
fn the_stream_ends_when_another_device_revokes_its_session() {
    let (_folder, shop, _) = open();
    let ((_, of_laptop), (mut phone, of_phone)) = (ada(&shop), ada(&shop));
    phone.post("/devices/revoke-others", &[]).leads_to("/account");
    of_laptop.ends("revoked");
    phone.post("/cart", &[("sku", "tea")]);
    of_phone.shows(1);
}

#[test]
fn the_stream_ends_when_a_sign_in_replaces_its_session() {
    let (_folder, _shop, mut visitor) = open();
    visitor.post("/cart", &[("sku", "tea")]);
    let of_guest = visitor.events("/live");
    of_guest.shows(1);
    visitor.post("/login", &[("user", "ada")]).leads_to("/");
    of_guest.ends("superseded");
    visitor.events("/live").shows(1);
}

#[test]
fn the_stream_ends_when_a_sixth_device_signs_in() {
    let (_folder, shop, _) = open();
    let (_, first) = ada(&shop);
    for _ in 0..5 {
        Client::of(&shop).post("/login", &[("user", "ada")]).leads_to("/");
    }
    first.ends("displaced");
}

#[test]
fn an_open_stream_does_not_keep_its_session_alive() {
    let folder = TempDir::new().unwrap();
    let shop = Shop::with(folder.path(), &["--idle", "5s"], &[]);
    ada(&shop).1.ends("expired");
}

#[test]
fn a_visitor_without_a_session_gets_the_empty_cart_and_no_cookie() {
    let (_folder, _shop, mut visitor) = open();
    let answer = visitor.get("/live");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.body, NOTHING);
    assert!(answer.set_cookies().is_empty());
}

#[test]
fn a_cookie_whose_session_is_over_does_not_open_a_stream_that_waits() {
    let (_folder, shop, _) = open();
    let ((mut laptop, _), (mut phone, _)) = (ada(&shop), ada(&shop));
    phone.post("/devices/revoke-others", &[]).leads_to("/account");
    assert_eq!(laptop.get("/live").body, NOTHING);
    let late = phone.clone();
    phone.post("/logout", &[]);
    late.events("/live").ends("superseded"); // the browser has a new session, which keeps the theme
}

// Each server loads what the other one stored.
#[test]
fn the_stream_follows_its_session_on_another_server() {
    let (folder, shop, _) = open();
    let other = Shop::open(folder.path());
    let (mut laptop, of_laptop) = ada(&shop);
    laptop.visit(&other).post("/cart", &[("sku", "tea")]);
    of_laptop.shows(1);
    let mut phone = Client::of(&other);
    phone.post("/login", &[("user", "ada")]);
    phone.post("/devices/revoke-others", &[]).leads_to("/account");
    of_laptop.ends("revoked");
}

// A page whose stream ends connects again, and reaches the next server.
#[test]
fn an_open_stream_does_not_hold_up_a_shop_that_closes() {
    let (_folder, shop, _) = open();
    let (_ada, live) = ada(&shop);
    shop.ask_to_close();
    assert_eq!(live.next(), None);
    assert!(shop.closed().success());
}
