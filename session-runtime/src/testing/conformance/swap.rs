//! The writes and answers of compare-and-swap.

use std::sync::Arc;

use super::{
    stores::{Stores, answered, done, ensure, random_key, stale},
    value,
};
use crate::store::{Class, Store, Versioned};

const CURRENT: &str = "a swap against what the key holds must be done, and write the value";

// If this fails, nearly every other check fails too.
pub(super) async fn done_carries_the_revision_that_a_load_answers<S: Store>(stores: Arc<Stores<S>>) {
    let (key, mut before) = (random_key(), None);
    for content in [b"first", b"other"] {
        let after = stores.value(content);
        let held = stores.replaced(&key, before.as_ref(), &after, CURRENT).await;
        stores.assert_holds(&key, Some(&after), CURRENT).await;
        let loaded = stores.load(&key).await;
        let (done, loaded) = (held.revision(), loaded.as_ref().unwrap_or(&held).revision());
        ensure!(
            loaded == done,
            "`Done` must carry the store's own revision, as `load` answers it: `Done` carried {done:?}, and `load` answers \
             {loaded:?}"
        );
        before = Some(held);
    }
}

pub(super) async fn every_handle_sees_a_write_at_once<S: Store>(stores: Arc<Stores<S>>) {
    let ([first, second], key, mut before) = (stores.handles(), random_key(), None);
    // Both load first, so that a handle that caches what it loaded is caught.
    let rule = "once a swap is answered, every later load must see it, in any process";
    stores.assert_holds(&key, None, rule).await;
    for round in 0..10 {
        let after = (round % 4 < 3).then(|| stores.value([round]));
        let writer = if round % 2 == 0 { first } else { second };
        let swapped = answered(writer.swap(&key, before.as_ref(), after.as_ref(), stores.now).await);
        let revision = done(swapped, "a swap against what the other handle wrote must be done");
        stores.assert_holds(&key, after.as_ref(), rule).await;
        before = after.map(|after| Versioned::with_revision(after, revision));
    }
}

pub(super) async fn a_taken_key_is_not_created<S: Store>(stores: Arc<Stores<S>>) {
    let held = stores.value(b"held");
    let (key, _) = stores.created(&held).await;
    for after in [Some(stores.value(b"other")), Some(held.rewritten()), None] {
        let rule = "a swap that expects nothing, on a key that holds a value, must write nothing";
        stores.assert_stale(&key, None, after.as_ref(), Some(&held), rule).await;
    }
}

pub(super) async fn a_swap_of_nothing_for_nothing_is_done<S: Store>(stores: Arc<Stores<S>>) {
    let key = random_key();
    let rule = "a swap that expects nothing and writes nothing must be done on a key that holds nothing";
    done(stores.swap(&key, None, None).await, rule);
    stores.assert_holds(&key, None, rule).await;
}

pub(super) async fn an_older_revision_is_stale<S: Store>(stores: Arc<Stores<S>>) {
    let (key, first) = stores.created(&stores.value(b"first")).await;
    let second = stores.value(b"second");
    stores.replaced(&key, Some(&first), &second, CURRENT).await;
    stores.assert_holds(&key, Some(&second), CURRENT).await;
    for after in [Some(&stores.value(b"third")), Some(first.value()), None] {
        let rule = "a swap against an older value must write nothing";
        stores.assert_stale(&key, Some(&first), after, Some(&second), rule).await;
    }
}

pub(super) async fn the_revision_of_another_key_is_stale<S: Store>(stores: Arc<Stores<S>>) {
    let (other, first) = stores.created(&stores.value(b"other")).await;
    // If a server counts the writes of each key, two keys have the same revision until one of them is written again.
    let second = stores.replaced(&other, Some(&first), &stores.value(b"other"), CURRENT).await;
    let (held, absent) = (stores.value(b"held"), random_key());
    let (taken, _) = stores.created(&held).await;
    for after in [Some(&stores.value(b"after")), Some(second.value()), None] {
        let rule = "a swap against the value of another key must write nothing";
        stores.assert_stale(&taken, Some(&second), after, Some(&held), rule).await;
        let rule = "a swap against a value on a key that holds nothing must write nothing";
        stores.assert_stale(&absent, Some(&second), after, None, rule).await;
    }
}

