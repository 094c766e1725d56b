//! The types that a view's field may have for each type of a session's field. `#[view]` relies on no name in scope.

use std::{collections::BTreeMap, time::SystemTime};

use session_runtime::{Session, View, Viewed, testing, view};

use crate::readers::{Line, Shapes};

/// A view of every field whose type is `Clone`. Optional fields must be present.
#[view(Shapes)]
struct Present {
    number: u16,
    float: f64,
    letter: char,
    yes: bool,
    maybe_number: i128,
    maybe_yes: bool,
    text: String,
    spelled_out: std::string::String,
    list: Vec<Line>,
    spelled_list: Vec<Line>,
    maybe_text: String,
    maybe_list: Vec<Line>,
    maybe_line: Line,
    nested: Option<u8>,
    line: Line,
    alias: Line,
    map: BTreeMap<String, Vec<u8>>,
    array: [u8; 4],
    tuple: (u8, String),
    boxed: Box<str>,
    by_value: (u8, u8),
    maybe_by_value: (u8, u8),
    atomic: Vec<Line>,
    atomic_maybe: Line,
    counter: i64,
    flash: Line,
    flashes: Vec<Line>,
    identity: String,
}

/// A view of every optional field, present or not.
#[view(Shapes)]
#[derive(Debug, PartialEq)]
struct Optional {
    maybe_number: Option<i128>,
    maybe_yes: Option<bool>,
    maybe_text: Option<String>,
    maybe_list: Option<Vec<Line>>,
    maybe_line: Option<Line>,
    nested: Option<Option<u8>>,
    alias: Option<Line>,
    maybe_by_value: Option<(u8, u8)>,
    atomic_maybe: Option<Line>,
    flash: Option<Line>,
    identity: Option<String>,
}

/// A view of the session's own properties.
#[view(Shapes)]
struct Core {
    created_at: SystemTime,
    authenticated_at: Option<SystemTime>,
    expires_at: SystemTime,
    is_new: bool,
    fingerprint: Option<String>,
}

fn shapes(full: bool) -> Shapes {
    let line = || full.then_some(Line(7));
    Shapes {
        number: 1,
        float: 2.0,
        letter: 'c',
        yes: true,
        maybe_number: full.then_some(3),
        maybe_yes: full.then_some(false),
        text: "text".into(),
        spelled_out: "out".into(),
        list: vec![Line(4)],
        spelled_list: vec![],
        maybe_text: full.then(|| "maybe".into()),
        maybe_list: full.then(|| vec![Line(5)]),
        maybe_line: line(),
        nested: full.then_some(None),
        line: Line(6),
        alias: line(),
        map: BTreeMap::from([("key".into(), vec![8])]),
        array: [9; 4],
        tuple: (10, "ten".into()),
        boxed: "boxed".into(),
        foreign: crate::readers::other::Vec(1),
        foreign_text: crate::readers::other::String,
        by_value: (11, 12),
        maybe_by_value: full.then_some((13, 14)),
        atomic: vec![Line(15)],
        atomic_maybe: line(),
        counter: -16,
        flash: line(),
        flashes: vec![Line(17)],
        identity: full.then(|| "ada".into()),
    }
}

#[test]
fn views_read_every_form_of_a_present_field() {
    let session = testing::session(|it| *it = shapes(true));
    let View(it) = View::<Present>::of(&session).unwrap();
    assert_eq!((it.number, it.float, it.letter, it.yes, it.maybe_number, it.maybe_yes), (1, 2.0, 'c', true, 3, false));
    assert_eq!(
        (&*it.text, &*it.spelled_out, &*it.maybe_text, &*it.identity, &*it.boxed),
        ("text", "out", "maybe", "ada", "boxed")
    );
    assert_eq!((it.list, it.spelled_list, it.maybe_list), (vec![Line(4)], vec![], vec![Line(5)]));
    assert_eq!((it.maybe_line, it.nested, it.line, it.alias), (Line(7), None, Line(6), Line(7)));
    assert_eq!((&it.map["key"][..], it.array, it.tuple), (&[8][..], [9; 4], (10, "ten".into())));
    assert_eq!((it.by_value, it.maybe_by_value, it.counter), ((11, 12), (13, 14), -16));
    assert_eq!((it.atomic, it.atomic_maybe), (vec![Line(15)], Line(7)));
    assert_eq!((it.flash, it.flashes), (Line(7), vec![Line(17)]));
    let View(it) = View::<Optional>::of(&session).unwrap();
    assert_eq!((it.maybe_number, it.maybe_list, it.nested), (Some(3), Some(vec![Line(5)]), Some(None)));
}

#[test]
fn views_read_every_form_of_an_absent_field() {
    let session = testing::session(|it| *it = shapes(false));
    assert!(View::<Present>::of(&session).is_none());
    let nothing = Optional {
        maybe_number: None,
        maybe_yes: None,
        maybe_text: None,
        maybe_list: None,
        maybe_line: None,
        nested: None,
        alias: None,
        maybe_by_value: None,
        atomic_maybe: None,
        flash: None,
        identity: None,
    };
    assert_eq!(View::of(&session), Some(View(nothing)));
}

#[test]
fn views_read_the_sessions_own_properties() {
    let mut session = testing::session(|it| *it = shapes(false));
    let before = SystemTime::now() - std::time::Duration::from_millis(1);
    let View(it) = View::<Core>::of(&session).unwrap();
    assert!(it.created_at >= before && it.expires_at > it.created_at);
    assert_eq!((it.authenticated_at, it.is_new, it.fingerprint), (None, true, None));
    session.identity_mut().log_in("ada".into());
    assert!(View::<Core>::of(&session).unwrap().0.authenticated_at >= Some(before));
}

