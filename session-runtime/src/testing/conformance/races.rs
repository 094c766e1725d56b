//! Requests at the same time. Each race is run many times, with all its racers let go at once.

use std::{pin::pin, sync::Arc, task::Poll};

use tokio::{sync::Barrier, task::JoinSet};

use super::subject::{
    APPLIED, NOW, RENEWED, Sentence as _, Subject, after, answered, by_timer, create, digest, update,
};
use crate::store::{Applied, Change, Renew, Store};

/// Lets `racers` tasks go at once, each with its number, and gathers what they say.
pub(super) async fn race<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    racers: usize,
    racer: impl Fn(usize) -> F,
) -> Vec<T> {
    let start = Arc::new(Barrier::new(racers));
    let mut tasks = JoinSet::new();
    for number in 0..racers {
        let (start, run) = (start.clone(), racer(number));
        tasks.spawn(async move {
            start.wait().await;
            (number, run.await)
        });
    }
    let mut said = tasks.join_all().await;
    said.sort_by_key(|(number, _)| *number);
    said.into_iter().map(|(_, said)| said).collect()
}

// B21
pub(super) async fn additions_at_once_are_all_counted<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    race(8, |racer| {
        let session = session.clone();
        async move {
            for _ in 0..50 {
                session.write(&update().adding("n", 1 + racer as i128)).await;
            }
        }
    })
    .await;
    assert_eq!(session.number("n").await, Some(50 * (1..=8).sum::<i128>()));
}

// B21
pub(super) async fn swaps_at_once_are_all_in<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("list", b"")).await;
    race(8, |racer| {
        let session = session.clone();
        async move {
            for _ in 0..10 {
                loop {
                    let before = session.value("list").await.expect("the list");
                    let after = [before.as_slice(), &[racer as u8]].concat();
                    match session.apply(&update().expecting("list", Some(&before)).setting("list", after)).await {
                        Applied::Conflict => {}
                        answer => break assert_eq!(answer, APPLIED),
                    }
                }
            }
        }
    })
    .await;
    let list = session.value("list").await.expect("the list");
    let count = |racer: u8| list.iter().filter(|entry| **entry == racer).count();
    assert_eq!((0..8).map(count).collect::<Vec<_>>(), [10; 8], "of 10 entries by each");
}

// B19
pub(super) async fn disjoint_fields_at_once_all_stay<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for round in 0..25_u8 {
        race(8, |racer| {
            let session = session.clone();
            async move { session.write(&update().setting(format!("field {racer}"), [round])).await }
        })
        .await;
        let fields = session.seen().await.fields;
        assert_eq!(fields.len(), 8);
        assert!(fields.values().all(|(value, _)| value == &[round]), "in round {round}: {fields:?}");
    }
}

