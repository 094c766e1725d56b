//! Checks that a store follows the contract of [`Store`]: call [`run`] from a test.

// Each check is a function in the file of its subject. It uses its own keys, so all checks can share one store, which they
// access through two handles. Behaviour that only some stores have (surviving a crash, evicting) is tested with that store.
//
// - `load`: every value is loaded as it was written.
// - `swap`: the writes and answers of compare-and-swap.
// - `races`: many concurrent writers, and swaps that their callers give up.
// - `expiry`: deadlines and clean-up.
// - `feed`: stores that announce critical writes.
// - `scan`: stores that can list their values.
// - `stores`: the two handles, and the messages of the checks.

mod expiry;
mod feed;
mod load;
mod races;
mod scan;
mod stores;
mod swap;

use std::{any::Any, sync::Arc, time::Duration};

use self::stores::Stores;
use crate::{
    clock::Timestamp,
    id::Nonce,
    store::{Class, Store, Value},
};

/// How expired values are removed from a store.
///
/// ```
/// # use session_runtime::testing::conformance::Expiry;
/// assert_eq!(Expiry::default(), Expiry::ByCleaningUp);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// By [`Store::delete_expired`], which returns how many it removed.
    #[default]
    ByCleaningUp,
    /// By a server, through a time to live. [`Store::delete_expired`] has nothing to remove and answers 0. The suite checks that
    /// the server does not remove values too early. A test of the store itself should check that it does remove them.
    ByServer,
}

/// Returns a value for tests of a store, with bytes as the engine writes them and a new revision. A store does not read the
/// content, so the content may be anything.
///
/// ```
/// use session_runtime::{Timestamp, store::Class, testing::conformance::value};
///
/// let guest = value(Class::Guest, Timestamp::NEVER, b"content");
/// assert_eq!(guest.class(), Class::Guest);
/// assert!(guest.to_bytes().ends_with(b"content"));
/// assert_ne!(guest.revision(), value(Class::Guest, Timestamp::NEVER, b"content").revision());
/// ```
#[must_use]
pub fn value(class: Class, expires_at: Timestamp, content: impl AsRef<[u8]>) -> Value {
    let class = match class {
        Class::Guest => 0,
        Class::User => 1,
        Class::List => 2,
        Class::Revocation => 3,
        Class::Tombstone => 4,
        Class::Marker => 5,
        Class::Unknown => 15,
    };
    let content = content.as_ref();
    let mut bytes = Nonce::next().0.to_be_bytes().to_vec();
    bytes.push(0x10 | class);
    // A time beyond six bytes counts as never.
    let expires_at = expires_at.as_millis().min((1 << 48) - 1);
    bytes.extend(expires_at.to_be_bytes().into_iter().skip(2));
    bytes.extend(*b"test");
    bytes.extend(content);
    Value::from_bytes(bytes)
}

/// Runs each check and collects the failures.
macro_rules! check {
    ($failures:ident, $stores:ident; $($subject:ident: $($check:ident)+;)+) => {
        $($(
            let name = stringify!($check).replace('_', " ");
            // Boxed: there are many checks, and the futures of a store may be large.
            if let Err(found) = outcome(Box::pin($subject::$check(Arc::clone(&$stores)))).await {
                $failures.push(format!("\n  {}: {name}: {found}", stringify!($subject)));
            }
        )+)+
    };
}

/// Checks a store against every rule of its contract.
///
/// `open` is called twice. Each call returns a handle on the same store, as two processes would have: a clone if the store is
/// in memory, another connection if it is on a server. The store need not be empty, but nothing else may use it during the
/// checks. The checks leave values behind.
///
/// If [`Store::scan`] answers `None`, the store cannot list its values, and the checks of scans are skipped. If your store
/// wraps one that can list its values, its test should also assert that `scan` does not answer `None`.
///
/// Call it within a Tokio runtime that has a timer and several threads. On one thread, there would hardly be races to check.
///
/// # Panics
/// If the store breaks a rule. The message names every rule that the store breaks, what it did, and what the contract demands.
///
/// ```
/// use session_runtime::{MemoryStore, testing::conformance};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// // In a crate of yours: `#[tokio::test(flavor = "multi_thread", worker_threads = 4)]`.
/// let store = MemoryStore::new();
/// conformance::run(async || store.clone()).await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn run<S: Store>(open: impl AsyncFn() -> S) {
    run_with(Expiry::ByCleaningUp, open).await;
}

