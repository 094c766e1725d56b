//! The shop on SQL databases: it creates its tables, several shops share them, and restarts lose nothing.

use http::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use tests::{
    databases::{DatabaseServer, Engine, shared, table},
    http::Client,
    shop::Build,
};

use super::axum::Shop;

const KEYS: (&str, &str) = ("SESSION_KEYS", "a3f1c07be25d9846137f0ab4ce98d2561f7e30db89ac4625e1907b3d5cf8a264");

/// Opens a shop in a folder of its own, as on a machine of its own.
fn open(url: &str) -> (TempDir, Shop) {
    let folder = TempDir::new().unwrap();
    let shop = Shop::on(folder.path(), url, &[KEYS]);
    (folder, shop)
}

/// B35, B36: two shops on one database act as one shop, and every answered change survives `kill -9`.
fn two_shops_are_one_shop_and_survive_kill_9(url: &str) {
    let ((here, shop), (_there, other)) = (open(url), open(url));
    let mut ada = Client::of(&shop);
    ada.post("/login", &[("user", "ada")]).leads_to("/");
    assert_eq!(ada.visit(&other).session()["user"], "ada");
    ada.post("/cart", &[("sku", "tea"), ("qty", "1")]);
    ada.visit(&shop).post("/cart", &[("sku", "tea"), ("qty", "1")]);
    ada.post("/theme", &[("theme", "dark")]);
    ada.get("/"); // takes the notice
    let mut phone = Client::of(&other);
    phone.post("/login", &[("user", "ada")]);
    assert!(ada.get("/account").body.contains("on 2 devices."));
    let before = ada.session();
    assert!(!shop.said().contains("secret"), "{}", shop.said());
    shop.kill();

    let shop = Shop::on(here.path(), url, &[KEYS]);
    let now = ada.visit(&shop).session();
    for field in ["user", "theme", "cart", "visits", "notice"] {
        assert_eq!(now[field], before[field], "{field} on {url}");
    }
    assert_eq!(now["cart"], json!([{ "sku": "tea", "qty": 2 }]));
    phone.post("/devices/revoke-others", &[]).leads_to("/account");
    assert_eq!(ada.session()["user"], json!(null));
    phone.post("/logout", &[]);
    assert_eq!(phone.visit(&shop).session()["user"], json!(null));
}

#[test]
fn two_shops_are_one_shop_and_survive_kill_9_on_sqlite() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("shop.db");
    two_shops_are_one_shop_and_survive_kill_9(&format!("sqlite:{}", path.display()));
    // The file can also be in the folder that the shop creates for its keys.
    let (folder, _shop) = open("sqlite:.sessions/shop.db");
    assert!(folder.path().join(".sessions/shop.db").is_file());
}

#[test]
fn two_shops_are_one_shop_and_survive_kill_9_on_postgres() {
    let Some(server) = shared(Engine::Postgres) else { return };
    two_shops_are_one_shop_and_survive_kill_9(&format!("{}?table={}", server.url(), table()));
}

#[test]
fn two_shops_are_one_shop_and_survive_kill_9_on_mariadb() {
    let Some(server) = shared(Engine::MariaDb) else { return };
    let by_its_name = server.url().replace("mysql:", "mariadb:").replace("root@", "root:@");
    two_shops_are_one_shop_and_survive_kill_9(&format!("{by_its_name}?table={}", table()));
}

// B32: the outage logs no visitor out, and the shop need not be restarted.
#[test]
fn the_shop_reports_that_its_database_is_down_and_recovers_on_postgres() {
    let Some(server) = DatabaseServer::start(Engine::Postgres) else { return };
    let (_folder, shop) = open(&server.url());
    let mut ada = Client::of(&shop);
    ada.post("/login", &[("user", "ada")]).leads_to("/");
    server.kill();
    for answer in [ada.get("/"), ada.post("/theme", &[("theme", "dark")])] {
        assert_eq!((answer.status, answer.set_cookies().len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
        assert!(answer.body.contains("The session store is not answering"), "{}", answer.body);
    }
    assert_eq!(ada.get("/health").status, StatusCode::OK, "a page that needs no session is served");
    server.restart();
    assert_eq!(ada.session()["user"], "ada");
    assert_eq!(ada.session()["theme"], "light", "a refused change did not happen");
}

#[test]
fn a_shop_that_cannot_use_its_database_says_why_in_one_sentence() {
    let folder = TempDir::new().unwrap();
    let table = [
        ("sqlite:no/such/folder.db", 1, "cannot open the SQLite database `no/such/folder.db`: does its folder exist"),
        ("sqlite::memory:", 1, "use `MemoryStore`"),
        ("postgres://shop:secret@127.0.0.1:1/shop", 1, "127.0.0.1:1/shop; is it running, and reachable?"),
        ("mysql://shop:secret@127.0.0.1:1/shop", 1, "127.0.0.1:1/shop; is it running, and reachable?"),
        ("postgres://shop:secret@127.0.0.1:port/shop", 1, "check its URL"),
        ("postgres://shop:secret@127.0.0.1:1/shop?table=a-b", 2, "`a-b` cannot name the table of sessions"),
    ];
    for (url, code, sentence) in table {
        let (ended, said) = Build::WithAll.refuses(folder.path(), &["--addr", "127.0.0.1:0", "--store", url], &[KEYS]);
        assert!(said.contains(sentence) && !said.contains("secret"), "{url}: {said}");
        assert_eq!((ended, said.trim_end().lines().count()), (code, 1), "{url}: {said}");
    }
}
