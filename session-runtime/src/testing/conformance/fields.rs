//! Fields: written one by one, kept or dropped, whatever their names and values.

use std::sync::Arc;

use super::subject::{Sentence as _, Subject, create, update};
use crate::store::{Change, Store};

// B19
pub(super) async fn setting_and_setting_again<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    for (value, other) in [(&b"1"[..], &b"x"[..]), (b"a longer one", b"y"), (b"2", b"a longer one")] {
        session.write(&update().setting("a", value).setting("b", other)).await;
        assert_eq!(session.value("a").await.as_deref(), Some(value));
        assert_eq!(session.value("b").await.as_deref(), Some(other));
    }
    // An equal value is no error.
    session.write(&update().setting("a", b"2")).await;
    assert_eq!(session.seen().await.fields.len(), 2);
}

// B27
pub(super) async fn unsetting_and_unsetting_what_is_missing<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"1").setting("b", b"2").setting("c", b"3")).await;
    session.write(&update().unsetting("b").unsetting("missing")).await;
    session.write(&update().unsetting("b")).await;
    assert_eq!(session.seen().await.fields.into_keys().collect::<Vec<_>>(), ["a", "c"]);
    session.write(&update().unsetting("a").unsetting("c")).await;
    assert!(session.seen().await.fields.is_empty(), "a record may be empty: B26");
    session.write(&update().setting("b", b"4")).await;
    assert_eq!(session.value("b").await.as_deref(), Some(&b"4"[..]));
}

// B30: also those that this build does not know.
pub(super) async fn fields_that_no_change_names_stay<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("of another build", b"\xc1").setting("a", b"1")).await;
    for change in [
        update().setting("a", b"2"),
        update().unsetting("a"),
        update().adding("n", 1),
        update().expecting("a", None),
        update().signing_in(b"ada", super::subject::NOW),
    ] {
        session.write(&change).await;
        assert_eq!(session.value("of another build").await.as_deref(), Some(&b"\xc1"[..]), "after {change:?}");
    }
}

/// A record with the fields `a` to `e` and a counter `n` at 5.
async fn six<S: Store>(store: &Arc<S>) -> Subject<S> {
    let create = ["a", "b", "c", "d", "e"].into_iter().fold(create(), |create, name| create.setting(name, name));
    Subject::created_by(store, &create.adding("n", 5)).await
}

// S13
pub(super) async fn keeping_drops_all_others<S: Store>(store: Arc<S>) {
    let session = six(&store).await;
    session.write(&update().keeping(["b", "d", "never there"])).await;
    let fields = session.seen().await.fields;
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["b", "d"], "fields unknown to this build go too");
    assert_eq!(fields["b"].0, b"b");
}

// S13
pub(super) async fn keeping_nothing_drops_everything<S: Store>(store: Arc<S>) {
    let session = six(&store).await;
    session.write(&update().keeping([])).await;
    assert!(session.seen().await.fields.is_empty());
    session.write(&update().keeping([])).await;
}

// S13
pub(super) async fn keeping_comes_before_setting_and_adding<S: Store>(store: Arc<S>) {
    let session = six(&store).await;
    let change = update().keeping(["b", "c"]).setting("a", b"new").setting("b", b"newer").unsetting("c").adding("n", 1);
    session.write(&change).await;
    let fields = session.seen().await.fields;
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["a", "b", "n"]);
    assert_eq!((&*fields["a"].0, &*fields["b"].0), (&b"new"[..], &b"newer"[..]));
    assert_eq!(session.number("n").await, Some(1), "a counter that is not kept starts anew");
    session.write(&update().keeping(["n"]).adding("n", 1)).await;
    assert_eq!(session.number("n").await, Some(2), "one that is kept goes on");
    // Expectations are about the record as it was.
    session.write(&update().keeping([]).expecting("n", Some(&[2]))).await;
}

pub(super) async fn empty_values_are_values<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("a", b"").setting("b", b"1")).await;
    session.write(&update().setting("b", b"").setting("c", b"")).await;
    for name in ["a", "b", "c"] {
        assert_eq!(session.value(name).await.as_deref(), Some(&b""[..]));
    }
}

