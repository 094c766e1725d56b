//! The two forms of compare-and-swap: a command if the server has it, otherwise a script. The store falls back to the script when
//! a server without the command takes over.

use std::sync::Arc;

use session_runtime::{
    RedisStore,
    store::{Store, Swapped, Value},
};
use tests::servers::{Kind, Options, Proxy, RedisServer, prefix, shared_cluster};

use crate::{
    key, server,
    values::{NOW, create, load, refused, remove, replace, value},
};

#[tokio::test]
async fn the_probe_at_the_start_writes_nothing() {
    for kind in Kind::ALL {
        let Some((server, _store)) = server(kind).await else { continue };
        assert_eq!(server.ask::<u64>(&["DBSIZE"]).unwrap(), 0, "{kind:?}");
    }
}

#[tokio::test]
async fn scripts_survive_script_flush() {
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.has_ifeq()) {
        let Some((server, store)) = server(kind).await else { continue };
        let key = key();
        let held = create(&store, &key, &value("one")).await;
        server.ask::<String>(&["SCRIPT", "FLUSH"]).unwrap();
        server.reset_command_stats();
        let held = replace(&store, &key, &held, &value("two")).await;
        let held = replace(&store, &key, &held, &value("three")).await;
        let stats = server.command_stats();
        assert_eq!(
            (stats.calls("evalsha"), stats.calls("eval")),
            (2, 1),
            "{kind:?}: the script is sent once: {stats:?}"
        );
        remove(&store, &key, &held).await;
    }
}

/// A server without the command takes over when an upgrade is undone, or in a failover to an older server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scripts_replace_the_command_when_a_server_without_it_takes_over() {
    let Some(valkey) = RedisServer::start(Kind::Valkey, Options::default()) else { return };
    for kind in [Kind::Redis6, Kind::Redis, Kind::Redis8] {
        let Some(older) = RedisServer::start(kind, Options::default()) else { continue };
        let proxy = Proxy::start(valkey.addr());
        let store = RedisStore::open(&valkey.url_through(&proxy)).await.unwrap();
        let key = key();
        let held = create(&store, &key, &value("one")).await;
        replace(&store, &key, &held, &value("two")).await;
        proxy.lead_to(older.addr());
        proxy.cut();
        let old = create(&store, &key, &value("three")).await;
        let held = replace(&store, &key, &old, &value("four")).await;
        assert_eq!(
            refused(store.swap(&key, Some(&old), Some(&value("late")), NOW).await).unwrap(),
            held.value().to_bytes()
        );
        remove(&store, &key, &held).await;
        assert_eq!(load(&store, &key).await, None);
        // When the first server takes over again, calls work there too.
        proxy.lead_to(valkey.addr());
        proxy.cut();
        let held = store.load(&key, NOW).await.unwrap().unwrap();
        let held = replace(&store, &key, &held, &value("five")).await;
        remove(&store, &key, &held).await;
    }
}

/// Each command reaches the node that holds its key, and that node gets the script.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_and_scripts_work_on_every_node_of_a_cluster() {
    for kind in [Kind::Redis, Kind::Valkey] {
        let Some(cluster) = shared_cluster(kind) else { continue };
        let store = RedisStore::open(&cluster.url()).await.unwrap().prefix(prefix());
        for _ in 0..30 {
            let key = key();
            let old = create(&store, &key, &value("one")).await;
            let held = replace(&store, &key, &old, &value("two")).await;
            for (before, after) in
                [(None, Some(&value("late"))), (Some(&old), Some(&value("late"))), (Some(&old), None)]
            {
                assert_eq!(refused(store.swap(&key, before, after, NOW).await).unwrap(), held.value().to_bytes());
            }
            remove(&store, &key, &held).await;
            assert_eq!(load(&store, &key).await, None, "{kind:?}");
        }
    }
}

/// Tests users that have only the rights that sessions need, and only under one prefix.
#[tokio::test]
async fn a_user_needs_few_rights_under_one_prefix() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        for (name, rules) in [
            ("ada", ["~shop:*", "+@read", "+@write", "-@dangerous", "+@scripting", "+@connection"]),
            ("bob", ["~shop:*", "+get", "+set", "+getrange +del +exists", "+@scripting", "+@connection"]),
        ] {
            let mut command = vec!["ACL", "SETUSER", name, "on", ">secret"];
            command.extend(rules.iter().flat_map(|rules| rules.split(' ')));
            server.ask::<String>(&command).unwrap();
            let url = format!("redis://{name}:secret@{}", server.addr());
            let store = RedisStore::open(&url).await.unwrap().prefix("shop:");
            let key = key();
            let held = create(&store, &key, &value("one")).await;
            let held = replace(&store, &key, &held, &value("two")).await;
            remove(&store, &key, &held).await;
            let elsewhere = RedisStore::open(&url).await.unwrap();
            let said = elsewhere.load(&key, NOW).await.unwrap_err().to_string();
            assert!(said.contains("its user may not do that"), "{kind:?}, {name}: {said}");
        }
    }
}

/// Many tasks write to one key through two stores. Each write is based on the previous one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_is_lost() {
    for kind in Kind::ALL {
        let Some((server, one)) = server(kind).await else { continue };
        let other = RedisStore::open(&server.url()).await.unwrap();
        let key = key();
        create(&one, &key, &value(0_u32.to_be_bytes())).await;
        let stores = Arc::new([one, other]);
        let tasks = (0..16).map(|task| {
            let stores = Arc::clone(&stores);
            tokio::spawn(async move {
                let store = &stores[task % 2];
                for _ in 0..10 {
                    let mut current = store.load(&key, NOW).await.unwrap().unwrap();
                    loop {
                        let bytes = current.value().to_bytes();
                        let count = u32::from_be_bytes(bytes[Value::HEADER_BYTES..].try_into().unwrap());
                        let next = value((count + 1).to_be_bytes());
                        match store.swap(&key, Some(&current), Some(&next), NOW).await.unwrap() {
                            Swapped::Done(_) => break,
                            Swapped::Stale(newer) => current = newer.unwrap(),
                        }
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(load(&stores[0], &key).await.unwrap()[Value::HEADER_BYTES..], 160_u32.to_be_bytes(), "{kind:?}");
    }
}
