//! A session with every policy, and a view, written for an older edition.

use session_runtime::{Session, View, testing, view};

mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u128(value.as_millis())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// Its field `gen` has a name that the 2024 edition reserves as a keyword.
#[derive(Session)]
#[session(idle = 1h 30m, absolute = 12h, domain = "example.com", cookie = "shop")]
pub(crate) struct Shop {
    /// The user who is signed in.
    #[session(identity)]
    user_id: Option<u64>,
    #[session(atomic)]
    cart: Vec<u8>,
    #[session(counter, default = 3)]
    visits: u64,
    #[session(flash, alias = "message")]
    notice: Option<String>,
    #[session(expires = 5m, secret)]
    code: Option<String>,
    #[session(with = millis)]
    pause: std::time::Duration,
    gen: u8,
    #[session(skip, copy)]
    pair: (u8, u8),
}

/// The user who is signed in.
#[view(Shop, or_redirect = "/login", fresh = 10m)]
pub(crate) struct SignedIn {
    user_id: u64,
    gen: u8,
}

#[test]
fn sessions_and_views_work_as_in_any_other_edition() {
    let pause = std::time::Duration::from_secs(1);
    let (user_id, code) = (Some(7), None);
    let shop = Shop { user_id, cart: vec![1], visits: 1, notice: None, code, pause, gen: 2, pair: (3, 4) };
    let mut session = testing::session(|it| *it = shop);
    session.visits_mut().add(1);
    session.notice_mut().put("Saved".to_owned());
    *session.gen_mut() += 1;
    session.code_mut().set("1234".to_owned());
    assert!(session.code_expires_at().is_some());
    assert_eq!((session.user_id(), session.cart(), session.visits(), session.gen()), (Some(7), &[1][..], 2, 3));
    assert_eq!(
        (session.notice(), session.code(), session.pause(), session.pair()),
        (Some("Saved"), Some("1234"), &pause, (3, 4))
    );
    // The session was made by hand, so it has no recent sign-in.
    assert!(View::<SignedIn>::of(&session).is_none());
    let View(me) = View(SignedIn { user_id: 7, gen: 3 });
    assert_eq!((me.user_id, me.gen), (7, 3));
}