pub(super) async fn values_are_any_bytes<S: Store>(store: Arc<S>) {
    let every_byte: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    let values =
        [&b"\0"[..], b"\xff\xfe\xfd", b"null", b"\"'\\;--\r\n%00{}", b"\xc0\x80", b"-1", every_byte.as_slice()];
    let session = Subject::created(&store).await;
    for (index, value) in values.iter().enumerate() {
        session.write(&update().setting(format!("v{index}"), *value)).await;
    }
    for (index, value) in values.iter().enumerate() {
        assert_eq!(session.value(&format!("v{index}")).await.as_deref(), Some(*value));
        session.write(&update().expecting(format!("v{index}"), Some(value)).unsetting(format!("v{index}"))).await;
    }
}

pub(super) async fn names_are_any_text_up_to_255_bytes<S: Store>(store: Arc<S>) {
    let (longest, accented) = ("n".repeat(255), format!("{}x", "é".repeat(127)));
    let names = [
        "",
        " ",
        "a.b",
        "a b",
        "A",
        "a",
        "$.a",
        "_v",
        "gen",
        "id",
        "données",
        "名前",
        "🦀",
        "'; drop table x; --",
        "{a}",
        "*",
        "a\0b",
        "user",
        "verifier",
        &longest,
        &longest[1..],
        &accented,
    ];
    let change = names
        .iter()
        .enumerate()
        .fold(create(), |change, (index, name)| change.setting((*name).to_owned(), format!("value {index}")));
    let session = Subject::created_by(&store, &change).await;
    assert_eq!(session.seen().await.fields.len(), names.len());
    for (index, name) in names.iter().enumerate() {
        assert_eq!(session.value(name).await, Some(format!("value {index}").into_bytes()), "of `{name}`");
        session.write(&update().unsetting((*name).to_owned()).adding(format!("count {index}"), 1)).await;
        assert_eq!(session.value(name).await, None, "of `{name}`");
    }
}

pub(super) async fn large_values<S: Store>(store: Arc<S>) {
    let large =
        |seed: u8| -> Vec<u8> { (0..1 << 20).map(|index: u32| (index.wrapping_mul(7) >> 3) as u8 ^ seed).collect() };
    let session = Subject::created_by(&store, &create().setting("small", b"1").setting("large", large(1))).await;
    assert!(session.value("large").await == Some(large(1)), "1 MiB, as written");
    session.write(&update().setting("small", b"2")).await;
    let refused = update().expecting("large", Some(&large(2))).unsetting("large");
    assert_eq!(session.apply(&refused).await, crate::store::Applied::Conflict);
    session.write(&update().expecting("large", Some(&large(1))).setting("large", large(2))).await;
    assert!(session.value("large").await == Some(large(2)), "1 MiB, as swapped");
    assert_eq!(session.value("small").await.as_deref(), Some(&b"2"[..]));
    session.write(&update().unsetting("large")).await;
    assert_eq!(session.seen().await.fields.len(), 1);
}

pub(super) async fn two_hundred_fields<S: Store>(store: Arc<S>) {
    let all =
        |start: Change| (0..200).fold(start, |change, index| change.setting(format!("field {index}"), [index as u8]));
    let session = Subject::created_by(&store, &all(create())).await;
    session
        .write(&(0..200).step_by(2).fold(update(), |change, index| change.unsetting(format!("field {index}"))))
        .await;
    let fields = session.seen().await.fields;
    assert_eq!(fields.len(), 100);
    assert!((0..100).all(|half| fields[&format!("field {}", 2 * half + 1)].0 == [2 * half as u8 + 1]));
    session.write(&(0..200).fold(update(), |change, index| change.adding(format!("count {index}"), index))).await;
    session.write(&all(update())).await;
    assert_eq!(session.seen().await.fields.len(), 400);
    assert_eq!(session.number("count 199").await, Some(199));
}
