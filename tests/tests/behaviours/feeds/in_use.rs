//! B62: an open stream does not count as use of its session, unless its watch has `keep_alive`. These tests advance the sessions'
//! clock and Tokio's paused clock together.

use std::time::Duration;

use session_runtime::{Ended, SessionEnd};
use tests::{
    app::{hours, minutes},
    store::AnyStore,
};

use crate::watch::{Two, is_over};

/// Lets this time pass. If the session ends meanwhile, returns the reason.
async fn pass(two: &Two, ended: &mut Ended, time: Duration) -> Option<SessionEnd> {
    const STEP: Duration = Duration::from_secs(30);
    for _ in 0..time.as_secs() / STEP.as_secs() {
        two.here.turn(STEP);
        // Tokio's clock is paused, so the timeout moves it by one step and runs the timers that are due.
        if let Ok(end) = tokio::time::timeout(STEP, &mut *ended).await {
            return Some(end);
        }
    }
    None
}

// B62, B40
#[tokio::test(start_paused = true)]
async fn an_open_stream_does_not_count_as_use() {
    let two = Two::new(AnyStore::memory(), minutes(1));
    let ada = two.here.signed_in("ada").await;
    let mut ended = two.open(&ada).await.ended();
    assert_eq!(pass(&two, &mut ended, minutes(29)).await, None);
    assert_eq!(pass(&two, &mut ended, minutes(3)).await, Some(SessionEnd::Expired));
}

// B62, B40, B42: the session has an idle timeout of 30 minutes, and an absolute one of 12 hours.
#[tokio::test(start_paused = true)]
async fn a_stream_that_keeps_alive_lasts_until_the_absolute_deadline() {
    let two = Two::new(AnyStore::memory(), minutes(1));
    let ada = two.here.signed_in("ada").await;
    let mut ended = two.open(&ada).await.ended().keep_alive();
    assert_eq!(pass(&two, &mut ended, hours(12) - minutes(1)).await, None);
    let idle = two.here.sessions.of("ada").list().await.unwrap();
    assert_eq!(idle.len(), 1);
    assert_eq!(pass(&two, &mut ended, minutes(3)).await, Some(SessionEnd::Expired));
}

// B62: the idle deadline moves only if `touch` has passed since it last moved. Here it last moved ten minutes before the stream
// was opened, and `touch` is almost as long as the idle timeout.
#[tokio::test(start_paused = true)]
async fn a_stream_keeps_alive_even_if_touches_are_rare() {
    let two = Two::with(AnyStore::memory(), |builder| builder.watch_every(minutes(1)).touch(minutes(28)));
    let ada = two.here.signed_in("ada").await;
    two.here.turn(minutes(10));
    let mut ended = two.open(&ada).await.ended().keep_alive();
    for _ in 0..5 {
        assert_eq!(pass(&two, &mut ended, minutes(40)).await, None);
        ada.at(&two.there.app).get("/read").await;
    }
}

// B62
#[tokio::test(start_paused = true)]
async fn a_stream_that_keeps_alive_learns_of_an_end() {
    let two = Two::new(AnyStore::memory(), minutes(1));
    let ada = two.here.signed_in("ada").await;
    let mut ended = two.open(&ada).await.ended().keep_alive();
    assert_eq!(pass(&two, &mut ended, hours(2)).await, None);
    two.there.sessions.of("ada").revoke_all().await.unwrap();
    assert_eq!(pass(&two, &mut ended, minutes(2)).await, Some(SessionEnd::Revoked));
}

// B62: after a watch was dropped, it causes no more loads, however often it had been polled.
#[tokio::test(start_paused = true)]
async fn a_watch_that_is_dropped_at_any_point_leaves_nothing_behind() {
    let two = Two::new(AnyStore::memory(), minutes(1));
    for keeps in [false, true] {
        for polls in 0..20 {
            let ada = two.here.signed_in("ada").await;
            let session = two.open(&ada).await;
            let mut ended = if keeps { session.ended().keep_alive() } else { session.ended() };
            for _ in 0..polls {
                assert!(futures_util::FutureExt::now_or_never(&mut ended).is_none());
                tokio::task::yield_now().await;
            }
            drop((session, ended));
            let mut other = two.open(&ada).await.ended();
            assert!(!is_over(&mut other).await);
            drop(other);
            let loads = two.here.controls.calls().0;
            tokio::time::sleep(hours(1)).await;
            assert_eq!(two.here.controls.calls().0, loads, "after {polls} polls");
        }
    }
}

// B62: the clock of the server may be set forwards and backwards.
#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ends_a_stream_only_if_it_passes_the_deadline() {
    let two = Two::new(AnyStore::memory(), minutes(1));
    let ada = two.here.signed_in("ada").await;
    let mut ended = two.open(&ada).await.ended();
    let start = two.here.clock.now();
    two.here.turn(minutes(20));
    assert_eq!(pass(&two, &mut ended, minutes(2)).await, None);
    two.here.clock.set(start);
    assert_eq!(pass(&two, &mut ended, minutes(25)).await, None);
    two.here.turn(hours(24 * 365));
    assert_eq!(pass(&two, &mut ended, minutes(2)).await, Some(SessionEnd::Expired));
}
