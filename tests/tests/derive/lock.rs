//! `lock`: a session that matches its lock, `shop.lock` beside this file, compiles like any other. `version`, `migrate` and the
//! paths of types do not matter.

use session_runtime::{Session, testing};

#[derive(Session)]
#[session(lock = "shop.lock", version = 2, idle = 1h)]
struct Shop {
    #[session(identity)]
    user_id: ::std::option::Option<u64>,
    #[session(counter)]
    visits: u64,
    #[session(rename = "the code", secret, alias = "pin")]
    code: Option<String>,
    #[session(migrate = in_cents("price"))]
    cents: u64,
    #[session(skip)]
    scratch: u8,
    /// Not part of this build.
    #[cfg(any())]
    gone: Vec<u8>,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn in_cents(price: f64) -> u64 {
    (price * 100.0) as u64
}

#[test]
fn a_session_that_matches_its_lock_works_like_any_other() {
    let session = Shop { user_id: None, visits: 1, code: None, cents: 2, scratch: 3 };
    let mut session = testing::session(|it| *it = session);
    session.visits_mut().add(1);
    assert_eq!((session.user_id(), session.visits(), session.code()), (None, 2, None));
    assert_eq!((session.cents(), session.scratch()), (2, 3));
}
