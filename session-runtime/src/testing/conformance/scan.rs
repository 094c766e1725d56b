//! Going through all sessions.

use std::{collections::HashMap, sync::Arc};

use super::{
    races::race,
    subject::{APPLIED, NOW, Sentence as _, Subject, after, answered, create, ending, update},
};
use crate::{
    clock::Timestamp,
    store::{Key, Position, Record, Scan},
};

/// All that a scan finds. One that takes no end is none.
async fn all<S: Scan>(store: &Arc<S>, now: Timestamp) -> HashMap<Key, Arc<Record>> {
    let mut found = HashMap::new();
    let mut next = Some(Position::start());
    for _ in 0..20_000 {
        let Some(from) = next else { return found };
        let batch = answered(store.scan(&from, now).await);
        assert!(batch.sessions.len() <= 2_000, "{} sessions in one batch", batch.sessions.len());
        found.extend(batch.sessions);
        next = batch.next;
    }
    panic!("the scan does not come to an end");
}

pub(super) async fn an_empty_store_has_no_sessions<S: Scan>(store: Arc<S>) {
    assert!(all(&store, NOW).await.is_empty());
}

pub(super) async fn every_live_session_is_found_as_it_is<S: Scan>(store: Arc<S>) {
    let mut sessions = Vec::new();
    for number in 0..700_i128 {
        sessions.push(Subject::created_by(&store, &create().adding("number", number)).await);
    }
    let found = all(&store, NOW).await;
    assert_eq!(found.len(), sessions.len());
    for session in &sessions {
        let record = answered(store.load(&session.key, NOW).await).expect("it is there");
        let scanned = found.get(&session.key).expect("every session is found");
        assert_eq!((scanned.verifier, scanned.seen_at), (record.verifier, record.seen_at));
        assert_eq!(scanned.fields, record.fields);
    }
}

pub(super) async fn what_ended_is_not_found<S: Scan>(store: Arc<S>) {
    let (stays, expires) = (Subject::created(&store).await, Subject::created(&store).await);
    let (deleted, ended) = (Subject::created(&store).await, Subject::created(&store).await);
    stays.write(&update().touching(after(60))).await;
    deleted.delete().await;
    assert_eq!(ended.end(&ending(0)).await, APPLIED);
    let found = |now| {
        let store = store.clone();
        async move { all(&store, now).await.into_keys().collect::<std::collections::HashSet<_>>() }
    };
    assert_eq!(found(after(29)).await, [stays.key, expires.key].into());
    assert_eq!(found(after(30)).await, [stays.key].into());
}

pub(super) async fn what_comes_and_goes_hides_nobody<S: Scan>(store: Arc<S>) {
    let mut stay = Vec::new();
    for _ in 0..100 {
        stay.push(Subject::created(&store).await);
    }
    let keys: Vec<Key> = stay.iter().map(|session| session.key).collect();
    race(4, |racer| {
        let (store, keys, stay) = (store.clone(), keys.clone(), stay.clone());
        async move {
            for written in stay.iter().take(10) {
                match racer {
                    0 => {
                        let found = all(&store, NOW).await;
                        assert!(keys.iter().all(|key| found.contains_key(key)), "a live session was not found");
                    }
                    1 => written.write(&update().setting("theme", b"dark")).await,
                    _ => {
                        let passing = Subject::created(&store).await;
                        passing.delete().await;
                    }
                }
            }
        }
    })
    .await;
}

pub(super) async fn a_position_of_elsewhere_is_an_error<S: Scan>(store: Arc<S>) {
    let nowhere = Position::new(*b"\xff no position of any store");
    assert!(store.scan(&nowhere, NOW).await.is_err());
}