#[derive(Session)]
pub(crate) struct Shop {
    #[session(identity)]
    user_id: Option<u64>,
    roles: Vec<String>,
    theme: String,
}

impl ShopFields {
    fn is_staff(&self) -> bool {
        self.roles().iter().any(|role| role == "staff")
    }

    /// Returns `None` unless the user is an admin.
    fn admin(&self) -> Option<&str> {
        self.roles().iter().find(|role| *role == "admin").map(String::as_str)
    }
}

fn shop(user_id: Option<u64>, role: &str) -> Session<Shop> {
    testing::session(|it| *it = Shop { user_id, roles: vec![role.into()], theme: "dark".into() })
}

#[test]
fn an_applications_own_methods_can_be_fields_of_a_view() {
    #[view(Shop, or_status = 403)]
    struct Admin {
        user_id: u64,
        is_staff: bool,
        admin: String,
    }
    assert!(View::<Admin>::of(&shop(Some(1), "staff")).is_none());
    assert!(View::<Admin>::of(&shop(None, "admin")).is_none());
    let View(it) = View::<Admin>::of(&shop(Some(1), "admin")).unwrap();
    assert_eq!((it.user_id, it.is_staff, &*it.admin), (1, false, "admin"));
}

#[test]
fn cfg_removes_views_and_their_fields() {
    #[view(Shop)]
    #[cfg(not(test))]
    struct Never {
        nothing: Missing,
    }
    #[view(Shop)]
    struct Sometimes {
        theme: String,
        #[cfg(test)]
        user_id: u64,
        #[cfg(not(test))]
        user_id: Missing,
        #[cfg(not(test))]
        nothing: Missing,
    }
    let View(it) = View::<Sometimes>::of(&shop(Some(1), "")).unwrap();
    assert_eq!((it.user_id, &*it.theme), (1, "dark"));
}

macro_rules! views {
    ($session:ty, $path:path, $field:ident: $ty:ty, $to:literal, $fresh:tt, $($arguments:tt)*) => {
        #[view($session)]
        struct OfType {
            theme: String,
            $field: $ty,
        }

        #[view($path, or_redirect = $to, fresh = $fresh)]
        struct OfPath {
            $field: Option<$ty>,
        }

        #[view($($arguments)*)]
        struct OfTokens {
            $field: $ty,
        }
    };
}

views!(Shop, crate::views::Shop, user_id: u64, "/login", 10m, Shop, or_status = 404);

#[test]
fn a_macro_can_write_views() {
    let mut session = shop(Some(1), "");
    let View(it) = View::<OfType>::of(&session).unwrap();
    assert_eq!((&*it.theme, it.user_id), ("dark", 1));
    assert_eq!(View::<OfTokens>::of(&session).unwrap().0.user_id, 1);
    assert!(View::<OfPath>::of(&session).is_none(), "there is no recent sign-in");
    session.user_id_mut().log_in(2);
    assert_eq!(View::<OfPath>::of(&session).unwrap().0.user_id, Some(2));
}

/// Another name for the runtime.
mod facade {
    pub(crate) use session_runtime as sessions;
}

#[no_implicit_prelude]
mod without_prelude {
    #[::session_runtime::view(super::Shop, or_redirect = "/login", fresh = 1m)]
    pub(crate) struct Bare {
        pub(crate) user_id: ::std::primitive::u64,
        pub(crate) theme: ::std::string::String,
    }
}

/// Every name that the expansion could refer to means something else here.
#[allow(dead_code)]
mod shadowed {
    pub(crate) struct Option;
    pub(crate) struct Some;
    pub(crate) struct None;
    pub(crate) struct View;
    pub(crate) struct Duration;
    pub(crate) trait Viewed {}
    pub(crate) trait Schema {}
    pub(crate) fn project() {}
    #[allow(non_upper_case_globals)]
    pub(crate) const value: u8 = 0;
    pub(crate) mod core {}
    pub(crate) mod std {}
    pub(crate) mod session_runtime {}

    #[::session_runtime::view(super::Shop, fresh = 1m)]
    pub(crate) struct Shadowed {
        pub(crate) theme: ::std::string::String,
    }
}

#[view(Shop, crate = facade::sessions)]
struct Elsewhere {
    theme: String,
}

mod apart {
    //! A view can read the private fields of a session that are visible in the view's own module.

    #[derive(session_runtime::Session)]
    pub(crate) struct Inner {
        pub(crate) r#type: u8,
        own: u8,
    }

    #[session_runtime::view(Inner)]
    pub(crate) struct Own {
        pub(crate) own: u8,
    }

    pub(crate) const INNER: Inner = Inner { r#type: 1, own: 2 };
}

#[view(apart::Inner)]
struct Names {
    r#type: u8,
}

#[test]
fn views_rely_on_nothing_in_scope() {
    fn of<V: Viewed<Session = Shop>>(session: &Session<Shop>) -> Option<V> {
        View::of(session).map(|View(view)| view)
    }
    let mut session = shop(Some(1), "");
    assert!(of::<without_prelude::Bare>(&session).is_none() && of::<shadowed::Shadowed>(&session).is_none());
    session.user_id_mut().log_in(2);
    assert_eq!(
        of::<without_prelude::Bare>(&session).map(|bare| (bare.user_id, bare.theme.is_empty())),
        Some((2, true))
    );
    assert_eq!(of::<shadowed::Shadowed>(&session).map(|it| it.theme.is_empty()), Some(true));
    assert_eq!(of::<Elsewhere>(&session).map(|it| it.theme.is_empty()), Some(true));
    let session = testing::session(|it| *it = apart::INNER);
    assert_eq!(View::<Names>::of(&session).map(|View(names)| names.r#type), Some(1));
    assert_eq!(View::<apart::Own>::of(&session).map(|View(own)| own.own), Some(2));
}
