//! Counters: sums, bounds, and what a counter counts from.

use std::sync::Arc;

use super::subject::{NOW, Sentence as _, Subject, create, update};
use crate::{
    clock::Timestamp,
    store::{Add, Applied, Change, Store},
};

/// A move of the counter `n`, between these bounds.
fn add(amount: i128, floor: impl Into<i128>, ceiling: impl Into<i128>, initial: i128) -> Add {
    let (floor, ceiling) = (floor.into(), ceiling.into());
    Add { name: "n".into(), amount, floor, ceiling, initial, expires: Timestamp::NEVER }
}

// B21
pub(super) async fn adding_and_subtracting<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    let mut sum = 0;
    for amount in [1, 2, 125, 1, 127, 1, 65_279, 1, -65_537, -1, -32, -1, -95, -1, 1_000_000_007, -3_000_000_021, 0] {
        session.write(&update().adding("n", amount).adding("m", -amount)).await;
        sum += amount;
        assert_eq!((session.number("n").await, session.number("m").await), (Some(sum), Some(-sum)));
    }
}

pub(super) async fn an_absent_counter_counts_from_initial<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    session.write(&update().adding_with(add(5, 0, 255, 100))).await;
    assert_eq!(session.number("n").await, Some(105));
    session.write(&update().adding_with(add(5, 0, 255, 100))).await;
    assert_eq!(session.number("n").await, Some(110), "only an absent one");
    session.write(&update().unsetting("n")).await;
    session.write(&update().adding_with(add(0, -10, 10, -3))).await;
    assert_eq!(session.number("n").await, Some(-3), "also when nothing is added");
}

// B30
pub(super) async fn what_is_no_number_counts_from_initial<S: Store>(store: Arc<S>) {
    let text: &[u8] = b"\xa3six";
    // Nil, a float, text, a list, two numbers, half a number, nothing at all.
    for garbage in [&[0xc0][..], &[0xca, 0, 0, 0, 0], text, &[0x91, 5], &[5, 5], &[0xcd, 1], &[]] {
        let session = Subject::created_by(&store, &create().setting("n", garbage)).await;
        session.write(&update().adding_with(add(1, 0, 255, 40))).await;
        assert_eq!(session.number("n").await, Some(41), "after {garbage:?}");
    }
}

pub(super) async fn bounds_hold<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for (add, sum) in [
        (add(300, 0_u8, u8::MAX, 0), 255),
        (add(1, 0_u8, u8::MAX, 0), 255),
        (add(-5, 0_u8, u8::MAX, 0), 250),
        (add(-251, 0_u8, u8::MAX, 0), 0),
        (add(-1, 0_u8, u8::MAX, 0), 0),
        (add(i128::MAX, 0_u8, u8::MAX, 0), 255),
        (add(i128::MIN, -3, u8::MAX, 0), -3),
        // A narrower type in a later build pulls in what lies outside.
        (add(0, 0, 10, 0), 0),
        (add(50, 0, 100, 0), 50),
        (add(1, 0, 10, 0), 10),
    ] {
        session.write(&update().adding_with(add.clone())).await;
        assert_eq!(session.number("n").await, Some(sum), "after {add:?}");
    }
}

pub(super) async fn numbers_of_every_size<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    let sizes = [0, 1, 7, 8, 15, 16, 31, 32, 52, 53, 62, 63].map(|bits| 1_i128 << bits);
    let around = sizes.into_iter().flat_map(|size| [size - 1, size, size + 1]).filter(|size| *size <= i64::MAX.into());
    for number in around.flat_map(|number| [number, -number]).chain([i64::MIN.into(), i64::MAX.into()]) {
        session.write(&update().unsetting("n")).await;
        session.write(&update().adding_with(add(number, i64::MIN, i64::MAX, 0))).await;
        assert_eq!(session.number("n").await, Some(number));
        session.write(&update().adding_with(add(-number, i64::MIN, i64::MAX, 0))).await;
        assert_eq!(session.number("n").await, Some(0));
    }
    session.write(&update().adding_with(add(u64::MAX.into(), 0, u64::MAX, 0))).await;
    assert_eq!(session.number("n").await, Some(u64::MAX.into()));
    session.write(&update().adding_with(add(-1, 0, u64::MAX, 0))).await;
    assert_eq!(session.number("n").await, Some(i128::from(u64::MAX) - 1));
    session.write(&update().adding_with(add(-(1 << 63), 0, u64::MAX, 0))).await;
    assert_eq!(session.number("n").await, Some((1 << 63) - 2));
}

pub(super) async fn sums_past_the_range_saturate<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for (add, sum) in [
        (add(i128::MAX, 0, u64::MAX, 0), u64::MAX.into()),
        (add(1, 0, u64::MAX, 0), u64::MAX.into()),
        (add(i128::MAX, i64::MIN, i64::MAX, 0), i64::MAX.into()),
        (add(i128::MIN, i64::MIN, i64::MAX, 0), i64::MIN.into()),
        (add(-1, i64::MIN, i64::MAX, 0), i64::MIN.into()),
        (add(i128::from(u64::MAX), i64::MIN, i64::MAX, 0), i64::MAX.into()),
        // What no stored number can be becomes the nearest that can.
        (add(i128::MAX, i128::MIN, i128::MAX, 0), u64::MAX.into()),
        (add(i128::MIN, i128::MIN, i128::MAX, 0), i64::MIN.into()),
    ] {
        session.write(&update().adding_with(add.clone())).await;
        assert_eq!(session.number("n").await, Some(sum), "after {add:?}");
    }
}

pub(super) async fn a_refused_sum_leaves_the_counter<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().adding("n", 5)).await;
    session.assert_unchanged_by(&Change::update(1).adding("n", 1), Applied::Moved).await;
    session.assert_unchanged_by(&update().adding("n", 1).expecting("a", Some(b"1")), Applied::Conflict).await;
    session.assert_unchanged_by(&create().adding("n", 1), Applied::Conflict).await;
    assert_eq!(session.load(NOW).await.map(|seen| seen.fields.len()), Some(1));
}
