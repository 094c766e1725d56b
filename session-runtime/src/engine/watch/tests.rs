use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Fate, Next, Subject, Watcher, Watches};
use crate::{clock::Timestamp, event::SessionEnd, key::Key};

const EVERY: Duration = Duration::from_secs(15);
const NOW: Timestamp = Timestamp::from_millis(1_000_000);
const LIVE: Fate = live(0);

const fn live(generation: u64) -> Fate {
    Fate::Live { generation, signed_in: true, expires_at: Timestamp::from_millis(1_000_000 + 3_600_000) }
}

fn subject(number: u8, generation: u64) -> Subject {
    let key = Key::from_digest([number; 16]);
    Subject { key, generation, signed_in: true, expires_at: Timestamp::from_millis(1_000_000 + 3_600_000) }
}

fn watch(watches: &Watches, number: u8, generation: u64) -> (Key, Arc<Watcher>) {
    let subject = subject(number, generation);
    (subject.key, watches.add(&subject))
}

/// Begins a look at the sessions that are due once `after` has passed.
fn due(watches: &Watches, after: Duration) -> Vec<Key> {
    watches.take_due(Instant::now() + after, 64).0.keys
}

/// Ends the look that is in progress at this session, with this result.
fn judge(watches: &Watches, key: &Key, fate: Fate) {
    let look = watches.lock().sessions.get(key).and_then(|entry| match entry.next {
        Next::Looking { look, .. } => Some(look),
        Next::At(_) => None,
    });
    watches.judge(look.unwrap_or_default(), key, NOW, |_| fate);
}

// B62: the session may have ended between the request's load and the watch.
#[tokio::test]
async fn a_session_is_due_when_its_watch_begins_and_then_within_the_interval() {
    let watches = Watches::new(EVERY);
    let (key, _watcher) = watch(&watches, 1, 0);
    assert_eq!(due(&watches, Duration::ZERO), [key]);
    assert!(due(&watches, EVERY).is_empty(), "a look is in progress");
    judge(&watches, &key, LIVE);
    assert!(due(&watches, Duration::ZERO).is_empty());
    assert!(due(&watches, EVERY / 2).is_empty());
    assert_eq!(due(&watches, EVERY), [key]);
}

#[tokio::test]
async fn a_session_is_due_as_soon_as_its_deadline_passes() {
    let watches = Watches::new(EVERY);
    let (key, _watcher) = watch(&watches, 1, 0);
    due(&watches, Duration::ZERO);
    let soon = NOW + Duration::from_secs(1);
    judge(&watches, &key, Fate::Live { generation: 0, signed_in: true, expires_at: soon });
    assert_eq!(due(&watches, Duration::from_millis(1_100)), [key]);
}

#[tokio::test]
async fn a_message_makes_a_session_due_at_once() {
    let watches = Watches::new(EVERY);
    let (key, _watcher) = watch(&watches, 1, 0);
    due(&watches, Duration::ZERO);
    judge(&watches, &key, LIVE);
    watches.hint(&Key::from_digest([2; 16]));
    assert!(due(&watches, Duration::ZERO).is_empty(), "a message about another session does not make this one due");
    watches.hint(&key);
    assert_eq!(due(&watches, Duration::ZERO), [key]);
    // The look in progress may have read the session before it ended.
    watches.hint(&key);
    judge(&watches, &key, LIVE);
    assert_eq!(due(&watches, Duration::ZERO), [key]);
}

#[tokio::test]
async fn each_watcher_is_judged_by_the_generation_that_it_saw() {
    let watches = Watches::new(EVERY);
    let (key, before) = watch(&watches, 1, 0);
    let (_, after) = watch(&watches, 1, 1);
    due(&watches, Duration::ZERO);
    judge(&watches, &key, live(1));
    assert_eq!((before.end.get(), after.end.get()), (Some(&SessionEnd::Superseded), None));
    due(&watches, EVERY);
    judge(&watches, &key, Fate::Live { generation: 2, signed_in: false, expires_at: NOW });
    assert_eq!(after.end.get(), Some(&SessionEnd::LoggedOut));
    assert!(watches.lock().sessions.is_empty() && watches.lock().due.is_empty());
}

