//! Scripts: a server that has forgotten them is told once more, and large changes are within their limits.

use session_runtime::store::{Applied, Expect, Store, UserIndex};
use tests::records::{NOW, add, create, load, read, set, update, user, write};

use crate::{filled, key, server};

#[tokio::test]
async fn scripts_survive_script_flush() {
    let Some((server, store)) = server().await else { return };
    let key = key();
    write(&store, &key, &filled()).await;
    server.ask::<String>(&["SCRIPT", "FLUSH"]).unwrap();
    server.reset_command_stats();
    write(&store, &key, &set(update(), "a", [1])).await;
    write(&store, &key, &set(update(), "a", [2])).await;
    let stats = server.command_stats();
    assert_eq!((stats.calls("evalsha"), stats.calls("eval")), (2, 1), "told once: {stats:?}");
    server.ask::<String>(&["SCRIPT", "FLUSH"]).unwrap();
    store.enter(&user(), &key, NOW).await.unwrap();
    assert_eq!(store.entries(&user()).await.unwrap().len(), 1);
    assert_eq!(read(&store, &key, "a").await, Some(vec![2]));
}

/// Lua's stack takes some eight thousand values.
#[tokio::test]
async fn changes_of_ten_thousand_fields() {
    let Some((_server, store)) = server().await else { return };
    let key = key();
    let names = |prefix: &'static str| (0..10_000_u32).map(move |number| format!("{prefix}{number}"));
    let mut create = create();
    for name in names("a") {
        create = set(create, name, [1]);
    }
    write(&store, &key, &create).await;
    assert_eq!(load(&store, &key).await.unwrap().fields.iter().count(), 10_000);

    let mut change = update();
    for (number, name) in names("a").enumerate() {
        change.expect.push(Expect { name: name.clone().into(), value: Some(vec![1]) });
        match number % 3 {
            0 => change = add(change, name, 2),
            1 => change.unset.push(name.into()),
            _ => {}
        }
    }
    for name in names("b") {
        change = set(change, name, [7]);
    }
    let mut refused = change.clone();
    refused.nonce = session_runtime::store::Nonce::next();
    refused.expect[9_999].value = None;
    assert_eq!(store.apply(&key, &refused, NOW).await.unwrap(), Applied::Conflict);
    write(&store, &key, &change).await;
    let fields = load(&store, &key).await.unwrap().fields;
    assert_eq!(fields.iter().count(), 6_667 + 10_000);
    let values = ["a0", "a1", "a2", "a9999", "b9999"].map(|name| fields.get(name).map(|entry| entry.value.to_vec()));
    assert_eq!(values, [Some(vec![3]), None, Some(vec![1]), Some(vec![3]), Some(vec![7])]);

    let mut keep = update();
    keep.keep = Some(names("b").step_by(2).map(Into::into).collect());
    write(&store, &key, &keep).await;
    assert_eq!(load(&store, &key).await.unwrap().fields.iter().count(), 5_000);
}
