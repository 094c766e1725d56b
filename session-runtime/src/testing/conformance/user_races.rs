//! Sign-ins of one user at the same time. B41, S23

use std::{collections::HashSet, pin::pin, sync::Arc, task::Poll};

use super::{
    account::{Account, at_most, key, make_room, settled},
    races::race,
    subject::{NOW, Sentence as _, Subject, answered, create, update},
};
use crate::store::{Applied, Entered, Key, Leaving, Room, UserIndex};

pub(super) async fn fifty_that_make_room_leave_three<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let keys: Vec<Key> = (0..50).map(|_| key()).collect();
    let answers = race(50, |racer| {
        let (ada, key) = (ada.clone(), keys[racer]);
        async move { ada.enter(&key, make_room(3)).await }
    })
    .await;
    let mut seen = ada.entries().await;
    assert_eq!(seen.len(), 3);
    for answer in answers {
        match answer {
            Entered::Entered { left } => seen.extend(left),
            Entered::Full => panic!("room was to be made"),
        }
    }
    assert_eq!(seen.len(), 50, "each is there or left once");
    assert_eq!(HashSet::from_iter(seen), HashSet::<Key>::from_iter(keys));
}

pub(super) async fn fifty_at_most_three_admit_three<S: UserIndex>(store: Arc<S>) {
    for _ in 0..4 {
        let ada = Account::of(&store, b"ada");
        let keys: Vec<Key> = (0..50).map(|_| key()).collect();
        let answers = race(50, |racer| {
            let (ada, key) = (ada.clone(), keys[racer]);
            async move { ada.enter(&key, at_most(3)).await }
        })
        .await;
        let entries = ada.leave(Leaving::All).await;
        assert_eq!(entries.len(), 3);
        for (key, answer) in keys.iter().zip(answers) {
            let expected = if entries.contains(key) { Entered::Entered { left: vec![] } } else { Entered::Full };
            assert_eq!(answer, expected);
        }
    }
}

pub(super) async fn entries_of_many_at_once_all_stand<S: UserIndex>(store: Arc<S>) {
    let said = race(8, |racer| {
        let (own, shared) = (Account::of(&store, &[racer as u8]), Account::of(&store, b"shared"));
        async move {
            let mut keys = Vec::new();
            for _ in 0..10 {
                keys.extend(own.admit_some(1).await);
                shared.admit(&keys[keys.len() - 1]).await;
            }
            assert_eq!(own.entries().await, keys);
            keys
        }
    })
    .await;
    let entries = Account::of(&store, b"shared").entries().await;
    assert_eq!(entries.len(), 80);
    for keys in said {
        let here: Vec<Key> = entries.iter().filter(|entry| keys.contains(entry)).copied().collect();
        assert_eq!(here, keys, "in the order in which they came");
    }
}

pub(super) async fn each_entry_leaves_once<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let before = ada.admit_some(20).await;
    let said = race(8, |racer| {
        let ada = ada.clone();
        let one = before[racer];
        async move {
            match racer {
                0..3 => (Vec::new(), ada.leave(Leaving::All).await),
                3 => (Vec::new(), ada.leave(Leaving::AllBut(&one)).await),
                4 => (Vec::new(), ada.leave(Leaving::One(&one)).await),
                _ => (ada.admit_some(10).await, Vec::new()),
            }
        }
    })
    .await;
    let (came, left): (Vec<_>, Vec<_>) = said.into_iter().unzip();
    let came: Vec<Key> = came.concat().into_iter().chain(before).collect();
    let left: Vec<Key> = left.concat().into_iter().chain(ada.entries().await).collect();
    assert_eq!((came.len(), left.len()), (50, 50));
    assert_eq!(HashSet::<Key>::from_iter(came), HashSet::from_iter(left));
}

pub(super) async fn cleaning_up_takes_no_arrival<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    race(6, |racer| {
        let ada = ada.clone();
        async move {
            for _ in 0..10 {
                if racer == 0 {
                    answered(ada.store.delete_expired(settled()).await);
                    continue;
                }
                let session = Subject::absent(&ada.store);
                answered(ada.store.enter(&ada.user, &session.key, Room::Any, settled()).await);
                session.write(&create().signing_in(b"ada", settled())).await;
                assert!(ada.entries().await.contains(&session.key));
            }
        }
    })
    .await;
    assert_eq!(ada.entries_after_cleaning(settled() + crate::store::ENTRY_GRACE).await.len(), 50);
}

// B28
pub(super) async fn an_entry_given_up_is_there_or_not<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let first = ada.admit_some(1).await[0];
    for polls in 0..20 {
        let new = key();
        {
            let mut enter = pin!(store.enter(&ada.user, &new, make_room(2), NOW));
            let mut left = polls % 4 + 1;
            std::future::poll_fn(|context| {
                left -= 1;
                if enter.as_mut().poll(context).is_ready() || left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        // Waits for its turn behind what may still be going on.
        ada.enter(&first, make_room(2)).await;
        let entries = ada.entries().await;
        assert!(entries.len() <= 2 && entries.last() == Some(&first), "{entries:?}");
        ada.leave(Leaving::AllBut(&first)).await;
    }
}

/// Sign-ins in three steps, while all sessions of the user are ended: whoever is signed in afterwards is on the list.
pub(super) async fn no_session_outlives_the_end_of_all<S: UserIndex>(store: Arc<S>) {
    for _ in 0..25 {
        let ada = Account::of(&store, b"ada");
        let before = ada.sign_in().await;
        let guest = Subject::created(&store).await;
        let said = race(5, |racer| {
            let (ada, guest) = (ada.clone(), guest.clone());
            async move {
                match racer {
                    0 => {
                        end_all(&ada).await;
                        None
                    }
                    1 => sign_in(&ada, guest, &update()).await,
                    _ => sign_in(&ada, Subject::absent(&ada.store), &create()).await,
                }
            }
        })
        .await;
        assert_eq!(before.load(NOW).await, None);
        let entries = ada.entries().await;
        for session in said.into_iter().flatten() {
            let listed = entries.contains(&session.key);
            assert!(listed || session.load(NOW).await.is_none(), "a live session is not on the list");
        }
        end_all(&ada).await;
    }
}

async fn sign_in<S: UserIndex>(
    ada: &Account<S>,
    session: Subject<S>,
    change: &crate::store::Change,
) -> Option<Subject<S>> {
    ada.admit(&session.key).await;
    let change = change.clone().signing_in(ada.user.as_bytes(), NOW);
    let answer = session.apply(&change).await;
    if !matches!(answer, Applied::Applied { .. }) {
        return None;
    }
    if !ada.entries().await.contains(&session.key) {
        session.delete().await;
    }
    Some(session)
}

async fn end_all<S: UserIndex>(ada: &Account<S>) {
    for key in ada.entries().await {
        answered(ada.store.delete(&key).await);
    }
    for key in ada.leave(Leaving::All).await {
        answered(ada.store.delete(&key).await);
    }
}
