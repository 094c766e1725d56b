//! The shop on Redis: several shops that share only the server and the keys, restarts, and a server that goes away.

use http::StatusCode;
use serde_json::json;
use tempfile::TempDir;
use tests::{
    http::Client,
    servers::{Kind, Options, RedisServer, Sentinels, prefix, shared, shared_cluster},
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

/// Returns the URL of the shared server, with a prefix that no other test uses.
fn place() -> Option<String> {
    Some(format!("{}?prefix={}", shared(Kind::Redis)?.url(), prefix()))
}

// B36
#[test]
fn two_shops_on_one_server_are_one_shop() {
    let Some(url) = place() else { return };
    let ((_here, shop), (_there, other)) = (open(&url), open(&url));
    let mut ada = Client::of(&shop);

    ada.post("/login", &[("user", "ada")]).leads_to("/");
    assert_eq!(ada.visit(&other).session()["user"], "ada");
    ada.post("/cart", &[("sku", "tea"), ("qty", "1")]);
    ada.visit(&shop).post("/cart", &[("sku", "tea"), ("qty", "1")]);
    ada.get("/");
    let mut late = ada.clone();
    late.visit(&other);
    let seen = late.session();
    assert_eq!((&seen["visits"], &seen["cart"]), (&json!(1), &json!([{ "sku": "tea", "qty": 2 }])));

    // Each shop lists the devices that signed in at the other.
    let mut phone = Client::of(&other);
    phone.post("/login", &[("user", "ada")]);
    assert!(ada.get("/account").body.contains("on 2 devices."));

    // A log-out at one shop takes effect at the other immediately. Then the visitor logs in again.
    ada.post("/logout", &[]);
    let seen = late.session();
    assert_eq!((&seen["user"], &seen["cart"]), (&json!(null), &json!([])));
    ada.visit(&other).post("/login", &[("user", "eve")]);
    assert_eq!(ada.visit(&shop).session()["user"], "eve");
    assert_eq!(late.visit(&shop).session()["user"], json!(null));

    // One device ends all others, at any shop.
    let mut tablet = Client::of(&shop);
    tablet.post("/login", &[("user", "ada")]);
    assert_eq!(phone.session()["user"], "ada");
    tablet.post("/devices/revoke-others", &[]).leads_to("/account");
    assert_eq!(phone.session()["user"], json!(null));
    assert_eq!(tablet.visit(&other).session()["user"], "ada");
}

// B35: every answered change is on the server, with each kind of URL.
#[test]
fn everything_survives_kill_9_and_a_restart_of_the_shop() {
    let Some(protected) = RedisServer::start(Kind::Redis, Options::default().user("shop", "p@ss/w?rd")) else { return };
    let Some(server) = shared(Kind::Redis) else { return };
    let Some(cluster) = shared_cluster(Kind::Redis) else { return };
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    let urls = [
        format!("{}?prefix={}", server.url(), prefix()),
        format!("{}?prefix={}", server.url_with_db(3).replacen("redis:", "valkey:", 1), prefix()),
        format!("{}&prefix={}", protected.unix_url(), prefix()),
        protected.url(),
        cluster.url(),
        sentinels.url(),
    ];
    for url in urls {
        let (folder, shop) = open(&url);
        let mut ada = Client::of(&shop);
        ada.post("/login", &[("user", "ada")]).leads_to("/");
        ada.post("/theme", &[("theme", "dark")]);
        ada.post("/cart", &[("sku", "pears"), ("qty", "7")]);
        ada.get("/"); // takes the notice
        let before = ada.session();
        assert!(!shop.said().contains("p%40ss") && !shop.said().contains("p@ss"), "{}", shop.said());
        shop.kill();

        let shop = Shop::on(folder.path(), &url, &[KEYS]);
        let now = ada.visit(&shop).session();
        for field in ["user", "theme", "cart", "visits", "notice"] {
            assert_eq!(now[field], before[field], "{field} on {url}");
        }
        assert_eq!((&now["user"], &now["visits"]), (&json!("ada"), &json!(1)), "{url}");
        assert!(ada.get("/").set_cookies().is_empty(), "the cookie stays the same");
    }
}

#[test]
fn the_shop_reaches_a_server_over_tls() {
    let Some(options) = Options::default().password("secret").tls() else { return };
    let Some(server) = RedisServer::start(Kind::Redis, options) else { return };
    let (folder, authority) = (TempDir::new().unwrap(), server.authority().to_str().unwrap());
    let shop = Shop::on(folder.path(), &server.url(), &[KEYS, ("SSL_CERT_FILE", authority)]);
    assert!(shop.said().contains(&format!("(sessions in rediss://{}, keys in SESSION_KEYS)", server.addr())));
    let mut visitor = Client::of(&shop);
    visitor.post("/login", &[("user", "ada")]).leads_to("/");
    assert_eq!(visitor.session()["user"], "ada");

    // Without the certificate, the server is not trusted.
    let (code, said) = Build::WithAll.refuses(folder.path(), &["--store", &server.url()], &[KEYS]);
    assert_eq!((code, said.contains("cannot use the Redis server at")), (1, true), "{said}");
    assert!(!said.contains("secret"), "{said}");
}

// B32: while the server is down, no response removes a cookie. When the server is back, the shop works without a restart.
#[test]
fn the_shop_reports_that_its_server_is_down_and_recovers() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let (_folder, shop) = open(&server.url());
    let mut ada = Client::of(&shop);
    ada.post("/login", &[("user", "ada")]).leads_to("/");

    // The server's memory is full: changes are rejected, and the visitor is told.
    server.fill();
    assert_eq!(
        ada.get("/api/session").status,
        StatusCode::SERVICE_UNAVAILABLE,
        "the request would have to write, because it takes the notice"
    );
    let answer = ada.post("/theme", &[("theme", "dark")]);
    assert_eq!((answer.status, answer.set_cookies().len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
    server.make_room();
    assert_eq!(ada.session()["user"], "ada");
    assert_eq!(ada.session()["theme"], "light", "a refused change did not happen");

    server.kill();
    for _ in 0..2 {
        let (page, form) = (ada.get("/"), ada.post("/login", &[("user", "ada")]));
        for answer in [page, form] {
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
            assert!(answer.body.contains("The session store is not answering"), "{}", answer.body);
            assert!(answer.set_cookies().is_empty(), "B32: a store that is down is not a log-out");
            assert_eq!((answer.header("cache-control"), answer.header("retry-after")), ("no-store", "1"));
        }
    }
    assert_eq!(ada.get("/health").status, StatusCode::OK, "a page that needs no session is served");

    // The server is back and empty: every visitor is a guest, and can sign in.
    server.restart();
    assert_eq!(ada.session()["user"], json!(null));
    ada.post("/login", &[("user", "ada")]).leads_to("/");
    assert_eq!(ada.session()["user"], "ada");
}

#[test]
fn a_shop_that_cannot_reach_its_server_says_why_in_one_sentence() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default().password("secret")) else { return };
    let Some(gone) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    gone.kill();
    let (addr, gone) = (server.addr(), gone.addr());
    let table = [
        ("redis:".to_owned(), 2, "the Redis URL is wrong: `//` is missing after its scheme"),
        ("redis://:secret@localhost:port".to_owned(), 2, "the Redis URL is wrong: a port is a number from 1 to 65535"),
        (format!("redis://:secret@{addr}/two"), 2, "its path is the number of a database"),
        (format!("redis://:secret@{addr}?secret=1"), 2, "it has an unknown or repeated parameter"),
        (format!("redis+tape://:secret@{addr}"), 2, "its scheme is none of redis, rediss"),
        ("redis+unix:redis.sock?pass=secret".to_owned(), 2, "the path of a socket starts with a slash"),
        (
            "redis+unix:///no/such/redis.sock?pass=secret".to_owned(),
            1,
            "cannot use the Redis server at /no/such/redis.sock",
        ),
        (format!("redis+sentinel://:secret@{addr}"), 2, "the master's name is missing"),
        (format!("redis://:secret@{gone}"), 1, "is it running, and reachable?"),
        (format!("redis+cluster://:secret@{gone}"), 1, "cannot use the Redis cluster at 127.0.0.1"),
        (
            format!("redis+sentinel://:secret@{gone}/mymaster"),
            1,
            "cannot use the Redis master `mymaster` found through the Sentinels at",
        ),
        (format!("redis://{addr}"), 1, "check the user and the password in its URL"),
        (format!("redis://:guessed-secret@{addr}"), 1, "check the user and the password in its URL"),
        (format!("rediss://:secret@{addr}"), 1, "cannot use the Redis server at"),
    ];
    for (url, code, sentence) in table {
        let folder = TempDir::new().unwrap();
        let options = ["--addr", "127.0.0.1:0", "--store", &url];
        let (ended, said) = Build::WithAll.refuses(folder.path(), &options, &[KEYS]);
        assert_eq!(ended, code, "{url}: {said}");
        assert!(said.contains(sentence), "{url}: {said}");
        assert!(said.starts_with("shop: ") && said.trim_end().lines().count() == 1, "{url}: {said}");
        assert!(!said.contains("secret"), "S49: the error shows no password: {said}");
    }
}
