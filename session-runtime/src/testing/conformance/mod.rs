//! What every store must do, as a suite that runs against any of them.
//!
//! Each behaviour is one function with a fresh store, in the file of its subject. A behaviour that only some stores can
//! show (surviving `kill -9`, evicting) is tested where that store is.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a suite of tests says no by panicking")]

mod account;
mod counters;
mod deadlines;
mod ending;
mod expiring;
mod fields;
mod guards;
mod identity;
mod nonces;
mod races;
mod records;
mod reference;
mod renewal;
mod scan;
mod seen;
mod sign_ins;
mod subject;
mod user_races;
mod users;
mod vanishing;

use std::{any::Any, sync::Arc, time::Duration};

use crate::store::{Scan, Store, UserIndex};

/// Who removes what has expired from a store.
///
/// ```
/// # use session_runtime::testing::conformance::Expiry;
/// assert_eq!(Expiry::default(), Expiry::ByCleaningUp);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Expiry {
    /// [`Store::delete_expired`], which says how many it removed.
    #[default]
    ByCleaningUp,
    /// A server, by a time to live that it keeps itself. [`Store::delete_expired`] has nothing to remove and says 0. That
    /// the server does it is for the store's own tests; that nothing expired is served is checked here.
    ByServer,
}

/// Runs each behaviour with a store of its own, and collects what fails.
macro_rules! check {
    ($failures:ident, $make:ident; $($subject:ident: $($behaviour:ident)+;)+) => {
        $($(
            let name = stringify!($behaviour).replace('_', " ");
            // In boxes: there are many of them, and the futures of a store may be large.
            let behaviour = $subject::$behaviour(Arc::new(Box::pin($make()).await));
            if let Err(found) = outcome(Box::pin(behaviour)).await {
                $failures.push(format!("\n  {}: {name}: {found}", stringify!($subject)));
            }
        )+)+
    };
}

/// Runs every behaviour of a store against the stores that `make` makes: each time a fresh one that holds nothing.
///
/// Wants a Tokio runtime with a timer, and of several threads, since otherwise the races are none.
///
/// # Panics
/// If a behaviour fails, with the names of all that do and what each of them found.
///
/// ```
/// use session_runtime::{MemoryStore, testing::conformance};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// conformance::run(async || MemoryStore::new()).await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn run<S: Store>(make: impl AsyncFn() -> S) {
    run_with(Expiry::ByCleaningUp, make).await;
}

/// [`run`] for a store of which this is known.
///
/// # Panics
/// As [`run`].
///
/// ```no_run
/// use session_runtime::testing::conformance::{self, Expiry};
/// # async fn test(fresh: impl AsyncFn() -> session_runtime::MemoryStore) {
/// conformance::run_with(Expiry::ByServer, fresh).await;
/// # }
/// ```
pub async fn run_with<S: Store>(expiry: Expiry, make: impl AsyncFn() -> S) {
    let mut failures = Vec::new();
    check! {
        failures, make;
        records:
            an_unknown_key_loads_as_none
            a_created_record_loads_as_written
            a_create_may_bring_fields_and_a_user
            a_taken_key_is_a_conflict
            records_do_not_mix
            deleting_removes
            deleting_what_is_missing_is_fine
            a_deleted_key_may_be_created_again
            a_key_made_from_a_digest_names_the_same_record;
        ending:
            ending_removes
            another_generation_does_not_end
            ending_what_is_not_there_is_gone
            an_end_sent_again_ends_nothing_else
            one_end_of_many_wins
            what_ends_while_written_stays_ended;
        guards:
            an_update_of_nothing_is_gone
            an_update_after_deletion_is_gone
            another_generation_is_moved
            an_unmet_expectation_is_a_conflict
            a_met_expectation_applies
            an_expectation_compares_every_byte
            one_unmet_expectation_among_several_refuses_all
            a_create_heeds_expectations
            gone_comes_before_moved_and_moved_before_conflict
            nothing_is_written_unless_applied;
        nonces:
            a_change_sent_again_counts_once
            a_create_sent_again_is_no_conflict
            a_change_sent_again_undoes_nothing
            already_applied_comes_before_moved_and_conflict
            the_last_eight_changes_are_recognised
            a_refused_change_may_be_sent_again
            a_change_sent_many_times_at_once_counts_once;
        deadlines:
            touching_moves_the_idle_deadline_on
            touching_never_moves_it_back
            a_touch_leaves_everything_else
            silence_ends_a_session
            the_absolute_deadline_beats_activity
            the_deadline_itself_is_expired
            an_expired_record_is_revived_by_no_change
            an_expired_record_does_not_lend_its_fields
            restarting_replaces_both_deadlines
            deadlines_past_2038_and_2106
            a_session_may_never_end
            a_create_that_has_expired_already_is_not_served
            cleaning_up_removes_only_the_expired
            cleaning_up_nothing_is_fine;
        seen:
            a_new_record_was_just_seen
            every_change_moves_it_on
            a_refused_change_does_not_move_it
            a_change_sent_again_does_not_move_it
            it_never_moves_back;
        identity:
            signing_in_and_out
            a_user_is_any_bytes
            only_signing_changes_the_user;
        renewal:
            privilege_replaces_the_verifier_and_the_generation
            privilege_again_keeps_the_last_verifier_only
            the_timer_replaces_the_verifier_alone
            the_timer_keeps_what_was_presented
            who_loses_the_timer_race_writes_all_the_same
            presenting_starts_the_minute_once
            presenting_another_verifier_does_nothing
            presenting_after_privilege_does_nothing
            a_renewal_sent_again_says_whether_it_holds;
        fields:
            setting_and_setting_again
            unsetting_and_unsetting_what_is_missing
            fields_that_no_change_names_stay
            keeping_drops_all_others
            keeping_nothing_drops_everything
            keeping_comes_before_setting_and_adding
            empty_values_are_values
            values_are_any_bytes
            names_are_any_text_up_to_255_bytes
            large_values
            two_hundred_fields;
        counters:
            adding_and_subtracting
            an_absent_counter_counts_from_initial
            what_is_no_number_counts_from_initial
            bounds_hold
            numbers_of_every_size
            sums_past_the_range_saturate
            a_refused_sum_leaves_the_counter;
        expiring:
            an_expired_value_is_absent_to_expectations
            an_expired_counter_counts_from_initial
            an_expired_value_goes_with_the_next_write
            a_deadline_starts_anew_with_each_write
            a_live_value_keeps_its_deadline
            the_rest_outlives_an_expired_value;
        races:
            additions_at_once_are_all_counted
            swaps_at_once_are_all_in
            disjoint_fields_at_once_all_stay
            one_create_of_many_wins
            one_timer_renewal_of_many_wins
            one_privilege_renewal_of_many_wins
            what_is_deleted_while_written_stays_deleted
            a_write_given_up_is_whole_or_nothing
            a_reader_never_sees_half_a_change
            cleaning_up_while_written_removes_nothing_live;
        reference:
            a_long_history_ends_as_the_reference_says;
    }
    if expiry == Expiry::ByCleaningUp {
        check! {
            failures, make;
            deadlines:
                cleaning_up_counts_what_it_removes;
        }
    }
    report(&failures);
}

