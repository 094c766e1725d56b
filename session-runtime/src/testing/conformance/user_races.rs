//! Sign-ins of one user at the same time. B41

use std::{pin::pin, sync::Arc, task::Poll};

use super::{
    account::{Account, key, settled},
    races::race,
    subject::{NOW, Sentence as _, Subject, answered, create, update},
};
use crate::store::{Applied, Change, ENTRY_GRACE, Key, UserIndex};

pub(super) async fn entries_of_many_at_once_all_stand<S: UserIndex>(store: Arc<S>) {
    let said = race(8, |racer| {
        let (own, shared) = (Account::of(&store, &[racer as u8]), Account::of(&store, b"shared"));
        async move {
            let mut keys = Vec::new();
            for _ in 0..10 {
                keys.extend(own.enter_some(1).await);
                shared.enter(&keys[keys.len() - 1]).await;
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

pub(super) async fn who_leaves_takes_nobody_along<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let before = ada.enter_some(40).await;
    let came = race(8, |racer| {
        let ada = ada.clone();
        let leaving = before[racer * 4..racer * 4 + 4].to_vec();
        async move {
            if racer < 4 {
                ada.leave(&leaving[..1]).await;
                ada.leave(&leaving[1..]).await;
                return Vec::new();
            }
            let mut came = ada.enter_some(10).await;
            // Who comes and goes is gone.
            ada.leave(&[came.remove(7), leaving[0]]).await;
            came
        }
    })
    .await;
    let entries = ada.entries().await;
    let left = |index: usize| index < 16 || index < 32 && index.is_multiple_of(4);
    let stayed: Vec<Key> = (0..40).filter(|index| !left(*index)).map(|index| before[index]).collect();
    assert_eq!(entries[..20], stayed, "those who were there and stayed");
    assert_eq!(entries.len(), 20 + 4 * 9);
    for came in came {
        let here: Vec<Key> = entries.iter().filter(|entry| came.contains(entry)).copied().collect();
        assert_eq!(here, came, "in the order in which they came");
    }
}

pub(super) async fn several_leave_at_once<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    for _ in 0..20 {
        let keys = ada.enter_some(30).await;
        race(3, |racer| {
            let (ada, keys) = (ada.clone(), keys.clone());
            async move {
                if racer == 0 {
                    return ada.leave(&keys[1..]).await;
                }
                for _ in 0..5 {
                    let entries = ada.entries().await;
                    assert!(entries == keys || entries == keys[..1], "half of them left");
                }
            }
        })
        .await;
        ada.leave(&keys).await;
    }
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
                ada.enter_at(&session.key, settled()).await;
                session.write(&create().signing_in(b"ada", settled())).await;
                assert!(ada.entries().await.contains(&session.key));
            }
        }
    })
    .await;
    assert_eq!(ada.entries_after_cleaning(settled() + ENTRY_GRACE).await.len(), 50);
}

// B28
pub(super) async fn an_entry_given_up_is_there_or_not<S: UserIndex>(store: Arc<S>) {
    let ada = Account::of(&store, b"ada");
    let first = ada.enter_some(1).await[0];
    for polls in 0..20 {
        // What was given up may still come, also after what was asked later: over another connection, for one.
        let listed = async |keys: &[Key]| {
            let mut entries = ada.entries().await;
            entries.retain(|entry| keys.contains(entry));
            entries
        };
        let (new, given_up) = (key(), key());
        ada.enter(&new).await;
        give_up(store.enter(&ada.user, &given_up, NOW), polls % 4).await;
        ada.enter(&first).await;
        assert!(listed(&[new, first]).await == [new, first], "another entry went, or moved");
        assert!(listed(&[given_up]).await.len() <= 1, "it is there twice");

        let new = [key(), key()];
        ada.enter(&new[0]).await;
        ada.enter(&new[1]).await;
        give_up(store.leave(&ada.user, &new), polls % 4).await;
        ada.enter(&first).await;
        let entries = listed(&[new[0], new[1], first]).await;
        assert!(entries == [new[0], new[1], first] || entries == [first], "{} entries", entries.len());
        ada.leave(&new).await;
        assert!(listed(&[new[0], new[1], first]).await == [first]);
    }
}

/// Lets go of a call after it was polled this many times, and once more.
async fn give_up(call: impl Future, polls: u32) {
    let mut call = pin!(call);
    let mut left = polls + 1;
    std::future::poll_fn(|context| {
        left -= 1;
        if call.as_mut().poll(context).is_ready() || left == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
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
                        ada.end_all().await;
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
        ada.end_all().await;
        assert!(ada.entries().await.is_empty());
    }
}

async fn sign_in<S: UserIndex>(ada: &Account<S>, session: Subject<S>, change: &Change) -> Option<Subject<S>> {
    ada.enter(&session.key).await;
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
