//! The session of the benchmarks, of eight fields, and the room that it takes.

use redis::AsyncCommands as _;
use session_runtime::store::{Change, Digest, Key, Renew};
use tests::{
    records::{NOW, create_until, set, sign_in, update, user, write},
    servers::RedisServer,
};

use super::{connect, open, works::LIFETIME};

/// Names and values as they are stored: identity, list, texts, notice, counter and number.
pub fn fields() -> Vec<(&'static str, Vec<u8>)> {
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

/// What begins such a session.
pub fn begin() -> Change {
    let begin = sign_in(create_until(NOW + LIFETIME), &user(), NOW);
    fields().into_iter().fold(begin, |begin, (name, value)| set(begin, name, value))
}

/// Of one that was changed often and renewed, so that its header is as large as it gets.
pub async fn measure(server: &RedisServer) {
    let store = &open(server, 1, "room:").await[0];
    let key = Key::random().unwrap();
    write(store, &key, &begin()).await;
    let renew = Change { renew: Some(Renew::Privilege { to: Digest::from([2; 16]) }), ..update() };
    write(store, &key, &renew).await;
    for _ in 0..12 {
        write(store, &key, &set(Change::update(1), "score", [7])).await;
    }
    let _: () = connect(server, 1).await[0].hset_multiple("room:bare", &fields()).await.unwrap();
    server.ask::<u32>(&["PEXPIRE", "room:bare", "1800000"]).unwrap();
    let bytes = |key: &str| server.ask::<u64>(&["MEMORY", "USAGE", key]).unwrap();
    println!(
        "a session of eight fields takes {} bytes, of which its bare fields take {} (bar: 450 at most)",
        bytes(&format!("room:s:{}", key.hex())),
        bytes("room:bare")
    );
}
