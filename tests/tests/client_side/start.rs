//! Errors at start, each in one sentence that says what to write instead.

use session_runtime::{
    CookieStore, KeyRing, Schema, Session, Sessions, SessionsBuilder,
    store::{ListsUsers, SharesFields},
};

use crate::site::Prefs;

#[derive(Session)]
struct Secretive {
    #[session(secret)]
    code: Option<String>,
}

fn builder<S: Schema>(store: CookieStore) -> SessionsBuilder<S>
where
    CookieStore: ListsUsers<S::Needs> + SharesFields<S::Needs>,
{
    Sessions::<S>::builder().store(store).keys(KeyRing::generate())
}

fn error<S: Schema>(builder: SessionsBuilder<S>) -> String {
    let error = builder.build().unwrap_err();
    assert!(error.is_setup());
    error.to_string()
}

#[test]
fn secret_fields_are_refused_in_signed_cookies() {
    assert!(builder::<Secretive>(CookieStore::encrypted()).build().is_ok());
    assert_eq!(
        error(builder::<Secretive>(CookieStore::signed())),
        "`code` of the `Secretive` sessions is `secret`, and a signed cookie is readable: keep them in \
         `CookieStore::encrypted()`, which is `cookie:` as a URL"
    );
}

#[test]
fn a_session_is_split_into_at_most_four_cookies() {
    for chunks in [0, 5] {
        assert_eq!(
            error(builder::<Prefs>(CookieStore::encrypted().split(chunks))),
            format!("a session can be in 1 to 4 cookies, not in {chunks}: change `CookieStore::split`")
        );
    }
}

#[test]
fn rotate_every_is_refused_for_cookies() {
    let every = std::time::Duration::from_secs(60);
    assert_eq!(
        error(builder::<Prefs>(CookieStore::encrypted()).rotate_every(every)),
        "`rotate_every` of the `Prefs` sessions renews ids, and sessions in cookies have none: drop it, or keep them in a store"
    );
}
