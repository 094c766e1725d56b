//! Structs that a `macro_rules!` macro writes. The compiler wraps the macro's fragments in invisible groups.

use std::time::Duration;

use session_runtime::{Schema, Session, testing};

macro_rules! session {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($field:ident: $ty:ty = $default:expr, stored as $stored:literal for $life:literal;)*
    }) => {
        #[derive(Session)]
        $(#[$meta])*
        $vis struct $name {
            $(#[session(rename = $stored, default = $default, expires = $life)] $vis $field: $ty,)*
            #[session(counter)]
            own: u64,
        }
    };
}

session! {
    /// Written by a macro.
    #[session(idle = 5m, absolute = 1h)]
    pub(crate) struct Written {
        text: String = "a, b".to_owned(), stored as "t" for "5m";
        maybe: Option<Vec<u8>> = Some(vec![1 + 1]), stored as "m" for 30s;
        number: u64 = 2 + 3, stored as "n" for 1m;
    }
}

macro_rules! tokens {
    ($($tokens:tt)*) => {
        #[derive(Session)]
        #[session($($tokens)*)]
        struct Tokens {
            visits: u64,
        }
    };
}

tokens!(idle = 1h 30m, absolute = 2h, same_site = strict);

macro_rules! kinds {
    ($ty:ty, $inner:ty, $policy:meta, $path:path, $limit:path) => {
        mod kinds {
            use super::*;

            #[derive(Session)]
            pub(super) struct Kinds {
                #[session($policy)]
                pub(super) list: $ty,
                #[session(flash)]
                pub(super) one: Option<$inner>,
                #[session(with = $path, expires = $limit)]
                pub(super) pause: Duration,
            }
        }
    };
}

mod secs {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) const LIMIT: Duration = Duration::from_secs(3);

    pub(crate) fn serialize<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(value.as_secs())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

kinds!(Vec<String>, String, flash, crate::macro_rules::secs, crate::macro_rules::secs::LIMIT);

#[test]
fn fragments_are_read_like_plain_tokens() {
    let mut session = testing::session(|it| *it = Written { text: String::new(), maybe: None, number: 0, own: 1 });
    let _: (&str, Option<&[u8]>, u64, u64) = (session.text(), session.maybe(), session.number(), session.own());
    session.text_mut().reset();
    session.maybe_mut().set(vec![1]);
    session.number_mut().reset();
    session.own_mut().add(1);
    assert_eq!((session.text(), session.number(), session.own()), ("a, b", 5, 2));
    let spec = format!("{:?}", Written::SPEC);
    for part in ["name: \"t\"", "expires: Some(300s)", "expires: Some(30s)", "expires: Some(60s)", "idle: 300s"] {
        assert!(spec.contains(part), "{part} is not in {spec}");
    }
    assert!(format!("{:?}", Tokens::SPEC).contains("idle: 5400s"));
    assert_eq!(testing::session(|it| *it = Tokens { visits: 1 }).visits(), 1);
}

#[test]
fn types_and_paths_can_be_fragments() {
    let kinds = kinds::Kinds { list: vec!["a".into()], one: None, pause: Duration::ZERO };
    let mut session = testing::session(|it| *it = kinds);
    let _: &[String] = session.list();
    assert_eq!(session.list_mut().take(), ["a"]);
    session.one_mut().put("b".into());
    assert_eq!(session.one(), Some("b"));
    assert!(format!("{:?}", kinds::Kinds::SPEC).contains("expires: Some(3s)"));
}
