//! Tests how Redis URLs are parsed, and the errors about invalid ones. `wire` tests the commands that are sent, against a fake
//! server.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod wire;

use super::url::Address;

fn place(url: &str) -> String {
    match Address::parse(url) {
        Ok(address) => format!("{}, {:?}", address.place, address.prefix),
        Err(error) => panic!("{url}: {error}"),
    }
}

fn refusal(url: &str) -> String {
    match Address::parse(url) {
        Ok(address) => panic!("`{url}` was parsed as {}", address.place),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_url_names_a_place_and_a_prefix() {
    for (url, expected) in [
        ("redis://localhost", "the Redis server at localhost:6379, None"),
        ("valkey://localhost/", "the Redis server at localhost:6379, None"),
        ("redis://[::1]:6380/3", "the Redis server at ::1:6380, None"),
        ("redis://ada:secret@host?prefix=shop%3A", "the Redis server at host:6379, Some(\"shop:\")"),
        ("redis+unix:///run/redis.sock?db=2&user=ada&pass=secret", "the Redis server at /run/redis.sock, None"),
        ("unix:/run/my%20redis.sock", "the Redis server at /run/my redis.sock, None"),
        ("redis+cluster://:secret@a:1,b", "the Redis cluster at a:1, b:6379, None"),
        ("redis+sentinel://a,b:2/main/1", "the Redis master `main` found through the Sentinels at a:26379, b:2, None"),
    ] {
        assert_eq!(place(url), expected, "{url}");
    }
}

#[test]
fn a_url_says_how_many_replicas_to_wait_for() {
    let wait =
        |url| Address::parse(url).map(|address| address.wait.map(|(count, limit)| (count, limit.as_millis()))).ok();
    assert_eq!(wait("redis://host"), Some(None));
    assert_eq!(wait("redis://host?wait_for=2"), Some(Some((2, 500))));
    assert_eq!(wait("redis://host?wait_timeout=1s&wait_for=1"), Some(Some((1, 1000))));
}

#[test]
fn wrong_urls_are_refused_without_repeating_a_password() {
    for (url, because) in [
        ("localhost", "it has no scheme"),
        ("secret:6379", "its scheme is none of"),
        ("http://:secret@localhost", "its scheme is none of"),
        ("redis+http://:secret@localhost", "its scheme is none of"),
        ("redissecret://localhost", "its scheme is none of"),
        ("redis:localhost", "`//` is missing"),
        ("redis://", "a host is missing"),
        ("redis://:secret@", "a host is missing"),
        ("redis://ada:secret/more@host", "in a password, `/` is written %2F"),
        ("redis://ada:secret#more@host", "a `#` means nothing"),
        ("redis://ada:secret?more@host", "a port is a number"),
        ("redis://host?secret", "an unknown or repeated parameter"),
        ("redis://host?prefix=a&prefix=secret", "an unknown or repeated parameter"),
        ("redis://host?db=3", "an unknown or repeated parameter"),
        ("redis://host?ca=/secret", "an unknown or repeated parameter"),
        ("redis://host?wait_for=secret", "`wait_for` is the number of replicas"),
        ("redis://host?wait_for=1&wait_timeout=5secret", "`wait_timeout` is a duration"),
        ("redis://host:0", "a port is a number"),
        ("redis://host:70000", "a port is a number"),
        ("redis://[::1", "a `]` is missing"),
        ("redis://host/secret", "the number of a database"),
        ("redis://host/-1", "the number of a database"),
        ("redis://:secret%@host", "two hexadecimal digits"),
        ("redis://:%ffsecret@host", "two hexadecimal digits of UTF-8"),
        ("redis://a,b", "several hosts"),
        ("redis+cluster://a,b/1", "no database but number 0"),
        ("redis+cluster://a,,b", "a host is missing"),
        ("redis+sentinel://a,b", "the master's name is missing"),
        ("redis+sentinel://a,b/main/secret", "the number of a database"),
        ("redis+unix://secret/redis.sock", "starts with a slash"),
        ("rediss+unix:///secret.sock", "its scheme is none of"),
    ] {
        let said = refusal(url);
        assert!(said.starts_with("the Redis URL is wrong: ") && said.contains(because), "{url}: {said}");
        assert!(!said.contains("secret") && !said.contains("more"), "{url}: {said}");
    }
}

#[test]
fn tls_urls_need_the_redis_tls_feature() {
    for url in [
        "rediss://host",
        "valkeys://host",
        "rediss+cluster://a,b",
        "rediss+sentinel://a/main",
        "rediss://host?ca=a.pem",
    ] {
        let said = Address::parse(url).err().map(|error| error.to_string());
        let refused = "the Redis URL is wrong: TLS needs the feature `redis-tls` of session-runtime";
        assert_eq!(said.as_deref(), cfg!(not(feature = "redis-tls")).then_some(refused), "{url}");
    }
}