// S10
pub(super) async fn one_create_of_many_wins<S: Store>(store: Arc<S>) {
    for _ in 0..25 {
        let session = Subject::absent(&store);
        let answers = race(8, |racer| {
            let session = session.clone();
            let create = Change::create(digest(racer as u8), NOW, after(30), after(720)).setting("by", [racer as u8]);
            async move { session.apply(&create).await }
        })
        .await;
        let winners: Vec<_> = (0..8).filter(|racer| answers[*racer] == APPLIED).collect();
        assert_eq!(winners.len(), 1, "of {answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == Applied::Conflict).count(), 7);
        let seen = session.seen().await;
        let winner = winners[0] as u8;
        assert_eq!((seen.record.verifier, seen.fields["by"].0.as_slice()), (digest(winner), &[winner][..]));
    }
}

// S11
pub(super) async fn one_timer_renewal_of_many_wins<S: Store>(store: Arc<S>) {
    for _ in 0..25 {
        let session = Subject::created(&store).await;
        let answers = race(8, |racer| {
            let session = session.clone();
            let renew = by_timer(digest(1), digest(10 + racer as u8));
            async move { session.apply(&update().renewing(renew).adding("n", 1)).await }
        })
        .await;
        let winners: Vec<_> = (0..8).filter(|racer| answers[*racer] == RENEWED).collect();
        assert_eq!(winners.len(), 1, "of {answers:?}");
        assert_eq!(session.seen().await.record.verifier, digest(10 + winners[0] as u8));
        assert_eq!(session.number("n").await, Some(8), "the losers' fields apply");
    }
}

// B23
pub(super) async fn one_privilege_renewal_of_many_wins<S: Store>(store: Arc<S>) {
    for _ in 0..25 {
        let session = Subject::created(&store).await;
        let answers = race(8, |racer| {
            let session = session.clone();
            let renew = Renew::Privilege { to: digest(10 + racer as u8) };
            async move { session.apply(&update().renewing(renew).adding("n", 1)).await }
        })
        .await;
        let winners: Vec<_> = (0..8).filter(|racer| answers[*racer] == RENEWED).collect();
        assert_eq!(winners.len(), 1, "of {answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == Applied::Moved).count(), 7);
        let record = session.seen().await.record;
        assert_eq!((record.verifier, record.generation), (digest(10 + winners[0] as u8), 1));
        assert_eq!(session.number("n").await, Some(1));
    }
}

// B22, S12
pub(super) async fn what_is_deleted_while_written_stays_deleted<S: Store>(store: Arc<S>) {
    for _ in 0..100 {
        let session = Subject::created_by(&store, &create().setting("a", b"1")).await;
        race(4, |racer| {
            let session = session.clone();
            async move {
                if racer == 0 {
                    return session.delete().await;
                }
                for _ in 0..3 {
                    let answer = session.apply(&update().setting("a", b"2").touching(after(60))).await;
                    assert!(matches!(answer, APPLIED | Applied::Gone), "it answered {answer:?}");
                }
            }
        })
        .await;
        assert_eq!(session.load(NOW).await, None, "a deleted session must not come back");
        assert_eq!(session.apply(&update()).await, Applied::Gone);
    }
}

// B28
pub(super) async fn a_write_given_up_is_whole_or_nothing<S: Store>(store: Arc<S>) {
    for polls in 0..40 {
        let session = Subject::created_by(&store, &create().setting("a", b"old").setting("b", b"old")).await;
        let change = update().setting("a", b"new").setting("b", b"new").adding("n", 1);
        {
            let mut apply = pin!(store.apply(&session.key, &change, NOW));
            let mut left = polls % 4 + 1;
            std::future::poll_fn(|context| {
                left -= 1;
                if apply.as_mut().poll(context).is_ready() || left == 0 { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        // Waits for its turn behind what may still be going on, or settles it.
        session.write(&change).await;
        let fields = session.seen().await.fields;
        assert_eq!((&*fields["a"].0, &*fields["b"].0), (&b"new"[..], &b"new"[..]));
        assert_eq!(session.number("n").await, Some(1));
    }
}

// B35
pub(super) async fn a_reader_never_sees_half_a_change<S: Store>(store: Arc<S>) {
    let value = |seed: u8| vec![seed; 3_000];
    let session = Subject::created_by(&store, &create().setting("a", value(0)).setting("b", value(0))).await;
    race(4, |racer| {
        let session = session.clone();
        async move {
            for round in 0..50 {
                if racer < 2 {
                    let seed = round * 2 + racer as u8;
                    session.write(&update().setting("a", value(seed)).setting("b", value(seed))).await;
                } else {
                    let fields = session.seen().await.fields;
                    assert!(fields["a"].0 == fields["b"].0 && fields["a"].0.len() == 3_000, "half a change");
                }
            }
        }
    })
    .await;
}

// B16: a touch that came just in time counts.
pub(super) async fn cleaning_up_while_written_removes_nothing_live<S: Store>(store: Arc<S>) {
    for _ in 0..25 {
        let session = Subject::created(&store).await;
        let answers = race(3, |racer| {
            let session = session.clone();
            async move {
                match racer {
                    0 => Some(session.apply_at(&update().touching(after(60)), after(29)).await),
                    1 => Some(session.apply_at(&update().adding("n", 1), after(29)).await),
                    _ => {
                        answered(session.store.delete_expired(after(31)).await);
                        None
                    }
                }
            }
        })
        .await;
        // What was cleaned up before the touch came is gone whole; what was touched stays.
        let touched = answers[0] == Some(APPLIED);
        assert!(touched || answers[0] == Some(Applied::Gone));
        assert_eq!(session.load(after(45)).await.is_some(), touched, "after {answers:?}");
    }
}
