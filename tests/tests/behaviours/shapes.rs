//! F19, B30, B51: a stored value can be read again, however its type uses serde. The write of a value that could not be read
//! again fails. An unreadable value stays until another value replaces it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use session_runtime::{CookieStore, KeyRing, MemoryStore, Session, Sessions};
use tests::{
    app::{Server, Site},
    client::Visitor,
    over_two_stores,
    store::{AnyStore, Controls, Probe},
};

type S = Session<Site>;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Host {
    Ip(IpAddr),
    Name(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged<T> {
    Of { it: T },
    Nothing,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Adjacent<T> {
    One(T),
    Both { it: T, n: u8 },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Inner<T> {
    it: T,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Flat<T> {
    n: u32,
    #[serde(flatten)]
    inner: Inner<T>,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

impl<T> Flat<T> {
    fn of(it: T) -> Self {
        Self { n: 1, inner: Inner { it }, rest: BTreeMap::from([("more".into(), json!([1, null]))]) }
    }
}

/// Text in human-readable formats, bytes in others, like a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Id([u8; 4]);

impl Serialize for Id {
    fn serialize<Z: serde::Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&u32::from_be_bytes(self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<Z: serde::Deserializer<'de>>(deserializer: Z) -> Result<Self, Z::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map(|id: u32| Self(id.to_be_bytes())).map_err(serde::de::Error::custom)
        } else {
            <[u8; 4]>::deserialize(deserializer).map(Self)
        }
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SkipsWithoutDefault {
    a: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Unit;

/// Serialised as bytes rather than as a list of numbers.
#[derive(Clone, Debug)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<Z: serde::Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<Z: serde::Deserializer<'de>>(deserializer: Z) -> Result<Self, Z::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

/// Deserialises from one format only, like `serde_json`'s `RawValue`.
#[derive(Clone, Debug, Serialize)]
struct OneWay;

impl<'de> Deserialize<'de> for OneWay {
    fn deserialize<Z: serde::Deserializer<'de>>(_: Z) -> Result<Self, Z::Error> {
        Err(serde::de::Error::custom("not in this format"))
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Of(Box<Tree>),
}

/// `Some(Nested(None))` would be stored like `None`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Nested(Option<u8>);

fn ip() -> IpAddr {
    "203.0.113.7".parse().unwrap()
}

fn lists(depth: usize) -> serde_json::Value {
    (0..depth).fold(json!(1), |value, _| json!([value]))
}

/// Defines a session with a field for each shape. The last two words of a line say whether the value is read again or refused:
/// first in a store, then in a cookie that scripts can read.
macro_rules! shapes {
    ($($name:ident $change:ident: $type:ty = $value:expr, $stored:ident, $readable:ident;)*) => {
        #[derive(Session)]
        #[session(cookie = "__Host-kit")]
        struct Kit {
            other: u8,
            $($name: Option<$type>,)*
        }

        const SHAPES: &[(&str, &str, &str)] = &[$((stringify!($name), stringify!($stored), stringify!($readable)),)*];

        async fn set(Path(name): Path<String>, mut session: Session<Kit>) -> Result<(), (StatusCode, String)> {
            match name.as_str() {
                $(stringify!($name) => session.$change().set($value),)*
                _ => {}
            }
            session.other_mut().set(8);
            session.save().await.map_err(|error| (StatusCode::IM_A_TEAPOT, format!("{error:?}")))
        }

        async fn show(Path(name): Path<String>, session: Session<Kit>) -> String {
            let is_read = match name.as_str() {
                $(stringify!($name) => {
                    let value: $type = $value;
                    format!("{:?}", session.$name()) == format!("{:?}", Some(value))
                })*
                _ => false,
            };
            format!("{} {is_read}", session.other())
        }
    };
}

shapes! {
    an_address an_address_mut: IpAddr = ip(), reads, reads;
    an_address_with_a_port an_address_with_a_port_mut: SocketAddr = "[::1]:80".parse().unwrap(), reads, reads;
    an_address_in_an_untagged_enum an_address_in_an_untagged_enum_mut: Vec<Host> = vec![Host::Ip(ip()), Host::Name("x".into())], reads, reads;
    an_address_in_a_tagged_enum an_address_in_a_tagged_enum_mut: Tagged<IpAddr> = Tagged::Of { it: ip() }, reads, reads;
    an_adjacent_address an_adjacent_address_mut: Vec<Adjacent<IpAddr>> = vec![Adjacent::One(ip()), Adjacent::Both { it: ip(), n: 1 }], reads, reads;
    a_flattened_address a_flattened_address_mut: Flat<IpAddr> = Flat::of(ip()), reads, reads;
    an_id an_id_mut: Id = Id([1, 2, 3, 4]), reads, reads;
    an_id_in_a_tagged_enum an_id_in_a_tagged_enum_mut: Tagged<Id> = Tagged::Of { it: Id([1, 2, 3, 4]) }, reads, reads;
    a_flattened_id a_flattened_id_mut: Flat<Id> = Flat::of(Id([1, 2, 3, 4])), reads, reads;
    a_map_by_id a_map_by_id_mut: BTreeMap<Id, u8> = BTreeMap::from([(Id([0; 4]), 1)]), reads, reads;
    a_variant_without_content a_variant_without_content_mut: Tagged<u8> = Tagged::Nothing, reads, reads;
    a_duration a_duration_mut: Flat<std::time::Duration> = Flat::of(std::time::Duration::from_millis(1500)), reads, reads;
    a_result a_result_mut: Result<u8, String> = Err("x".into()), reads, reads;
    a_range a_range_mut: std::ops::Range<u32> = 1..5, reads, reads;
    a_char a_char_mut: (char, Unit) = ('ß', Unit), reads, reads;
    borrowed_or_owned_text borrowed_or_owned_text_mut: std::borrow::Cow<'static, str> = "abc".into(), reads, reads;
    a_large_number a_large_number_mut: Flat<u64> = Flat::of(u64::MAX), reads, reads;
    some_json some_json_mut: serde_json::Value = json!({ "a": [1, 2.5, null, { "b": "c" }], "n": -1, "big": u64::MAX }), reads, reads;
    json_of_100_levels json_of_100_levels_mut: serde_json::Value = lists(99), reads, reads;
    not_a_number not_a_number_mut: Vec<f32> = vec![f32::NAN, f32::INFINITY, -0.0], reads, refused;
    a_very_large_number a_very_large_number_mut: (u128, i128) = (u128::MAX, i128::MIN), reads, refused;
    a_map_by_number a_map_by_number_mut: BTreeMap<u32, String> = BTreeMap::from([(1, "a".into())]), reads, refused;
    a_map_by_pair a_map_by_pair_mut: BTreeMap<(u8, u8), String> = BTreeMap::from([((1, 2), "a".into())]), reads, refused;
    some_bytes some_bytes_mut: Bytes = Bytes(vec![0, 255]), reads, refused;

    a_very_large_number_in_a_tagged_enum a_very_large_number_in_a_tagged_enum_mut: Tagged<u128> = Tagged::Of { it: u128::MAX }, refused, refused;
    a_flattened_very_large_number a_flattened_very_large_number_mut: Flat<u128> = Flat::of(u128::MAX), refused, refused;
    a_tagged_map_by_number a_tagged_map_by_number_mut: Tagged<HashMap<u32, u8>> = Tagged::Of { it: HashMap::from([(1, 1)]) }, reads, refused;
    what_is_only_ever_written what_is_only_ever_written_mut: OneWay = OneWay, refused, refused;
    what_is_skipped_without_a_default what_is_skipped_without_a_default_mut: SkipsWithoutDefault = SkipsWithoutDefault { a: 1, list: vec![] }, refused, refused;
    json_of_200_levels json_of_200_levels_mut: serde_json::Value = lists(200), refused, refused;
    a_deep_tree a_deep_tree_mut: Tree = (0..200).fold(Tree::Leaf, |tree, _| Tree::Of(tree.into())), refused, refused;
    an_option_that_is_stored_as_nothing an_option_that_is_stored_as_nothing_mut: Nested = Nested(None), refused, refused;
    json_that_is_null json_that_is_null_mut: serde_json::Value = json!(null), refused, refused;
}

/// Returns the outcome for a shape: `reads`; `refused`, with an error that names the field and no change of the session; or
/// `lost`.
async fn outcome(app: &Router, name: &str) -> String {
    let mut visitor = Visitor::new(app);
    visitor.post("/before").await;
    let set = visitor.post(&format!("/set/{name}")).await;
    let shown = visitor.get(&format!("/show/{name}")).await.body;
    match (set.status.as_u16(), shown.as_str()) {
        (200, "8 true") => "reads".into(),
        (418 | 500, "7 false") if set.body.contains(&format!("`{name}`")) => "refused".into(),
        (status, shown) => format!("lost: {status} {}, then {shown}", set.body),
    }
}

fn routes() -> Router {
    Router::new()
        .route("/before", post(|mut s: Session<Kit>| async move { s.other_mut().set(7) }))
        .route("/set/{name}", post(set))
        .route("/show/{name}", get(show))
}

// F19
#[tokio::test]
async fn every_value_can_be_read_again_or_is_refused() {
    let sessions = Sessions::<Kit>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let app = routes().layer(sessions.layer());
    for (name, expected, _) in SHAPES {
        assert_eq!(outcome(&app, name).await, *expected, "{name}");
    }
}

// F19
#[tokio::test]
async fn every_value_in_a_readable_cookie_can_be_read_again_or_is_refused() {
    let sessions = Sessions::<Kit>::builder().store(CookieStore::signed()).keys(KeyRing::generate()).build().unwrap();
    let app = routes().layer(sessions.layer());
    for (name, _, expected) in SHAPES {
        assert_eq!(outcome(&app, name).await, *expected, "{name}");
    }
}

// F19: an identity that would read as absent does not sign in.
#[tokio::test]
async fn an_identity_that_cannot_be_read_does_not_sign_in() {
    #[derive(Session)]
    #[session(cookie = "__Host-kit")]
    struct Kit {
        #[session(identity)]
        user: Option<Tagged<u128>>,
    }
    let sessions = Sessions::<Kit>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let app = Router::new()
        .route(
            "/",
            post(|mut s: Session<Kit>| async move {
                s.user_mut().log_in(Tagged::Of { it: 7 });
                s.save().await.map_err(|error| (StatusCode::IM_A_TEAPOT, error.to_string()))
            }),
        )
        .layer(sessions.layer());
    let reply = Visitor::new(&app).post("/").await;
    assert!(reply.status != 200 && reply.body.contains("`user`"), "{}", reply.body);
    assert_eq!(reply.set_cookie(), None);
}

// F19
#[tokio::test]
async fn an_update_that_could_not_be_read_fails_and_leaves_the_value() {
    #[derive(Session)]
    #[session(cookie = "__Host-kit")]
    struct Kit {
        #[session(atomic)]
        seen: Vec<Tagged<u128>>,
        #[session(flash)]
        notices: Vec<Tagged<u128>>,
    }
    let sessions = Sessions::<Kit>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build().unwrap();
    let app = Router::new()
        .route(
            "/nothing",
            post(|mut s: Session<Kit>| async move { s.seen_mut().update(|seen| seen.push(Tagged::Nothing)).await }),
        )
        .route(
            "/of",
            post(|mut s: Session<Kit>| async move {
                let error = s.seen_mut().update(|seen| seen.push(Tagged::Of { it: 7 })).await.unwrap_err();
                assert!(error.to_string().contains("`seen`"), "{error}");
                s.seen().len().to_string()
            }),
        )
        .route("/put", post(|mut s: Session<Kit>| async move { s.notices_mut().put(Tagged::Of { it: 7 }) }))
        .layer(sessions.layer());
    let mut visitor = Visitor::new(&app);
    visitor.post("/nothing").await;
    visitor.post("/nothing").await;
    assert_eq!(visitor.post("/of").await.body, "2");
    assert_eq!(visitor.post("/put").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(visitor.post("/of").await.body, "2");
}

over_two_stores! {
    // F19, B30: during a deploy, an older build cannot read some values of a newer one, and must leave them as they are.
    async fn an_unreadable_value_stays_until_it_is_replaced(store) {
        let server = Server::new(store);
        let app = server.serving(Router::new()
            .route("/others", post(|mut s: S| async move {
                s.name_mut().push('!');
                s.visits_mut().add(1);
                s.notices_mut().put("x".into());
                s.lucky_mut().reset();
            }))
            .route("/unchanged", post(|mut s: S| async move {
                s.cart_mut().update(|cart| cart.retain(|item| item != "tea")).await.unwrap();
                s.note_mut().take();
                s.notice_mut().take();
            }))
            .route("/login", post(|mut s: S| async move { s.user_mut().log_in("ada".into()) }))
            .route("/cart", post(|mut s: S| async move { s.cart_mut().update(|cart| cart.push("tea".into())).await })));
        let mut visitor = server.visitor().at(&app);
        visitor.post("/others").await;
        let key = server.key().await;
        let unreadable = [("note", &b"\x81\xa1x\x01"[..]), ("cart", b"\x92\xa3tea\x01"), ("notice", b"\x93\x01\x02\x03")];
        for (name, value) in unreadable {
            server.store.plant(&key, name, value, server.clock.now()).await;
        }
        for path in ["/others", "/unchanged", "/login", "/others", "/unchanged"] {
            assert_eq!(visitor.post(path).await.status, 200, "{path}");
            let stored = server.stored(&key).await.unwrap();
            for (name, value) in unreadable {
                assert_eq!(stored.field(name), Some(value), "{name} after {path}");
            }
        }
        visitor.post("/cart").await;
        assert_eq!(server.stored(&key).await.unwrap().field("cart"), Some(&b"\x91\xa3tea"[..]));
    }
}

// B27: a `HashMap` that is decoded and encoded again may have its entries in another order, so its bytes differ.
#[tokio::test]
async fn an_equal_map_or_set_is_not_written() {
    #[derive(Session)]
    #[session(cookie = "__Host-kit")]
    struct Kit {
        map: HashMap<String, u32>,
        ids: Option<HashSet<u32>>,
        #[session(atomic)]
        shared: HashMap<u32, String>,
    }
    let controls = Arc::<Controls>::default();
    let store = Probe { inner: AnyStore::memory(), controls: Arc::clone(&controls) };
    let sessions = Sessions::<Kit>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
    let app = Router::new()
        .route(
            "/",
            post(|mut s: Session<Kit>| async move {
                s.map_mut().extend((0..20).map(|n| (n.to_string(), n)));
                s.ids_mut().set((0..20).collect());
                s.shared_mut().update(|shared| shared.extend((0..20).map(|n| (n, n.to_string())))).await
            }),
        )
        .route(
            "/other",
            post(|mut s: Session<Kit>| async move {
                s.map_mut().insert("3".into(), 4);
            }),
        )
        .layer(sessions.layer());
    let mut visitor = Visitor::new(&app);
    visitor.post("/").await;
    let before = controls.calls().1;
    for _ in 0..3 {
        visitor.post("/").await;
    }
    assert_eq!(controls.calls().1, before);
    visitor.post("/other").await;
    assert_eq!(controls.calls().1, before + 1);
}
