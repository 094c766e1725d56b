//! B62: open streams at two shops that share only a store.

use tempfile::TempDir;
use tests::{
    http::Client,
    servers::{Kind, prefix, shared},
};

use super::axum::Shop;

const KEYS: (&str, &str) = ("SESSION_KEYS", "a3f1c07be25d9846137f0ab4ce98d2561f7e30db89ac4625e1907b3d5cf8a264");

fn a_stream_follows_its_session_at_the_other_shop(url: &str) {
    let [here, there] = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let [shop, other] = [&here, &there].map(|folder| Shop::on(folder.path(), url, &[KEYS]));
    let mut laptop = Client::of(&shop);
    laptop.post("/login", &[("user", "ada")]).leads_to("/");
    let of_laptop = laptop.events("/live");
    of_laptop.shows(0);
    laptop.visit(&other).post("/cart", &[("sku", "tea")]).leads_to("/cart");
    of_laptop.shows(1);
    let mut phone = Client::of(&other);
    phone.post("/login", &[("user", "ada")]).leads_to("/");
    let of_phone = phone.visit(&shop).events("/live");
    of_phone.shows(0);
    phone.visit(&other).post("/devices/revoke-others", &[]).leads_to("/account");
    of_laptop.ends("revoked");
    phone.post("/logout", &[]).leads_to("/");
    of_phone.ends("logged_out");
}

#[test]
fn a_stream_follows_its_session_at_the_other_shop_on_redis() {
    let Some(server) = shared(Kind::Redis) else { return };
    a_stream_follows_its_session_at_the_other_shop(&format!("{}?prefix={}", server.url(), prefix()));
}

#[test]
fn a_stream_follows_its_session_at_the_other_shop_on_sqlite() {
    let folder = TempDir::new().unwrap();
    a_stream_follows_its_session_at_the_other_shop(&format!("sqlite:{}", folder.path().join("shop.db").display()));
}
