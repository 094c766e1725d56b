//! The expansion does not depend on the names in scope, and hides none of them.

use session_runtime::{Schema, Session, testing};

/// Another name for the runtime.
mod facade {
    pub(crate) use session_runtime as sessions;
}

#[no_implicit_prelude]
mod without_prelude {
    #[derive(::session_runtime::Session)]
    #[session(idle = 5m, domain = "example.com", cookie = "bare")]
    pub(crate) struct Bare {
        #[session(identity)]
        pub(crate) user_id: ::std::option::Option<u64>,
        #[session(atomic, default = ::std::vec![1, 2])]
        pub(crate) cart: ::std::vec::Vec<u8>,
        #[session(expires = 1m)]
        pub(crate) code: ::std::option::Option<::std::string::String>,
        #[session(flash, alias = "old")]
        pub(crate) notice: ::std::option::Option<u8>,
        #[session(counter)]
        pub(crate) visits: u8,
        #[session(skip)]
        pub(crate) scratch: ::std::option::Option<u8>,
    }
}

/// Every name that the expansion could refer to means something else here.
#[allow(dead_code, unused_macros)]
mod shadowed {
    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct Some;
    pub(crate) struct Default;
    pub(crate) struct From;
    pub(crate) struct Field;
    pub(crate) struct Slot;
    pub(crate) struct Core;
    pub(crate) struct Duration;
    pub(crate) trait Deref {}
    pub(crate) trait Schema {}
    pub(crate) mod core {}
    pub(crate) mod std {}
    macro_rules! option_env {
        ($($t:tt)*) => {
            compile_error!("the wrong `option_env!`")
        };
    }
    macro_rules! module_path {
        ($($t:tt)*) => {
            compile_error!("the wrong `module_path!`")
        };
    }
    pub(crate) mod session_runtime {}

    #[derive(::session_runtime::Session)]
    #[session(idle = 5m, domain = "example.com", cookie = "shadowed")]
    pub(crate) struct Shop {
        #[session(expires = 1m)]
        pub(crate) code: ::core::option::Option<u8>,
        #[session(default = 3)]
        pub(crate) visits: u8,
    }
}

#[derive(Session)]
#[session(crate = facade::sessions)]
struct Elsewhere {
    visits: u64,
}

// Names that the expansion itself uses.
#[derive(Session)]
struct Names {
    r#type: u8,
    r#match: Option<String>,
    #[session(expires = 1m)]
    r#fn: u8,
    state: u8,
    visitor: u8,
    core: u8,
    field: u8,
    value: u8,
    decoder: u8,
    default: u8,
    new: u8,
    __core: u8,
    __state: u8,
    _unused: u8,
    überall: u8,
}

#[allow(non_camel_case_types, non_snake_case)]
#[derive(Session)]
#[session(cookie = "raw")]
struct r#struct {
    camelCase: u8,
}

// A derive sees the result of `cfg`.
#[derive(Session)]
#[cfg_attr(all(), session(cookie = "by-cfg"))]
#[cfg_attr(any(), session(cookie = "never"))]
struct Configured {
    #[cfg(any())]
    gone: NoSuchType,
    #[cfg(not(any()))]
    #[cfg_attr(all(), session(counter))]
    there: u8,
    #[cfg(any())]
    either: String,
    #[cfg(not(any()))]
    either: u8,
}

mod two_in_one_scope {
    use session_runtime::Session;

    #[derive(Session)]
    pub(crate) struct Shop {
        pub(crate) visits: u8,
    }

    #[derive(Session)]
    pub(crate) struct Admin {
        pub(crate) visits: u8,
    }
}

#[test]
fn the_derive_works_without_a_prelude_and_among_shadowed_names() {
    let bare =
        without_prelude::Bare { user_id: None, cart: vec![], code: None, notice: None, visits: 1, scratch: None };
    let mut session = testing::session(|it| *it = bare);
    session.visits_mut().add(1);
    assert_eq!(session.cart_mut().len(), 0);
    assert_eq!((session.visits(), session.code(), session.scratch()), (2, None, None));
    session.code_mut().set("1".into());
    assert!(session.code_expires_at().is_some());

    let session = testing::session(|it| *it = shadowed::Shop { code: None, visits: 1 });
    assert_eq!((session.code(), session.visits()), (None, 1));

    let session = testing::session(|it| *it = Elsewhere { visits: 1 });
    assert_eq!(session.visits(), 1);
}

#[test]
fn raw_identifiers_are_stored_without_their_prefix() {
    let names = Names {
        r#type: 1,
        r#match: None,
        r#fn: 2,
        state: 3,
        visitor: 4,
        core: 5,
        field: 6,
        value: 7,
        decoder: 8,
        default: 9,
        new: 10,
        __core: 11,
        __state: 12,
        _unused: 13,
        überall: 14,
    };
    let mut session = testing::session(|it| *it = names);
    *session.type_mut() += 1;
    session.match_mut().set("m".into());
    *session.überall_mut() += 1;
    assert_eq!((session.r#type(), session.r#match(), session.r#fn()), (2, Some("m"), 2));
    assert_eq!((session.state(), session.visitor(), session.core(), session.field()), (3, 4, 5, 6));
    assert_eq!((session.value(), session.decoder(), session.default(), session.new()), (7, 8, 9, 10));
    assert_eq!((session.__core(), session.__state(), session._unused(), session.überall()), (11, 12, 13, 15));
    assert!(session.fn_expires_at().is_none());
    let spec = format!("{:?}", Names::SPEC);
    assert!(spec.contains("name: \"type\"") && spec.contains("name: \"fn\"") && !spec.contains("r#"), "{spec}");
}

#[test]
fn cfg_applies_to_fields_and_attributes() {
    let mut session = testing::session(|it| *it = Configured { there: 1, either: 2 });
    session.there_mut().add(1);
    assert_eq!((session.there(), session.either()), (2, 2));
    assert!(format!("{:?}", Configured::SPEC).contains("name: \"by-cfg\""));
}

#[test]
fn structs_can_have_raw_names_and_share_a_scope() {
    let session = testing::session(|it| *it = r#struct { camelCase: 1 });
    assert_eq!(session.camelCase(), 1);
    let (shop, admin) = (two_in_one_scope::Shop { visits: 1 }, two_in_one_scope::Admin { visits: 2 });
    assert_eq!((testing::session(|it| *it = shop).visits(), testing::session(|it| *it = admin).visits()), (1, 2));
}

#[test]
fn a_session_can_be_defined_within_a_function() {
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    struct Local;
    #[derive(Session)]
    struct Shop {
        local: Local,
    }
    let _: &Local = testing::session(|it| *it = Shop { local: Local }).local();
}
