//! The ways to connect to a database, and the errors when that fails.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    time::{Duration, Instant},
};

use session_runtime::SqlStore;
use tests::databases::{DatabaseServer, Engine};

use crate::{
    at, on,
    values::{create, empty, load},
};

async fn refusal(url: &str) -> String {
    let error = SqlStore::open(url).await.expect_err(url);
    assert!(error.is_setup(), "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_new_file_is_private_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b.db");
    let store = at(&format!("sqlite:{}", path.display())).await;
    create(&store, &empty()).await;
    for end in ["", "-wal", "-shm"] {
        let mode = fs::metadata(format!("{}{end}", path.display())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{end}");
    }
    // With a mode that requires an existing file, no file is created.
    let other = format!("sqlite:{}?mode=rw", folder.path().join("other.db").display());
    assert!(refusal(&other).await.contains("the file cannot be opened"), "{}", refusal(&other).await);
    assert!(!folder.path().join("other.db").exists());
    let said = refusal("sqlite:/nowhere/sessions.db").await;
    assert!(said.contains("cannot open the SQLite database `/nowhere/sessions.db`: does its folder exist"), "{said}");
    for url in ["sqlite::memory:", "sqlite:", "sqlite:x?mode=memory"] {
        let said = refusal(url).await;
        assert!(said.contains("`MemoryStore`"), "{said}");
    }
    let garbage = folder.path().join("garbage");
    fs::write(&garbage, "not a database, but long enough to be taken for one".repeat(100)).unwrap();
    let said = refusal(&format!("sqlite:{}", garbage.display())).await;
    assert!(said.contains("damaged, or not a database"), "{said}");
}

#[tokio::test]
async fn a_wrong_url_is_named_without_its_password() {
    let before = Instant::now();
    for url in ["postgres://eve:letmein@127.0.0.1:1/shop", "mysql://eve:letmein@127.0.0.1:1/shop"] {
        let said = refusal(url).await;
        assert!(
            said.contains("127.0.0.1:1/shop; is it running, and reachable?") && !said.contains("letmein"),
            "{said}"
        );
    }
    assert!(before.elapsed() < Duration::from_secs(5), "each error is returned quickly");
    let said = refusal("postgres://eve:let?mein@127.0.0.1:1/shop").await;
    assert!(said.contains("`?` is written %3F") && !said.contains("let"), "{said}");
    let said = refusal("redis://localhost").await;
    assert!(said.contains("begins with postgres:, mysql: or sqlite:"), "{said}");
    let said = refusal("postgres://eve:letmein@127.0.0.1:port/shop").await;
    assert!(said.contains("check its URL") && !said.contains("letmein"), "{said}");
}

#[tokio::test]
async fn a_wrong_user_or_database_is_named_on_mariadb() {
    let Some((server, ..)) = on(Engine::MariaDb).await else { return };
    let said = refusal(&server.url().replace("root@", "eve:letmein@")).await;
    assert!(said.contains("check the user and the password") && !said.contains("letmein"), "{said}");
    let said = refusal(&server.url().replace("/test", "/nowhere")).await;
    assert!(said.contains("there is no such database"), "{said}");
    let store = at(&server.url().replace("mysql:", "mariadb:")).await;
    let shown = format!("{store:?}");
    assert!(shown.contains("MySql") && !shown.contains("root"), "{shown}");
}

#[tokio::test]
async fn a_wrong_user_or_database_is_named_on_postgres() {
    let Some((server, ..)) = on(Engine::Postgres).await else { return };
    let said = refusal(&server.url().replace("postgres@", "eve:letmein@")).await;
    assert!(said.contains("check the user and the password") && !said.contains("letmein"), "{said}");
    let said = refusal(&server.url().replace("/postgres", "/nowhere").replace(":/nowhere@", "://postgres@")).await;
    assert!(said.contains("no such database") || said.contains("check the user"), "{said}");
    // The scheme's other name works, and so does the socket.
    let store = at(&server.url().replace("postgres:", "postgresql:")).await;
    let key = create(&store, &empty()).await;
    let port = server.addr().port();
    let by_socket = format!("postgres://postgres@localhost:{port}/postgres?host={}", server.folder().display());
    assert!(load(&at(&by_socket).await, &key).await.is_some());
}

#[tokio::test]
async fn tls_requires_a_trusted_authority_on_postgres() {
    let Some(server) = DatabaseServer::start(Engine::Postgres) else { return };
    let Some(authority) = server.encrypt() else { return };
    let trusted = format!("{}?sslmode=verify-full&sslrootcert={}", server.url(), authority.display());
    let store = at(&trusted).await;
    create(&store, &empty()).await;
    let encrypted =
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND query LIKE '%sessions%'";
    assert_ne!(server.ask(encrypted), "0");
    let said = refusal(&format!("{}?sslmode=verify-full", server.url())).await;
    assert!(said.contains("certificate"), "an authority that is not trusted: {said}");
}
