//! The table: created only on request, under any name, or by the application's own migrations.

use futures_util::future::join_all;
use session_runtime::{SqlStore, store::Store as _};
use tests::{
    databases::{Engine, table},
    log::Log,
};

use crate::{
    at, everywhere, in_file, key, on, sentence,
    values::{NOW, create, empty, load, put},
};

#[tokio::test]
async fn no_table_is_created_without_migrate_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let name = table();
        let store = store.table(&name).unwrap();
        for said in [
            sentence(store.load(&key(), NOW).await),
            sentence(store.swap(&key(), None, Some(&empty()), NOW).await),
            sentence(store.swap(&key(), None, None, NOW).await),
            sentence(store.delete_expired(NOW).await),
        ] {
            assert!(said.contains(&name) && said.contains("is missing: call `migrate()`"), "{said}");
        }
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        create(&store, &empty()).await;
        drop(folder);
    }
}

/// Several servers of a service can start at once. `sqlite` tests several processes on one file.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_migrations_succeed_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        for _ in 0..5 {
            let store = store.clone().table(&table()).unwrap();
            let all: Vec<_> = (0..8)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { store.migrate().await })
                })
                .collect();
            for one in all {
                one.await.unwrap().unwrap();
            }
            create(&store, &empty()).await;
        }
        drop(folder);
    }
}

/// Servers that start together on an empty database do not fill the log: a migration that lost a race has no transaction to roll
/// back, and PostgreSQL would warn about that.
#[tokio::test]
async fn concurrent_migrations_log_no_warnings() {
    let log = Log::of_this_thread();
    for (store, folder) in everywhere().await {
        for _ in 0..5 {
            let store = store.clone().table(&table()).unwrap();
            for one in join_all((0..8).map(|_| store.migrate())).await {
                one.unwrap();
            }
        }
        drop(folder);
    }
    let logged = log.take();
    assert!(!logged.contains("no transaction"), "{logged}");
}

/// The columns of tables that this version did not create and leaves alone: another application's, and an older version's.
const FOREIGN: [&str; 2] = [
    "(id BIGINT, expires_at BIGINT)",
    "(id BIGINT PRIMARY KEY, revision BIGINT, expires_at BIGINT, user_hash BIGINT, record BIGINT)",
];

#[tokio::test]
async fn a_table_with_other_columns_is_refused_and_left_alone_on_sqlite_postgres_and_mariadb() {
    for columns in FOREIGN {
        let (_folder, url, store) = in_file().await;
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        for sql in
            [format!("CREATE TABLE other {columns}"), "INSERT INTO other (id, expires_at) VALUES (1, 2)".to_owned()]
        {
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
        }
        refuses_foreign_table(store.table("other").unwrap(), "other").await;
        assert!(sqlx::query("SELECT 1 FROM other").fetch_optional(&pool).await.unwrap().is_some());
        for engine in Engine::ALL {
            let Some((server, _, store)) = on(engine).await else { continue };
            let other = table();
            server.ask(&format!("CREATE TABLE {other} {columns}; INSERT INTO {other} (id, expires_at) VALUES (1, 2)"));
            refuses_foreign_table(store.table(&other).unwrap(), &other).await;
            assert_eq!(server.ask(&format!("SELECT count(*) FROM {other}")), "1");
        }
    }
}

async fn refuses_foreign_table(store: SqlStore, name: &str) {
    let refused = store.migrate().await.unwrap_err();
    assert!(refused.is_setup());
    for said in [
        refused.to_string(),
        sentence(store.load(&key(), NOW).await),
        sentence(store.swap(&key(), None, Some(&empty()), NOW).await),
        // The runtime calls the clean-up by itself.
        sentence(store.delete_expired(NOW).await),
    ] {
        for part in
            [name, "the columns `id`, `revision`, `expires_at` and `value`", "another name with `table`", "drop it"]
        {
            assert!(said.contains(part), "`{said}` should say `{part}`");
        }
    }
}

/// If the table exists, `migrate` does not need the right to create one.
#[tokio::test]
async fn a_user_who_may_not_create_tables_can_use_an_existing_one_on_postgres() {
    let Some((server, table, _)) = on(Engine::Postgres).await else { return };
    let role = format!("app_{table}");
    server.ask(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON \"{table}\" TO {role}"));
    let url = server.url().replace("//postgres@", &format!("//{role}@"));
    let store = at(&format!("{url}?table={table}")).await;
    create(&store, &empty()).await;
    let said = store.table(&format!("{table}_other")).unwrap().migrate().await.unwrap_err();
    assert!(said.is_setup() && said.to_string().contains("and CREATE to create it"), "{said}");
}