#[tokio::test]
async fn a_watch_that_is_dropped_leaves_nothing_behind() {
    let watches = Watches::new(EVERY);
    let (key, first) = watch(&watches, 1, 0);
    let (_, second) = watch(&watches, 1, 0);
    watches.remove(key, &first);
    assert_eq!(watches.lock().sessions.len(), 1);
    due(&watches, Duration::ZERO);
    assert!(matches!(watches.lock().sessions[&key].next, Next::Looking { again: false, .. }));
    watches.remove(key, &second);
    judge(&watches, &key, LIVE);
    assert!(watches.lock().sessions.is_empty() && watches.lock().due.is_empty());
    assert_eq!(watches.count.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn looks_at_many_sessions_spread_out() {
    let watches = Watches::new(EVERY);
    let keys: Vec<_> = (0..64).map(|number| watch(&watches, number, 0)).collect();
    due(&watches, Duration::ZERO);
    for (key, _) in &keys {
        judge(&watches, key, LIVE);
    }
    let early = due(&watches, EVERY * 7 / 8).len();
    assert!(
        (8..56).contains(&early),
        "{early} of 64 sessions are due in the first half of the last quarter of the interval"
    );
}

// B62: the look began before the session got the id under which the second watch began.
#[tokio::test]
async fn a_look_does_not_count_for_a_watch_that_began_after_it() {
    let watches = Watches::new(EVERY);
    let (key, before) = watch(&watches, 1, 0);
    due(&watches, Duration::ZERO);
    let (_, after) = watch(&watches, 1, 1);
    judge(&watches, &key, LIVE);
    assert_eq!((before.end.get(), after.end.get()), (None, None));
    assert_eq!(due(&watches, Duration::ZERO), [key], "the next look follows immediately");
    judge(&watches, &key, live(1));
    assert_eq!((before.end.get(), after.end.get()), (Some(&SessionEnd::Superseded), None));
}

// B62
#[tokio::test]
async fn a_look_does_not_count_for_a_session_whose_watchers_were_replaced_meanwhile() {
    let watches = Watches::new(EVERY);
    let (key, first) = watch(&watches, 1, 0);
    let (look, _) = watches.take_due(Instant::now(), 64);
    watches.remove(key, &first);
    let (_, second) = watch(&watches, 1, 1);
    watches.judge(look.number, &key, NOW, |_| LIVE);
    assert_eq!(second.end.get(), None);
    assert_eq!(watches.lock().due.len(), 1);
    assert_eq!(due(&watches, Duration::ZERO), [key]);
}

// B62: the runtime of a look may shut down, or the store may panic.
#[tokio::test]
async fn a_session_without_a_result_from_its_look_is_due_again() {
    let watches = Watches::new(EVERY);
    let (one, _one) = watch(&watches, 1, 0);
    let (other, _other) = watch(&watches, 2, 0);
    let (look, _) = watches.take_due(Instant::now(), 64);
    watches.judge(look.number, &one, NOW, |_| LIVE);
    watches.put_back(&look, || Duration::ZERO);
    assert_eq!(due(&watches, Duration::ZERO), [other]);
    assert_eq!(due(&watches, EVERY), [one]);
}

// B62: messages may have been lost while the feed was interrupted.
#[tokio::test]
async fn a_feed_that_is_connected_makes_all_sessions_due() {
    let watches = Watches::new(EVERY);
    let (one, _one) = watch(&watches, 1, 0);
    let (other, _other) = watch(&watches, 2, 0);
    due(&watches, Duration::ZERO);
    judge(&watches, &one, LIVE);
    judge(&watches, &other, LIVE);
    assert!(due(&watches, Duration::ZERO).is_empty());
    watches.hint_all();
    let mut all = due(&watches, Duration::ZERO);
    all.sort_by_key(Key::digest);
    assert_eq!(all, [one, other]);
}
