//! The value that the benchmarks store, as large as a session of eight fields, and the memory that it takes.

use session_runtime::store::{Key, Value};
use tests::servers::RedisServer;

use super::{
    open,
    values::{NOW, create, replace, value_until},
    works::LIFETIME,
};

/// Names and values of the fields: identity, list, texts, notice, counter and number.
fn fields() -> Vec<(&'static str, Vec<u8>)> {
    fn encoded(value: impl serde::Serialize) -> Vec<u8> {
        rmp_serde::to_vec(&value).unwrap()
    }
    vec![
        ("user", encoded(1_000_000)),
        ("cart", encoded([1, 2, 3])),
        ("theme", encoded("dark")),
        ("locale", encoded("en-GB")),
        ("notice", encoded("Welcome back")),
        ("visits", encoded(41)),
        ("last", encoded("/products/tea")),
        ("score", encoded(1000)),
    ]
}

/// Bytes that a session's verifier, nonces and times take besides its fields.
const HEADER: usize = 100;

/// Returns a session with a revision of its own.
pub fn session() -> Value {
    let fields = fields().into_iter().flat_map(|(name, value)| [name.as_bytes(), &value].concat());
    value_until(NOW + LIFETIME, [vec![7; HEADER], fields.collect()].concat())
}

/// Prints the memory that a session takes after many writes.
pub async fn measure(server: &RedisServer) {
    let store = &open(server, 1, "room:").await[0];
    let key = Key::random().unwrap();
    let mut held = create(store, &key, &session()).await;
    for _ in 0..12 {
        held = replace(store, &key, &held, &session()).await;
    }
    let bytes: u64 = server.ask(&["MEMORY", "USAGE", &format!("room:{}", key.hex())]).unwrap();
    println!("a session of {} bytes takes {bytes} (bar: 400 at most)", held.value().to_bytes().len());
}