pub(super) async fn revisions_are_compared_and_not_contents<S: Store>(stores: Arc<Stores<S>>) {
    // The contents are equal, but the engine must learn that another request has written meanwhile.
    let (key, first) = stores.created(&stores.value(b"content")).await;
    let second = first.value().rewritten();
    stores.replaced(&key, Some(&first), &second, CURRENT).await;
    stores.assert_holds(&key, Some(&second), CURRENT).await;
    let rule = "a swap against an older value must write nothing, even if the content is the same";
    stores.assert_stale(&key, Some(&first), Some(&second.rewritten()), Some(&second), rule).await;
}

// B22, S12, S20
pub(super) async fn a_removed_value_stays_removed<S: Store>(stores: Arc<Stores<S>>) {
    let (key, held) = stores.created(&stores.value(b"held")).await;
    let (neighbour, _) = stores.created(held.value()).await;
    stores.remove(&key, &held).await;
    stores.assert_holds(&neighbour, Some(held.value()), "a removal must leave other keys alone").await;
    let late = [Some(stores.value(b"late")), Some(held.value().clone()), None];
    for after in &late {
        let rule = "a late swap against a value that was removed must not bring anything back";
        stores.assert_stale(&key, Some(&held), after.as_ref(), None, rule).await;
    }
    let next = stores.value(b"next");
    stores.replaced(&key, None, &next, "after a removal the key must be free for another value").await;
    for after in &late {
        let rule = "a late swap against a value that was removed must leave the next value alone";
        stores.assert_stale(&key, Some(&held), after.as_ref(), Some(&next), rule).await;
    }
}

// B34: after an error the engine sends a swap again, and recognises its own value in the answer.
pub(super) async fn a_swap_sent_again_is_stale<S: Store>(stores: Arc<Stores<S>>) {
    let (first, second) = (stores.value(b"first"), stores.value(b"second"));
    let (key, before) = stores.created(&first).await;
    let rule = "a swap that is sent again must answer `Stale` with the value that it wrote";
    stores.assert_stale(&key, None, Some(&first), Some(&first), rule).await;
    let after = stores.replaced(&key, Some(&before), &second, CURRENT).await;
    stores.assert_stale(&key, Some(&before), Some(&second), Some(&second), rule).await;
    stores.remove(&key, &after).await;
    let rule = "a removal that is sent again must answer `Stale` with nothing";
    stores.assert_stale(&key, Some(&after), None, None, rule).await;
}

pub(super) async fn every_revision_that_was_answered_can_be_swapped<S: Store>(stores: Arc<Stores<S>>) {
    let (key, mut done) = stores.created(&stores.value(b"0")).await;
    for round in 0..6 {
        let after = stores.value([round]);
        done = stores.replaced(&key, Some(&done), &after, "a swap against the revision of `Done` must be done").await;
        let (loaded, after) = (stores.load(&key).await, after.rewritten());
        stores.replaced(&key, loaded.as_ref(), &after, "a swap against the revision of a load must be done").await;
        let found = stale(stores.swap(&key, Some(&done), Some(&after)).await, "this revision is an older one");
        let rule = "a swap against the revision of `Stale` must be done";
        done = stores.replaced(&key, found.as_ref(), &after.rewritten(), rule).await;
    }
}

pub(super) async fn a_value_is_replaced_by_one_of_any_class_and_size<S: Store>(stores: Arc<Stores<S>>) {
    use Class::{Guest, List, Marker, Revocation, Tombstone, User};
    let (key, mut before) = stores.created(&stores.value(b"")).await;
    let classes = [Guest, User, Tombstone, Guest, List, User, Marker, Revocation, Guest];
    for (class, length) in classes.into_iter().zip([70_000, 3, 0, 300, 1, 66_000, 10, 500, 2]) {
        let rule = format!("a value must be replaced by one of class {class:?} with a content of {length} bytes");
        let after = value(class, stores.after(60), vec![0xfe; length]);
        before = stores.replaced(&key, Some(&before), &after, &rule).await;
        stores.assert_holds(&key, Some(&after), &rule).await;
    }
    stores.remove(&key, &before).await;
}
