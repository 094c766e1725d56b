//! The shops of both frameworks share their sessions and send the same pages.

use serde_json::json;
use tempfile::TempDir;
use tests::http::Client;

use super::{actix, axum};

// B36
#[test]
fn a_visitor_of_one_shop_is_known_in_the_other() {
    let folder = TempDir::new().unwrap();
    let (axum, actix) = (axum::Shop::open(folder.path()), actix::Shop::open(folder.path()));
    let mut ada = Client::of(&axum);
    ada.post("/login", &[("user", "ada")]).leads_to("/");
    ada.post("/cart", &[("sku", "tea")]);
    ada.visit(&actix).post("/cart", &[("sku", "tea")]).leads_to("/cart");
    let seen = ada.visit(&axum).session();
    assert_eq!((&seen["user"], &seen["cart"]), (&json!("ada"), &json!([{ "sku": "tea", "qty": 2 }])));
    let late = ada.clone();
    ada.visit(&actix).post("/logout", &[]).leads_to("/");
    assert_eq!(late.clone().session()["user"], json!(null));
}

#[test]
fn both_send_the_same_pages() {
    let folder = TempDir::new().unwrap();
    let (axum, actix) = (axum::Shop::open(folder.path()), actix::Shop::open(folder.path()));
    let mut visitors = [Client::of(&axum), Client::of(&actix)];
    for visitor in &mut visitors {
        visitor.post("/login", &[("user", "ada")]).leads_to("/");
        visitor.post("/cart", &[("sku", "tea")]).leads_to("/cart");
    }
    for path in [
        "/",
        "/",
        "/cart",
        "/login",
        "/login?next=/cart",
        "/account/code",
        "/nowhere",
        "/logout",
        "/health",
        "/style.css",
        "/live.js",
    ] {
        let [one, other] = visitors.each_mut().map(|visitor| visitor.get(path));
        assert_eq!((one.status, &one.body), (other.status, &other.body), "{path}");
        for header in ["content-type", "cache-control", "content-security-policy", "location", "vary", "allow"] {
            assert_eq!(one.header(header), other.header(header), "{header} of {path}");
        }
    }
    for visitor in &mut visitors {
        let answer = visitor.head("/cart"); // as `curl --head` sends it
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
    }
}
