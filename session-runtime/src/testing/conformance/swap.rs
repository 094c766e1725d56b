//! What compare-and-swap writes, and what it answers.

use std::sync::Arc;

use super::{
    stores::{Stores, answered, done, is_same, random_key, shown, stale},
    value,
};
use crate::store::{Class, Store, Swapped, Value, Versioned};

pub(super) async fn every_handle_sees_a_write_at_once<S: Store>(stores: Arc<Stores<S>>) {
    let [first, second] = stores.handles();
    let key = random_key();
    // Both look first, so that a handle that remembers what it saw is caught.
    stores.assert_holds(&key, None, "nothing was written yet").await;
    let mut before = None;
    for round in 0..10 {
        let value = (round % 4 < 3).then(|| stores.value([round]));
        let (writer, reader) = if round % 2 == 0 { (first, second) } else { (second, first) };
        let swapped = answered(writer.swap(&key, before.as_ref(), value.as_ref(), stores.now).await);
        let revision = done(swapped, "a swap against what the other handle wrote must be done");
        let loaded = answered(reader.load(&key, stores.now).await);
        assert!(
            is_same(loaded.as_ref().map(Versioned::value), value.as_ref()),
            "once a swap is answered, every later load must see it, in any process: one handle wrote {}, the other loads {}",
            shown(value.as_ref()),
            shown(loaded.as_ref().map(Versioned::value))
        );
        before = value.map(|value| Versioned::with_revision(value, revision));
    }
}

pub(super) async fn a_taken_key_is_not_created<S: Store>(stores: Arc<Stores<S>>) {
    for content in ["", "content"] {
        let (held, other) = (stores.value(content), stores.value(b"other"));
        let (key, _) = stores.created(&held).await;
        let rule = "a swap of an absent value on a key that holds one must write nothing";
        stores.assert_stale(&key, None, Some(&other), Some(&held), rule).await;
        stores.assert_stale(&key, None, Some(&held.rewritten()), Some(&held), rule).await;
        let rule = "a removal of an absent value on a key that holds one must remove nothing";
        stores.assert_stale(&key, None, None, Some(&held), rule).await;
    }
}

pub(super) async fn an_older_revision_is_stale<S: Store>(stores: Arc<Stores<S>>) {
    let (key, first) = stores.created(&stores.value(b"first")).await;
    let (second, third) = (stores.value(b"second"), stores.value(b"third"));
    done(stores.swap(&key, Some(&first), Some(&second)).await, "a swap against what the key holds must be done");
    stores.assert_holds(&key, Some(&second), "a swap that is done must write the value").await;
    let rule = "a swap against an older value must write nothing";
    stores.assert_stale(&key, Some(&first), Some(&third), Some(&second), rule).await;
    let rule = "a swap against an older value must not write that value again";
    stores.assert_stale(&key, Some(&first), Some(first.value()), Some(&second), rule).await;
    let rule = "a removal of an older value must remove nothing";
    stores.assert_stale(&key, Some(&first), None, Some(&second), rule).await;
}

pub(super) async fn the_revision_of_another_key_is_stale<S: Store>(stores: Arc<Stores<S>>) {
    let held = stores.value(b"content");
    let (key, _) = stores.created(&held).await;
    // Where a server counts the writes of each key, two keys may have the same revision, but not after another write.
    let (other, first) = stores.created(&stores.value(b"of another key")).await;
    let second = stores.value(b"of another key");
    let revision = done(stores.swap(&other, Some(&first), Some(&second)).await, "the key holds this value");
    let second = Versioned::with_revision(second, revision);
    let rule = "a swap against the value of another key must write nothing";
    stores.assert_stale(&key, Some(&second), Some(&stores.value(b"new")), Some(&held), rule).await;
    stores.assert_stale(&key, Some(&second), None, Some(&held), rule).await;
}

pub(super) async fn an_absent_key_is_stale<S: Store>(stores: Arc<Stores<S>>) {
    let (_, other) = stores.created(&stores.value(b"of another key")).await;
    let (key, after) = (random_key(), stores.value(b"after"));
    let rule = "a swap against a value on a key that holds nothing must write nothing";
    stores.assert_stale(&key, Some(&other), Some(&after), None, rule).await;
    stores.assert_stale(&key, Some(&other), Some(other.value()), None, rule).await;
    stores.assert_stale(&key, Some(&other), None, None, "a removal of what is not there is stale").await;
}

pub(super) async fn revisions_are_compared_and_not_contents<S: Store>(stores: Arc<Stores<S>>) {
    // The same content, twice: the engine must learn that there was a write between.
    let first = stores.value(b"content");
    let (key, before) = stores.created(&first).await;
    let second = first.rewritten();
    done(stores.swap(&key, Some(&before), Some(&second)).await, "a swap by a value with the same content must be done");
    stores.assert_holds(&key, Some(&second), "a value with the same content has a revision of its own").await;
    let rule = "a swap against an older value must write nothing, even if the content is the same";
    stores.assert_stale(&key, Some(&before), Some(&first.rewritten()), Some(&second), rule).await;
}

