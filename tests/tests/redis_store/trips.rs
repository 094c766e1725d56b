//! Each call takes one round trip, or at most two if it is refused. It sends exactly the intended commands.

use session_runtime::{RedisStore, store::Store};
use tests::servers::{Kind, Options, Proxy, RedisServer};

use crate::{
    key, server,
    values::{NOW, create, load, refused, remove, replace, value},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_is_one_round_trip_and_a_refusal_two_at_most() {
    for kind in Kind::ALL {
        let Some(server) = RedisServer::start(kind, Options::default()) else { continue };
        let proxy = Proxy::start(server.addr());
        let store = RedisStore::open(&server.url_through(&proxy)).await.unwrap();
        let key = key();
        let mut before = proxy.round_trips();
        let mut trips = || {
            let now = proxy.round_trips();
            now - std::mem::replace(&mut before, now)
        };
        let old = create(&store, &key, &value("one")).await;
        assert_eq!(trips(), 1, "{kind:?}: a new value");
        load(&store, &key).await.unwrap();
        assert_eq!(trips(), 1, "{kind:?}: a load");
        let held = replace(&store, &key, &old, &value("two")).await;
        assert_eq!(trips(), 1, "{kind:?}: a write");
        refused(store.swap(&key, Some(&old), Some(&value("late")), NOW).await);
        assert_eq!(trips(), if kind.has_ifeq() { 2 } else { 1 }, "{kind:?}: a refused write");
        refused(store.swap(&key, None, Some(&value("late")), NOW).await);
        assert_eq!(trips(), 2, "{kind:?}: a new value for a key that holds one");
        remove(&store, &key, &held).await;
        assert_eq!(trips(), 1, "{kind:?}: a removal");
        store.delete_expired(NOW).await.unwrap();
        assert_eq!(trips(), 0, "{kind:?}: cleaning up");
    }
}

#[tokio::test]
async fn each_call_is_one_command_or_one_script() {
    for kind in Kind::ALL {
        let Some((server, store)) = server(kind).await else { continue };
        let key = key();
        let did = |expected: &[(&str, u64)]| {
            let stats = server.command_stats();
            assert_eq!(
                stats.all().iter().map(|(name, calls)| (name.as_str(), *calls)).collect::<Vec<_>>(),
                expected,
                "{kind:?}"
            );
            server.reset_command_stats();
        };
        server.reset_command_stats();
        let held = create(&store, &key, &value("one")).await;
        did(&[("set", 1)]);
        load(&store, &key).await.unwrap();
        did(&[("get", 1)]);
        let held = replace(&store, &key, &held, &value("two")).await;
        if kind.has_ifeq() {
            did(&[("set", 1)])
        } else {
            did(&[("evalsha", 1), ("getrange", 1), ("set", 1)])
        }
        remove(&store, &key, &held).await;
        did(&[("del", 1), ("evalsha", 1), ("getrange", 1), ("publish", 1)]);
    }
}