/// Runs every behaviour of a store whose sessions can be gone through, in the same way. Those of its records are
/// [`run`]'s.
///
/// # Panics
/// As [`run`].
///
/// ```
/// use session_runtime::{MemoryStore, testing::conformance};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// conformance::run_scan(async || MemoryStore::new()).await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn run_scan<S: Scan>(make: impl AsyncFn() -> S) {
    let mut failures = Vec::new();
    check! {
        failures, make;
        scan:
            an_empty_store_has_no_sessions
            every_live_session_is_found_as_it_is
            what_ended_is_not_found
            what_comes_and_goes_hides_nobody
            a_position_of_elsewhere_is_an_error;
    }
    report(&failures);
}

/// Runs every behaviour of a store that knows whose sessions are whose, in the same way. Those of its records are
/// [`run`]'s.
///
/// # Panics
/// As [`run`].
///
/// ```
/// use session_runtime::{MemoryStore, testing::conformance};
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// conformance::run_user_index(async || MemoryStore::new()).await;
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn run_user_index<S: UserIndex>(make: impl AsyncFn() -> S) {
    run_user_index_with(Expiry::ByCleaningUp, make).await;
}

/// [`run_user_index`] for a store of which this is known.
///
/// # Panics
/// As [`run`].
///
/// ```no_run
/// use session_runtime::testing::conformance::{self, Expiry};
/// # async fn test(fresh: impl AsyncFn() -> session_runtime::MemoryStore) {
/// conformance::run_user_index_with(Expiry::ByServer, fresh).await;
/// # }
/// ```
pub async fn run_user_index_with<S: UserIndex>(expiry: Expiry, make: impl AsyncFn() -> S) {
    let mut failures = Vec::new();
    check! {
        failures, make;
        users:
            an_unknown_user_has_no_entries
            entries_come_oldest_first
            an_entry_says_when_it_came
            entering_again_moves_to_the_end
            an_entry_names_its_record
            leaving_takes_these_out
            leaving_what_is_not_there_is_fine
            leaving_goes_by_digest
            leaving_ends_no_session
            other_users_are_left_alone
            one_key_may_be_under_two_users
            a_user_is_any_bytes
            two_hundred_entries;
        sign_ins:
            an_entry_stands_before_its_session_comes
            entering_again_is_an_arrival_anew
            an_entry_called_off_stays_for_its_session
            an_entry_stands_while_its_session_changes
            entries_stand_however_many_come
            no_order_of_steps_leaves_a_session_unlisted;
        vanishing:
            an_entry_without_a_session_vanishes
            the_entry_of_a_deleted_session_vanishes
            the_entry_of_an_ended_session_vanishes
            the_entry_of_an_expired_session_vanishes
            the_entry_of_who_signed_out_vanishes
            the_entry_of_who_signed_in_as_another_vanishes;
        user_races:
            entries_of_many_at_once_all_stand
            who_leaves_takes_nobody_along
            several_leave_at_once
            cleaning_up_takes_no_arrival
            an_entry_given_up_is_there_or_not
            no_session_outlives_the_end_of_all;
    }
    if expiry == Expiry::ByCleaningUp {
        check! {
            failures, make;
            vanishing:
                cleaning_up_counts_sessions_only;
        }
    }
    report(&failures);
}

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "this store breaks {} behaviours:{}", failures.len(), failures.concat());
}

/// What `behaviour` found wrong, if anything.
async fn outcome(behaviour: impl Future<Output = ()> + Send + 'static) -> Result<(), String> {
    let task = tokio::spawn(tokio::time::timeout(Duration::from_secs(120), behaviour));
    match task.await.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err("it was not done after two minutes".into()),
        Err(Ok(panic)) => Err(words(&*panic)),
        Err(Err(cancelled)) => Err(cancelled.to_string()),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref().copied());
    words.unwrap_or("it panicked without words").to_owned()
}