// B37
#[tokio::test]
async fn two_tables_are_two_stores_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let other = store.clone().table(&table()).unwrap();
        other.migrate().await.unwrap();
        let key = create(&store, &empty()).await;
        assert!(load(&other, &key).await.is_none());
        put(&other, &key, &empty()).await;
        let found = load(&other, &key).await;
        other.swap(&key, found.as_ref(), None, NOW).await.unwrap();
        assert!(load(&store, &key).await.is_some());
        drop(folder);
    }
}

#[tokio::test]
async fn a_name_can_have_a_schema_and_be_a_keyword_on_postgres() {
    let Some((server, _, store)) = on(Engine::Postgres).await else { return };
    let schema = table();
    server.ask(&format!("CREATE SCHEMA {schema}"));
    for name in ["Order", "user"] {
        let store = store.clone().table(&format!("{schema}.{name}")).unwrap();
        store.migrate().await.unwrap();
        create(&store, &empty()).await;
        assert_eq!(server.ask(&format!("SELECT count(*) FROM {schema}.\"{name}\"")), "1");
    }
    let indexes = server.ask(&format!("SELECT indexname FROM pg_indexes WHERE schemaname = '{schema}' ORDER BY 1"));
    assert!(indexes.contains("Order_expiry") && indexes.contains("user_expiry"), "{indexes}");
    let other = store.table("nowhere.sessions").unwrap();
    let said = other.migrate().await.unwrap_err();
    assert!(said.is_setup() && said.to_string().contains("there is no such database, or schema"), "{said}");
}

#[tokio::test]
async fn a_schema_is_another_database_on_mariadb() {
    let Some((server, _, store)) = on(Engine::MariaDb).await else { return };
    let schema = table();
    server.ask(&format!("CREATE DATABASE {schema}"));
    let store = store.table(&format!("{schema}.order")).unwrap();
    store.migrate().await.unwrap();
    create(&store, &empty()).await;
    assert_eq!(server.ask(&format!("SELECT count(*) FROM {schema}.`order`")), "1");
}

#[tokio::test]
async fn sqlite_knows_no_schemas_and_names_are_checked() {
    let (_folder, url, store) = in_file().await;
    let said = store.clone().table("web.sessions").unwrap_err();
    assert!(said.is_setup() && said.to_string().contains("SQLite knows no schemas"), "{said}");
    let said = store.table("sessions; DROP TABLE users").unwrap_err();
    assert!(said.is_setup() && said.to_string().contains("ASCII letters, digits and `_`"), "{said}");
    assert!(SqlStore::open(&format!("{url}?table=a-b")).await.unwrap_err().is_setup());
}

/// The migrations are the documented files, which `migrate` also runs.
#[tokio::test]
async fn the_applications_own_migrations_work_on_sqlite_postgres_and_mariadb() {
    const SQLITE: &str = include_str!("../../../session-runtime/src/store/sql/tables/sqlite.sql");
    const POSTGRES: &str = include_str!("../../../session-runtime/src/store/sql/tables/postgres.sql");
    const MYSQL: &str = include_str!("../../../session-runtime/src/store/sql/tables/mysql.sql");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("own.db").display());
    let pool = sqlx::SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    sqlx::raw_sql(SQLITE).execute(&pool).await.unwrap();
    let store = SqlStore::from_pool(pool);
    create(&store, &empty()).await;
    for (engine, sql) in [(Engine::Postgres, POSTGRES), (Engine::MariaDb, MYSQL)] {
        let Some((server, ..)) = on(engine).await else { continue };
        let database = table();
        server.ask(&format!("CREATE DATABASE {database}"));
        let at = server.url().rsplit_once('/').unwrap().0.to_owned() + "/" + &database;
        let store = match engine {
            Engine::Postgres => {
                let pool = sqlx::PgPool::connect(&at).await.unwrap();
                sqlx::raw_sql(sql).execute(&pool).await.unwrap();
                SqlStore::from_pool(pool)
            }
            Engine::MariaDb => {
                let pool = sqlx::MySqlPool::connect(&at).await.unwrap();
                sqlx::raw_sql(sql).execute(&pool).await.unwrap();
                SqlStore::from_pool(pool)
            }
        };
        let key = create(&store, &empty()).await;
        assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
        // `migrate` finds nothing to do.
        store.migrate().await.unwrap();
        assert!(load(&crate::at(&at).await, &key).await.is_some());
    }
}
