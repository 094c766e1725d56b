use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Fate, Next, SessionEnd, Subject, Watcher, Watches, name};
use crate::{clock::Timestamp, key::Key};

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
    (subject.key, watches.add(name(&subject.key), &subject))
}

fn due(watches: &Watches, after: Duration) -> Vec<Key> {
    watches.take_due(Instant::now() + after, 64).0
}

// B62: the session may have ended between the request's load and the watch.
#[tokio::test]
async fn a_session_is_due_when_its_watch_begins_and_then_within_the_interval() {
    let watches = Watches::new(EVERY);
    let (key, _watcher) = watch(&watches, 1, 0);
    assert_eq!(due(&watches, Duration::ZERO), [key]);
    assert!(due(&watches, EVERY).is_empty(), "a look is in progress");
    watches.judge(&key, NOW, |_| LIVE);
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
    watches.judge(&key, NOW, |_| Fate::Live { generation: 0, signed_in: true, expires_at: soon });
    assert_eq!(due(&watches, Duration::from_millis(1_100)), [key]);
}

#[tokio::test]
async fn a_message_makes_a_session_due_at_once() {
    let watches = Watches::new(EVERY);
    let (key, _watcher) = watch(&watches, 1, 0);
    due(&watches, Duration::ZERO);
    watches.judge(&key, NOW, |_| LIVE);
    watches.hint(&Key::from_digest([2; 16]));
    assert!(due(&watches, Duration::ZERO).is_empty(), "the message is about another session");
    watches.hint(&key);
    assert_eq!(due(&watches, Duration::ZERO), [key]);
    // The look in progress may have read the session before it ended.
    watches.hint(&key);
    watches.judge(&key, NOW, |_| LIVE);
    assert_eq!(due(&watches, Duration::ZERO), [key]);
}

#[tokio::test]
async fn each_watcher_is_judged_by_the_generation_that_it_saw() {
    let watches = Watches::new(EVERY);
    let (key, before) = watch(&watches, 1, 0);
    let (_, after) = watch(&watches, 1, 1);
    due(&watches, Duration::ZERO);
    watches.judge(&key, NOW, |_| live(1));
    assert_eq!((before.end.get(), after.end.get()), (Some(&SessionEnd::Superseded), None));
    watches.judge(&key, NOW, |_| Fate::Live { generation: 2, signed_in: false, expires_at: NOW });
    assert_eq!(after.end.get(), Some(&SessionEnd::LoggedOut));
    assert!(watches.lock().sessions.is_empty() && watches.lock().due.is_empty());
}

#[tokio::test]
async fn a_watch_that_is_dropped_leaves_nothing_behind() {
    let watches = Watches::new(EVERY);
    let (key, first) = watch(&watches, 1, 0);
    let (_, second) = watch(&watches, 1, 0);
    watches.remove(name(&key), &first);
    assert_eq!(watches.lock().sessions.len(), 1);
    due(&watches, Duration::ZERO);
    assert!(matches!(watches.lock().sessions[&name(&key)].next, Next::Looking { again: false }));
    watches.remove(name(&key), &second);
    watches.judge(&key, NOW, |_| LIVE);
    assert!(watches.lock().sessions.is_empty() && watches.lock().due.is_empty());
    assert_eq!(watches.count.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn looks_at_many_sessions_spread_out() {
    let watches = Watches::new(EVERY);
    let keys: Vec<_> = (0..64).map(|number| watch(&watches, number, 0)).collect();
    due(&watches, Duration::ZERO);
    for (key, _) in &keys {
        watches.judge(key, NOW, |_| LIVE);
    }
    let early = due(&watches, EVERY * 7 / 8).len();
    assert!((8..56).contains(&early), "{early} of 64 in the first half of the last quarter");
}
