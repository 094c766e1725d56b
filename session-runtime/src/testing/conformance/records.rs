//! Records as wholes: there, not there, created, deleted.

use std::sync::Arc;

use super::subject::{APPLIED, NOW, Sentence as _, Subject, after, create, digest, update};
use crate::{
    clock::Timestamp,
    store::{Applied, Change, Key, Store},
};

// B29, S3
pub(super) async fn an_unknown_key_loads_as_none<S: Store>(store: Arc<S>) {
    let nobody = Subject::absent(&store);
    assert_eq!(nobody.load(NOW).await, None);
    // Asking leaves nothing behind: S5.
    assert_eq!(nobody.load(NOW).await, None);
    assert_eq!(nobody.apply(&update()).await, Applied::Gone);
}

pub(super) async fn a_created_record_loads_as_written<S: Store>(store: Arc<S>) {
    let seen = Subject::created(&store).await.seen().await;
    let record = &seen.record;
    assert_eq!(seen.verifiers(), (digest(1), None));
    assert_eq!((record.generation, record.remembered), (0, false));
    assert_eq!((record.created_at, record.seen_at, record.renewed_at), (NOW, NOW, NOW));
    assert_eq!((record.idle_until, record.ends_at), (after(30), after(720)));
    assert_eq!((&record.user, record.authenticated_at), (&None, None));
    assert!(seen.fields.is_empty());
}

pub(super) async fn a_create_may_bring_fields_and_a_user<S: Store>(store: Arc<S>) {
    let create = create().setting("theme", b"dark").adding("visits", 3).signing_in(b"ada", NOW).touching(after(60));
    let session = Subject::created_by(&store, &create).await;
    assert_eq!(session.value("theme").await.as_deref(), Some(&b"dark"[..]));
    assert_eq!(session.number("visits").await, Some(3));
    let record = session.seen().await.record;
    assert_eq!((record.user.as_deref(), record.authenticated_at), (Some(&b"ada"[..]), Some(NOW)));
    assert_eq!(record.idle_until, after(60));
}

// S10
pub(super) async fn a_taken_key_is_a_conflict<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("theme", b"dark")).await;
    let usurper = Change::create(digest(2), after(1), Timestamp::NEVER, Timestamp::NEVER);
    session.assert_unchanged_by(&usurper, Applied::Conflict).await;
    session.assert_unchanged_by(&usurper.setting("theme", b"light"), Applied::Conflict).await;
}

// S48
pub(super) async fn records_do_not_mix<S: Store>(store: Arc<S>) {
    let ada = Subject::created_by(&store, &create().setting("name", b"ada")).await;
    let bob = Subject::created_by(&store, &create().setting("name", b"bob")).await;
    ada.write(&update().setting("name", b"Ada").setting("only", b"hers")).await;
    assert_eq!(bob.value("name").await.as_deref(), Some(&b"bob"[..]));
    assert_eq!(bob.value("only").await, None);
    bob.delete().await;
    assert_eq!(ada.value("name").await.as_deref(), Some(&b"Ada"[..]));
}

// B26, S20
pub(super) async fn deleting_removes<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("theme", b"dark")).await;
    session.delete().await;
    assert_eq!(session.load(NOW).await, None);
}

// B31
pub(super) async fn deleting_what_is_missing_is_fine<S: Store>(store: Arc<S>) {
    let session = Subject::absent(&store);
    session.delete().await;
    assert_eq!(session.apply(&create()).await, APPLIED);
    session.delete().await;
    session.delete().await;
    assert_eq!(session.load(NOW).await, None);
}

pub(super) async fn a_deleted_key_may_be_created_again<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().setting("theme", b"dark")).await;
    session.write(&update().setting("cart", b"full")).await;
    session.delete().await;
    assert_eq!(session.apply(&create().setting("theme", b"light")).await, APPLIED);
    let fields = session.seen().await.fields;
    assert_eq!(fields.len(), 1, "nothing of the old record shows in the new: {fields:?}");
    assert_eq!(fields["theme"].0, b"light");
}

// S8: what lists sessions gives back their digests, and ends them by these.
pub(super) async fn a_key_made_from_a_digest_names_the_same_record<S: Store>(store: Arc<S>) {
    let named = |session: &Subject<S>| Subject { store: store.clone(), key: Key::from_digest(session.key.digest()) };
    let session = Subject::created_by(&store, &create().setting("theme", b"dark")).await;
    let by_digest = named(&session);
    assert_eq!(by_digest.value("theme").await.as_deref(), Some(&b"dark"[..]));
    by_digest.write(&update().setting("theme", b"light")).await;
    assert_eq!(session.value("theme").await.as_deref(), Some(&b"light"[..]));
    assert_eq!(by_digest.apply(&create()).await, Applied::Conflict);
    by_digest.delete().await;
    assert_eq!(session.load(NOW).await, None);
    let nobody = named(&Subject::absent(&store));
    assert_eq!(nobody.load(NOW).await, None);
    assert_eq!(nobody.apply(&update()).await, Applied::Gone);
    nobody.delete().await;
}