pub(super) async fn a_removal_leaves_nothing<S: Store>(stores: Arc<Stores<S>>) {
    let (key, held) = stores.created(&stores.value(b"content")).await;
    let (neighbour, _) = stores.created(held.value()).await;
    done(stores.swap(&key, Some(&held), None).await, "a removal of what the key holds must be done");
    stores.assert_holds(&key, None, "after a removal the key must hold nothing").await;
    stores.assert_holds(&neighbour, Some(held.value()), "a removal must leave other keys alone").await;
    let again = stores.value(b"again");
    done(stores.swap(&key, None, Some(&again)).await, "after a removal the key must be free for another value");
    stores.assert_holds(&key, Some(&again), "after a removal the key must be free for another value").await;
}

pub(super) async fn a_removed_value_stays_removed<S: Store>(stores: Arc<Stores<S>>) {
    let (key, held) = stores.created(&stores.value(b"content")).await;
    done(stores.swap(&key, Some(&held), None).await, "a removal of what the key holds must be done");
    let rule = "a late swap against a value that was removed must not bring anything back";
    stores.assert_stale(&key, Some(&held), Some(&stores.value(b"late")), None, rule).await;
    stores.assert_stale(&key, Some(&held), Some(held.value()), None, rule).await;
    let next = stores.value(b"next");
    done(stores.swap(&key, None, Some(&next)).await, "after a removal the key must be free for another value");
    let rule = "a late swap against a value that was removed must leave the next value alone";
    stores.assert_stale(&key, Some(&held), Some(&stores.value(b"late")), Some(&next), rule).await;
    stores.assert_stale(&key, Some(&held), None, Some(&next), rule).await;
}

// After an error the engine sends a swap again, and recognises its own value in the answer.
pub(super) async fn a_swap_sent_again_is_stale<S: Store>(stores: Arc<Stores<S>>) {
    let first = stores.value(b"first");
    let (key, before) = stores.created(&first).await;
    let rule = "a swap that is sent again must answer `Stale` with the value that it wrote";
    stores.assert_stale(&key, None, Some(&first), Some(&first), rule).await;
    let second = stores.value(b"second");
    done(stores.swap(&key, Some(&before), Some(&second)).await, "a swap against what the key holds must be done");
    stores.assert_stale(&key, Some(&before), Some(&second), Some(&second), rule).await;
    let loaded = stores.load(&key).await;
    done(stores.swap(&key, loaded.as_ref(), None).await, "a removal of what the key holds must be done");
    let rule = "a removal that is sent again must answer `Stale` with nothing";
    stores.assert_stale(&key, loaded.as_ref(), None, None, rule).await;
}

pub(super) async fn every_revision_that_was_answered_can_be_swapped<S: Store>(stores: Arc<Stores<S>>) {
    let (key, mut before) = stores.created(&stores.value(b"0")).await;
    for round in 0..9 {
        let after = stores.value([round]);
        let (swapped, from) = match round % 3 {
            0 => (stores.swap(&key, Some(&before), Some(&after)).await, "`Done`"),
            1 => (stores.swap(&key, stores.load(&key).await.as_ref(), Some(&after)).await, "a load"),
            _ => {
                let found = stale(stores.swap(&key, None, Some(&after)).await, "the key holds a value");
                (stores.swap(&key, found.as_ref(), Some(&after)).await, "`Stale`")
            }
        };
        let revision = done(swapped, &format!("a swap against the revision that {from} answered must be done"));
        before = Versioned::with_revision(after, revision);
    }
    stores.assert_holds(&key, Some(before.value()), "the last swap must have written its value").await;
}

pub(super) async fn a_value_is_replaced_by_one_of_any_class_and_size<S: Store>(stores: Arc<Stores<S>>) {
    use Class::{Guest, List, Marker, Revocation, Tombstone, User};
    let (key, mut before) = stores.created(&stores.value(b"")).await;
    let classes = [Guest, User, Tombstone, Guest, List, User, Marker, Revocation, Guest];
    for (class, length) in classes.into_iter().zip([70_000, 3, 0, 300, 1, 66_000, 10, 500, 2]) {
        let after: Value = value(class, stores.after(60), vec![0xfe; length]);
        let rule = format!("a value must be replaced by one of class {class:?} and {length} bytes");
        match stores.swap(&key, Some(&before), Some(&after)).await {
            Swapped::Done(revision) => before = Versioned::with_revision(after, revision),
            Swapped::Stale(found) => {
                panic!("{rule}: it answered `Stale` with {}", shown(found.as_ref().map(Versioned::value)))
            }
        }
        stores.assert_holds(&key, Some(before.value()), &rule).await;
    }
    done(stores.swap(&key, Some(&before), None).await, "a removal of what the key holds must be done");
    stores.assert_holds(&key, None, "after a removal the key must hold nothing, of any class that it had").await;
}
