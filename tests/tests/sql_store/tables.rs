//! The tables: made when asked for and only then, under any name, or by the application's own migrations.

use session_runtime::{
    SqlStore,
    store::{Store, UserIndex},
};
use tests::{
    databases::{Engine, table},
    records::{NOW, load, user, write},
};

use crate::{at, everywhere, filled, in_file, key, on, sentence};

#[tokio::test]
async fn nothing_is_made_behind_anybodys_back_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let store = store.table(&table()).unwrap();
        let missing = "its tables are missing: call `migrate()`";
        assert!(sentence(store.load(&key(), NOW).await).contains(missing));
        assert!(sentence(store.apply(&key(), &filled(), NOW).await).contains(missing));
        assert!(sentence(store.delete(&key()).await).contains(missing));
        assert!(sentence(store.delete_expired(NOW).await).contains(missing));
        assert!(sentence(store.enter(&user(), &key(), NOW).await).contains(missing));
        assert!(sentence(store.entries(&user()).await).contains(missing));
        store.migrate().await.unwrap();
        store.migrate().await.unwrap();
        write(&store, &key(), &filled()).await;
        drop(folder);
    }
}

/// As several servers of a service start at once. Several processes do so on one file in `sqlite`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_migrate_at_once_on_sqlite_postgres_and_mariadb() {
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
            write(&store, &key(), &filled()).await;
        }
        drop(folder);
    }
}

/// Somebody else's table, whose rows are none of our business.
#[tokio::test]
async fn a_table_of_somebody_elses_is_refused_and_left_alone_on_sqlite_postgres_and_mariadb() {
    let columns = "(id BIGINT, expires_at BIGINT)";
    let (_folder, url, store) = in_file().await;
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    for sql in [format!("CREATE TABLE other {columns}"), "INSERT INTO other VALUES (1, 2)".to_owned()] {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.unwrap();
    }
    refuses_what_is_not_its_own(store.table("other").unwrap()).await;
    assert!(sqlx::query("SELECT 1 FROM other").fetch_optional(&pool).await.unwrap().is_some());
    for engine in Engine::ALL {
        let Some((server, _, store)) = on(engine).await else { continue };
        let other = table();
        server.ask(&format!("CREATE TABLE {other} {columns}; INSERT INTO {other} VALUES (1, 2)"));
        refuses_what_is_not_its_own(store.table(&other).unwrap()).await;
        assert_eq!(server.ask(&format!("SELECT count(*) FROM {other}")), "1");
    }
}

async fn refuses_what_is_not_its_own(store: SqlStore) {
    let own = "is none of ours: choose another name with `table`";
    let said = store.migrate().await.unwrap_err();
    assert!(said.is_setup() && said.to_string().contains(own), "{said}");
    // Also where nobody asked for tables: clean-up runs by itself.
    assert!(sentence(store.delete_expired(NOW).await).contains(own));
    assert!(sentence(store.load(&key(), NOW).await).contains(own));
}

/// Where the tables are there, no right to make any is asked for.
#[tokio::test]
async fn a_user_who_may_make_no_tables_finds_those_that_are_there_on_postgres() {
    let Some((server, table, _)) = on(Engine::Postgres).await else { return };
    let role = format!("app_{table}");
    server.ask(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON \"{table}\", \"{table}_users\" TO {role}"
    ));
    let url = server.url().replace("//postgres@", &format!("//{role}@"));
    let store = at(&format!("{url}?table={table}")).await;
    let key = key();
    write(&store, &key, &filled()).await;
    store.enter(&user(), &key, NOW).await.unwrap();
    let said = store.table(&format!("{table}_other")).unwrap().migrate().await.unwrap_err();
    assert!(said.is_setup() && said.to_string().contains("and to make them CREATE"), "{said}");
}

// B37
#[tokio::test]
async fn two_tables_are_two_stores_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let other = store.clone().table(&table()).unwrap();
        other.migrate().await.unwrap();
        let key = key();
        write(&store, &key, &filled()).await;
        store.enter(&user(), &key, NOW).await.unwrap();
        assert!(load(&other, &key).await.is_none());
        assert_eq!(other.entries(&user()).await.unwrap().len(), 0);
        other.delete(&key).await.unwrap();
        assert!(load(&store, &key).await.is_some());
        drop(folder);
    }
}

#[tokio::test]
async fn a_schema_and_words_of_sql_as_names_on_postgres() {
    let Some((server, _, store)) = on(Engine::Postgres).await else { return };
    let schema = table();
    server.ask(&format!("CREATE SCHEMA {schema}"));
    for name in ["Order", "user"] {
        let store = store.clone().table(&format!("{schema}.{name}")).unwrap();
        store.migrate().await.unwrap();
        write(&store, &key(), &filled()).await;
        assert_eq!(server.ask(&format!("SELECT count(*) FROM {schema}.\"{name}\"")), "1");
    }
    let indexes = server.ask(&format!("SELECT indexname FROM pg_indexes WHERE schemaname = '{schema}' ORDER BY 1"));
    assert!(indexes.contains("Order_expiry") && indexes.contains("user_users_user"), "{indexes}");
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
    write(&store, &key(), &filled()).await;
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

/// The files that are documented are what `migrate` runs.
#[tokio::test]
async fn the_applications_own_migrations_will_do_on_sqlite_postgres_and_mariadb() {
    const SQLITE: &str = include_str!("../../../session-runtime/src/store/sql/tables/sqlite.sql");
    const POSTGRES: &str = include_str!("../../../session-runtime/src/store/sql/tables/postgres.sql");
    const MYSQL: &str = include_str!("../../../session-runtime/src/store/sql/tables/mysql.sql");
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("own.db").display());
    let pool = sqlx::SqlitePool::connect(&format!("{url}?mode=rwc")).await.unwrap();
    sqlx::raw_sql(SQLITE).execute(&pool).await.unwrap();
    let store = SqlStore::from_pool(pool);
    write(&store, &key(), &filled()).await;
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
        let key = key();
        write(&store, &key, &filled()).await;
        store.enter(&user(), &key, NOW).await.unwrap();
        assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
        // And `migrate` finds nothing to do.
        store.migrate().await.unwrap();
        assert!(load(&at_once(&at).await, &key).await.is_some());
    }
}

async fn at_once(url: &str) -> SqlStore {
    at(url).await
}
