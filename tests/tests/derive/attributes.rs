//! Each attribute reaches the runtime.

use std::{collections::HashMap, time::Duration};

use session_runtime::{Schema, Session, testing};

const CODE: Duration = Duration::from_secs(90);

mod limits {
    use std::time::Duration;
    pub(crate) const TOUCH: Duration = Duration::from_secs(7);
}

#[derive(Session)]
#[session(cookie = "shop", idle = 10m, absolute = "1h 30m", remember = 2w, touch = limits::TOUCH)]
#[session(persistent, secure = true, http_only = false, same_site = "Strict", path = "/shop", domain = "example.com")]
#[session(partitioned = false)]
pub(crate) struct Everything {
    #[session(identity)]
    pub user_id: Option<u64>,
    #[session(atomic)]
    pub cart: Vec<String>,
    #[session(counter, default = 5)]
    pub tries: i8,
    #[session(flash)]
    pub notice: Option<String>,
    #[session(flash, alias = "messages", alias = "toasts")]
    pub notices: Vec<String>,
    #[session(expires = CODE)]
    pub code: Option<String>,
    #[session(device, rename = "lang")]
    pub language: String,
    #[session(default = HashMap::<String, Vec<u8>>::from([("a".to_owned(), vec![1, 2])]), expires = 500ms)]
    pub map: HashMap<String, Vec<u8>>,
    #[session(with = millis)]
    pub pause: Duration,
    #[session(with = "millis", default = Duration::from_secs(1),)]
    pub quoted: Duration,
    #[session(skip, default)]
    pub scratch: Option<std::thread::Thread>,
    #[session(copy)]
    pub pair: (u8, u8),
}

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

fn value() -> Everything {
    Everything {
        user_id: Some(7),
        cart: vec!["tea".into()],
        tries: 3,
        notice: Some("Saved".into()),
        notices: vec!["one".into()],
        code: Some("1234".into()),
        language: "en".into(),
        map: HashMap::new(),
        pause: Duration::from_secs(1),
        quoted: Duration::from_secs(2),
        scratch: None,
        pair: (1, 2),
    }
}

/// Returns the part of the spec's `{:?}` output that describes one field.
fn described(name: &str) -> String {
    let spec = format!("{:?}", Everything::SPEC);
    let start = spec.find(&format!("name: {name:?}, aliases")).unwrap_or_else(|| panic!("{name} is not in {spec}"));
    spec[start..].split('}').next().unwrap().to_owned()
}

#[test]
fn the_structs_attributes_reach_the_runtime() {
    let spec = format!("{:?}", Everything::SPEC);
    for part in [
        "name: \"Everything\"",
        "name: \"shop\"",
        "path: \"/shop\"",
        "domain: Some(\"example.com\")",
        "secure: true",
        "http_only: false",
        "same_site: Strict",
        "partitioned: false",
        "persistent: true",
        "idle: 600s",
        "absolute: 5400s",
        "remember: Some(1209600s)",
        "touch: Some(7s)",
    ] {
        assert!(spec.contains(part), "{part} is not in {spec}");
    }
}

#[test]
fn the_fields_attributes_reach_the_runtime() {
    for (name, parts) in [
        ("user_id", ["policy: Identity", "device: false", "expires: None"]),
        ("cart", ["policy: Atomic", "aliases: []", "expires: None"]),
        ("tries", ["policy: Counter", "device: false", "expires: None"]),
        ("notice", ["policy: Flash", "aliases: []", "expires: None"]),
        ("notices", ["policy: Flash", "aliases: [\"messages\", \"toasts\"]", "expires: None"]),
        ("code", ["policy: Plain", "expires: Some(90s)", "device: false"]),
        ("lang", ["policy: Plain", "device: true", "expires: None"]),
        ("map", ["policy: Plain", "expires: Some(500ms)", "device: false"]),
        ("scratch", ["policy: Skip", "aliases: []", "expires: None"]),
    ] {
        let described = described(name);
        for part in parts {
            assert!(described.contains(part), "{part} is not in {described}");
        }
    }
}

#[test]
fn a_bare_struct_has_the_safe_defaults() {
    #[derive(Session)]
    struct GuestBook {
        _entries: u8,
    }
    let spec = format!("{:?}", GuestBook::SPEC);
    for part in [
        "kind: \"GuestBook\"",
        "app: \"tests\"",
        "name: \"__Host-guest-book\"",
        "path: \"/\"",
        "domain: None",
        "secure: true",
        "http_only: true",
        "same_site: Lax",
        "partitioned: false",
        "persistent: false",
        "idle: 1800s",
        "absolute: 43200s",
        "remember: None",
        "touch: None",
    ] {
        assert!(spec.contains(part), "{part} is not in {spec}");
    }
    let _ = testing::into_value(testing::session(|it| *it = GuestBook { _entries: 0 }));
}

// B44
#[test]
fn a_value_goes_into_a_session_and_back() {
    let back = testing::into_value(testing::session(|it| *it = value()));
    assert_eq!((back.user_id, back.tries, back.pair), (Some(7), 3, (1, 2)));
    assert_eq!((back.cart, back.notices, back.language.as_str()), (vec!["tea".into()], vec!["one".into()], "en"));
    assert_eq!((back.pause, back.quoted), (Duration::from_secs(1), Duration::from_secs(2)));
}

#[test]
fn each_policy_has_its_handle() {
    let mut session = testing::session(|it| *it = value());
    session.tries_mut().sub(1);
    session.notices_mut().put("two".into());
    assert_eq!(session.notice_mut().take().as_deref(), Some("Saved"));
    session.code_mut().set("99".into());
    session.language_mut().push('!');
    session.pair_mut().set((3, 4));
    session.user_id_mut().log_out();
    assert_eq!(session.tries(), 5, "a field that is not `device` returns to its default");
    assert_eq!(session.language(), "en!");
    assert_eq!(session.user_id(), None);
}

#[test]
fn a_reset_returns_to_the_default() {
    let mut session = testing::session(|it| *it = value());
    session.map_mut().reset();
    session.quoted_mut().reset();
    assert_eq!(session.map()["a"], [1, 2]);
    assert_eq!(session.quoted(), &Duration::from_secs(1));
}

#[test]
fn expires_at_returns_the_end_of_a_field() {
    let mut session = testing::session(|it| *it = value());
    session.code_mut().clear();
    let _: Option<std::time::SystemTime> = session.code_expires_at();
    session.code_mut().set("1".into());
    assert!(session.code_expires_at().is_some());
}
