//! Compare-and-swap on each database: the store's answers, for any bytes.

use session_runtime::{
    Timestamp,
    store::{Position, Revision, Store as _, Swapped, Value, Versioned},
};

use crate::{
    everywhere, key,
    values::{NOW, content, create, empty, load, put, value},
};

fn stale(swapped: Swapped) -> Option<Versioned> {
    match swapped {
        Swapped::Stale(current) => current,
        Swapped::Done(_) => panic!("the value was written"),
    }
}

#[tokio::test]
async fn a_refused_swap_writes_nothing_and_returns_the_current_value_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let key = key();
        let [first, second, third] = [b"1", b"2", b"3"].map(|content| value(Timestamp::NEVER, content));
        let swap = async |before: Option<&Versioned>, after: Option<&Value>| {
            store.swap(&key, before, after, NOW).await.unwrap()
        };
        assert!(stale(swap(Some(&Versioned::new(first.clone())), Some(&second)).await).is_none());
        assert!(stale(swap(Some(&Versioned::new(first.clone())), None).await).is_none());
        assert!(matches!(swap(None, None).await, Swapped::Done(_)), "the key holds nothing");
        put(&store, &key, &first).await;
        let old = load(&store, &key).await.unwrap();
        assert_eq!(old.revision(), &Revision::from(first.revision()));
        // Repeats the swap, as after a lost answer.
        assert_eq!(content(&stale(swap(None, Some(&first)).await).unwrap()), b"1");
        assert_eq!(content(&stale(swap(None, Some(&second)).await).unwrap()), b"1");
        assert_eq!(content(&stale(swap(None, None).await).unwrap()), b"1");
        assert!(
            matches!(swap(Some(&old), Some(&second)).await, Swapped::Done(revision) if revision == second.revision().into())
        );
        assert_eq!(content(&stale(swap(Some(&old), Some(&third)).await).unwrap()), b"2");
        assert_eq!(content(&stale(swap(Some(&old), None).await).unwrap()), b"2");
        let foreign = Versioned::with_revision(second.clone(), "an ETag");
        let refused = store.swap(&key, Some(&foreign), Some(&third), NOW).await.unwrap_err();
        assert!(refused.to_string().contains("\"an ETag\" is of another store"), "{refused}");
        assert_eq!(content(&load(&store, &key).await.unwrap()), b"2");
        let newer = load(&store, &key).await.unwrap();
        assert!(matches!(swap(Some(&newer), None).await, Swapped::Done(_)));
        assert!(load(&store, &key).await.is_none());
        assert!(stale(swap(Some(&newer), None).await).is_none());
        drop(folder);
    }
}

#[tokio::test]
async fn an_expired_value_is_swapped_like_any_other_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let key = create(&store, &value(Timestamp::from_millis(1), b"old")).await;
        let expired = stale(store.swap(&key, None, Some(&empty()), NOW).await.unwrap()).unwrap();
        assert_eq!(content(&expired), b"old");
        let swapped = store.swap(&key, Some(&expired), Some(&empty()), NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)));
        drop(folder);
    }
}

#[tokio::test]
async fn any_bytes_are_stored_unchanged_on_sqlite_postgres_and_mariadb() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let large = every_byte.repeat(2_000);
    let extreme = |revision: u64| [&revision.to_be_bytes()[..], b"\0'\\?$1"].concat();
    let all = [
        Vec::new(),
        b"short".to_vec(),
        extreme(0),
        extreme(u64::MAX),
        extreme(1 << 63),
        value(Timestamp::from_millis((1 << 48) - 2), &every_byte).to_bytes().to_vec(),
        value(NOW, &large).to_bytes().to_vec(),
    ];
    for (store, folder) in everywhere().await {
        for bytes in &all {
            let written = Value::from_bytes(bytes.clone());
            let key = create(&store, &written).await;
            let found = load(&store, &key).await.unwrap();
            assert_eq!(found.value().to_bytes(), bytes[..]);
            assert_eq!(found.revision(), &Revision::from(written.revision()));
            let replaced = store.swap(&key, Some(&found), Some(&empty()), NOW).await.unwrap();
            assert!(matches!(replaced, Swapped::Done(_)));
            let found = load(&store, &key).await.unwrap();
            let replaced = store.swap(&key, Some(&found), Some(&written), NOW).await.unwrap();
            assert!(matches!(replaced, Swapped::Done(_)));
            assert_eq!(load(&store, &key).await.unwrap().value().to_bytes(), bytes[..]);
        }
        drop(folder);
    }
}

#[tokio::test]
async fn a_scan_finds_every_live_value_once_on_sqlite_postgres_and_mariadb() {
    for (store, folder) in everywhere().await {
        let mut expected = Vec::new();
        for number in 0..600_u64 {
            let until = if number % 10 == 0 { Timestamp::from_millis(5) } else { Timestamp::NEVER };
            let value = value(until, &number.to_be_bytes());
            let key = create(&store, &value).await;
            if number % 10 > 0 {
                expected.push((key.digest(), value.to_bytes()));
            }
        }
        let (mut found, mut next) = (Vec::new(), Some(Position::start()));
        while let Some(from) = next {
            let batch = store.scan(&from, NOW).await.unwrap().unwrap();
            found.extend(batch.values.iter().map(|(key, found)| (key.digest(), found.value().to_bytes())));
            next = batch.next;
        }
        expected.sort();
        assert_eq!(found, expected);
        assert!(store.scan(&Position::new(*b"elsewhere"), NOW).await.is_err());
        drop(folder);
    }
}