/// Checks a store against every rule of its contract, as [`run`] does. `expiry` says how the store removes expired values.
///
/// # Panics
/// As [`run`].
///
/// ```no_run
/// use session_runtime::testing::conformance::{self, Expiry};
/// # async fn test(connect: impl AsyncFn() -> session_runtime::MemoryStore) {
/// conformance::run_with(Expiry::ByServer, connect).await;
/// # }
/// ```
pub async fn run_with<S: Store>(expiry: Expiry, open: impl AsyncFn() -> S) {
    let stores = Stores::open(open).await;
    let mut failures = Vec::new();
    check! {
        failures, stores;
        swap:
            done_carries_the_revision_that_a_load_answers;
        load:
            an_absent_key_holds_nothing
            values_of_every_class_come_back
            contents_of_every_size_come_back
            any_bytes_come_back_and_can_be_replaced
            keys_do_not_collide
            several_values_are_loaded_at_once
            observing_changes_nothing;
        swap:
            every_handle_sees_a_write_at_once
            a_taken_key_is_not_created
            a_swap_of_nothing_for_nothing_is_done
            an_older_revision_is_stale
            the_revision_of_another_key_is_stale
            revisions_are_compared_and_not_contents
            a_removed_value_stays_removed
            a_swap_sent_again_is_stale
            every_revision_that_was_answered_can_be_swapped
            a_value_is_replaced_by_one_of_any_class_and_size;
        races:
            one_swap_of_many_wins
            no_update_is_lost
            a_removed_value_is_not_brought_back
            a_reader_never_sees_half_a_value
            a_swap_given_up_is_whole_or_nothing
            cleaning_up_removes_nothing_that_is_extended;
        expiry:
            deadlines_of_every_size_come_back
            an_expired_value_is_swapped_like_any_other
            a_value_that_has_expired_already_can_be_written
            cleaning_up_removes_nothing_live;
        feed:
            critical_writes_are_announced;
        scan:
            every_value_is_found_as_it_is
            a_value_that_stays_is_found_while_others_come_and_go
            a_position_of_another_store_is_an_error;
    }
    if expiry == Expiry::ByCleaningUp {
        let before = failures.len();
        check! { failures, stores; expiry: cleaning_up_removes_the_expired_and_counts_them; }
        if let Some(failure) = failures.get_mut(before) {
            failure.push_str(". If a server removes expired values by itself, call `run_with(Expiry::ByServer, …)`");
        }
    } else {
        check! {
            failures, stores;
            expiry:
                cleaning_up_is_left_to_the_server
                a_server_keeps_values_until_they_expire;
        }
    }
    report(&failures);
}

fn report(failures: &[String]) {
    let (rules, end) = match failures.len() {
        1 => ("1 rule".to_owned(), ""),
        number => (format!("{number} rules"), "\nBegin with the first: others may follow from it."),
    };
    assert!(failures.is_empty(), "this store breaks {rules} of the contract:{}{end}", failures.concat());
}

/// Returns the fault that `check` found, if any.
async fn outcome(check: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    let task = tokio::spawn(tokio::time::timeout(Duration::from_secs(120), check));
    match task.await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("it was not done after two minutes".into()),
        Err(Ok(panic)) => Err(words(&*panic)),
        Err(Err(cancelled)) => Err(cancelled.to_string()),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    words.unwrap_or("it panicked without a message").to_owned()
}
