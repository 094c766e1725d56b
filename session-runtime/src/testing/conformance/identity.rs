//! Who a session belongs to.

use std::sync::Arc;

use super::subject::{NOW, Sentence as _, Subject, after, create, update};
use crate::store::Store;

// S13, S17
pub(super) async fn signing_in_and_out<S: Store>(store: Arc<S>) {
    let session = Subject::created(&store).await;
    session.write(&update().signing_in(b"ada", after(1))).await;
    let record = session.seen().await.record;
    assert_eq!((record.user.as_deref(), record.authenticated_at), (Some(&b"ada"[..]), Some(after(1))));
    session.write(&update().signing_in(b"bob", after(2))).await;
    let record = session.seen().await.record;
    assert_eq!((record.user.as_deref(), record.authenticated_at), (Some(&b"bob"[..]), Some(after(2))));
    session.write(&update().signing_out()).await;
    let record = session.seen().await.record;
    assert_eq!((record.user, record.authenticated_at), (None, None));
    // Out again is no error.
    session.write(&update().signing_out()).await;
}

pub(super) async fn a_user_is_any_bytes<S: Store>(store: Arc<S>) {
    let long = vec![0xfe; 10_000];
    for user in [&b""[..], b"\0", b"\xff\xfe\0\xc3(", b"null", long.as_slice()] {
        let session = Subject::created(&store).await;
        session.write(&update().signing_in(user, NOW)).await;
        assert_eq!(session.seen().await.record.user.as_deref(), Some(user));
    }
}

pub(super) async fn only_signing_changes_the_user<S: Store>(store: Arc<S>) {
    let session = Subject::created_by(&store, &create().signing_in(b"ada", NOW)).await;
    session.write(&update().setting("user", b"bob").adding("authenticated_at", 1).unsetting("ada")).await;
    session.write(&update().keeping([]).touching(after(40)).restarting(after(50), after(60), true)).await;
    let record = session.seen().await.record;
    assert_eq!((record.user.as_deref(), record.authenticated_at), (Some(&b"ada"[..]), Some(NOW)));
}
