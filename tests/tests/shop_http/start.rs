//! How the shop starts. Each error at start is one sentence and an exit code.

use std::{fs, net::TcpListener};

use tempfile::TempDir;
use tests::http::Client;

use super::Shop;

#[test]
fn a_shop_that_cannot_open_says_why_in_one_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let key = "a3f1c07be25d9846137f0ab4ce98d2561f7e30db89ac4625e1907b3d5cf8a264";
    let here = "127.0.0.1:0";
    let table: &[(&[&str], &str, i32, &str)] = &[
        (&["--addr", "nonsense"], key, 2, "`nonsense` is not an address: write HOST:PORT"),
        (&["--addr", "127.0.0.1:99999"], key, 2, "is not an address"),
        (&["--addr", ":3000"], key, 2, "is not an address"),
        (&["--addr", "192.0.2.1:0"], key, 1, "cannot listen on `192.0.2.1:0`"),
        (&["--addr", &taken], key, 1, "is taken"),
        (&["--addr"], key, 2, "--help"),
        (&["--wat"], key, 2, "invalid option '--wat'"),
        (&["extra"], key, 2, "\"extra\""),
        (&["--addr", here, "--store", "tape:1"], key, 2, "begins with `tape`, and there is no such store"),
        (&["--addr", here, "--store", "redis://:secret@localhost"], key, 2, "needs the feature `redis`: add `features"),
        (
            &["--addr", here, "--store", "redis+cluster://:secret@localhost"],
            key,
            2,
            "(`--help` lists the stores of the shop",
        ),
        (&["--addr", here, "--store", "rediss://:secret@localhost"], key, 2, "needs the feature `redis-tls`"),
        (&["--addr", here, "--store", "radish://a:secret@localhost"], key, 2, "begins with `radish`"),
        (
            &["--addr", here, "--store", "sqlite:shop.db"],
            key,
            2,
            "the store of `sqlite:` URLs needs the feature `sqlite`",
        ),
        (&["--addr", here, "--store", "postgres://localhost/shop"], key, 2, "needs the feature `postgres`"),
        (&["--addr", here, "--store", "mysql://localhost/shop"], key, 2, "needs the feature `mysql`"),
        (&["--addr", here, "--store", "mariadb://localhost/shop"], key, 2, "needs the feature `mysql`"),
        (&["--addr", here, "--store", "sessions"], key, 2, "has no scheme"),
        (&["--addr", here, "--store", "memory:x"], key, 2, "only `?capacity=5000` may follow"),
        (&["--addr", here, "--store", "file:"], key, 2, "empty"),
        (&["--addr", here, "--store", "file:no/such/folder"], key, 1, "`no/such` does not exist"),
        (&["--addr", here, "--store", "file:a-file"], key, 1, "`a-file` is a file"),
        (&["--addr", here, "--idle", "soon"], key, 2, "`soon` is not a duration"),
        (&["--addr", here, "--idle", "30"], key, 2, "not a duration"),
        (&["--addr", here, "--idle", "m"], key, 2, "not a duration"),
        (&["--addr", here, "--idle", "99999999999999999999d"], key, 2, "not a duration"),
        (&["--addr", here, "--idle", "0s"], key, 1, "zero"),
        (&["--addr", here, "--idle", "3d"], key, 1, "longer than `absolute`"),
        (&["--addr", here, "--store", "memory:"], "", 1, "SESSION_KEYS"),
        (&["--addr", here, "--store", "memory:"], "short", 1, "SESSION_KEYS"),
        (&["--addr", here, "--store", "memory:"], &"00".repeat(32), 1, "SESSION_KEYS"),
    ];
    for (options, keys, code, sentence) in table {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("a-file"), "").unwrap();
        let (ended, said) = Shop::refuses(folder.path(), options, &[("SESSION_KEYS", keys)]);
        assert_eq!(ended, *code, "{options:?}: {said}");
        assert!(said.contains(sentence), "{options:?}: {said}");
        assert!(said.starts_with("shop: ") && said.trim_end().lines().count() == 1, "{options:?}: {said}");
        assert!(keys.is_empty() || !said.contains(keys), "S49: the error shows no key: {said}");
        assert!(!said.contains("secret"), "S49: the error shows no password: {said}");
    }
}

// The required folder cannot be created, or the keys in it are invalid.
#[test]
fn a_shop_without_usable_keys_says_so() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(".sessions"), "").unwrap();
    let options = ["--addr", "127.0.0.1:0"];
    let (code, said) = Shop::refuses(folder.path(), &options, &[]);
    assert_eq!((code, said.contains("cannot create the folder `.sessions`")), (1, true), "{said}");

    let folder = TempDir::new().unwrap();
    Shop::open(folder.path()).kill();
    fs::write(folder.path().join(".sessions/keys"), "not a key").unwrap();
    let (code, said) = Shop::refuses(folder.path(), &options, &[]);
    assert_eq!((code, said.contains(".sessions/keys")), (1, true), "{said}");
}

#[test]
fn help_lists_the_options() {
    let folder = TempDir::new().unwrap();
    let (code, said) = Shop::refuses(folder.path(), &["--help"], &[]);
    assert_eq!(code, 0);
    for option in ["--addr", "--store", "--idle", "--plain-cookie", "SESSION_KEYS"] {
        assert!(said.contains(option), "{option}");
    }
}

#[test]
fn the_shop_says_where_its_sessions_and_keys_are() {
    let folder = TempDir::new().unwrap();
    let shop = Shop::open(folder.path());
    let expected =
        format!("the shop is open at {} (sessions in file:.sessions/shop, keys in .sessions/keys)\n", shop.url());
    assert_eq!(shop.said(), expected);
    assert!(folder.path().join(".sessions/keys").is_file());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(".sessions"), mode(".sessions/keys")), (0o700, 0o600));
    }
}

#[test]
fn sessions_and_keys_can_share_a_folder() {
    let folder = TempDir::new().unwrap();
    for _ in 0..2 {
        let shop = Shop::with(folder.path(), &["--store", "file:.sessions"], &[]);
        let mut visitor = Client::of(&shop);
        visitor.post("/login", &[("user", "ada")]).leads_to("/");
        assert_eq!(visitor.session()["user"], "ada");
        assert_eq!(shop.said().lines().count(), 1, "no warning: {}", shop.said());
    }
}

// S53: over plain http to other machines, browsers drop a Secure cookie; a cookie without Secure works only on this machine.
#[test]
fn settings_that_cannot_work_over_plain_http_are_reported() {
    let folder = TempDir::new().unwrap();
    let shop = Shop::with(folder.path(), &["--addr", "0.0.0.0:0"], &[]);
    let port = shop.host().rsplit(':').next().unwrap().to_owned();
    let warned = |shop: &Shop, what: &str| {
        let until = std::time::Instant::now() + tests::shop::PATIENCE;
        while !shop.said().contains(what) {
            assert!(std::time::Instant::now() < until, "{}", shop.said());
            std::thread::yield_now();
        }
    };
    warned(&shop, "HTTPS");
    drop(shop);

    let shop = Shop::with(folder.path(), &["--addr", &format!("127.0.0.1:{port}"), "--plain-cookie"], &[]);
    warned(&shop, "lacks `Secure`");
    let answer = Client::of(&shop).get("/");
    let cookie = answer.set_cookies()[0];
    assert!(cookie.starts_with("shop=") && !cookie.contains("Secure") && cookie.contains("HttpOnly"), "{cookie}");
    drop(shop);

    let shop = Shop::with(folder.path(), &["--addr", "0.0.0.0:0", "--plain-cookie"], &[]);
    warned(&shop, "this machine alone");
}
