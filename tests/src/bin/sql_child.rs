//! A second process on a SQL store, for tests that kill it, or let several processes count: `sql_child TASK URL ARGUMENT…`.
//!
//! It prints a line for each step. If an expectation fails, it panics and so exits with an error.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::{io, process::ExitCode};

use session_runtime::{
    SqlStore, Timestamp,
    store::{Key, Store as _, Swapped},
};

use self::values::{NOW, create, edit, empty, load, read, value};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../../tests/sql_store/values.rs"]
mod values;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["open", url] => {
            let store = SqlStore::open(url).await.unwrap();
            store.migrate().await.unwrap();
            create(&store, &empty()).await;
            println!("open");
        }
        ["write", url, key, from] => {
            write_for_ever(&SqlStore::open(url).await.unwrap(), &parse(key), from.parse().unwrap()).await;
        }
        ["count", url, key, name, times] => {
            let store = SqlStore::open(url).await.unwrap();
            println!("ready");
            io::stdin().read_line(&mut String::new()).unwrap();
            count_up(&store, &parse(key), name, times.parse().unwrap()).await;
        }
        _ => {
            eprintln!("no such task: {arguments:?}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Returns the key whose digest has these hexadecimal digits.
fn parse(key: &str) -> Key {
    Key::from_digest(u128::from_str_radix(key, 16).unwrap().to_be_bytes())
}

/// Writes the next number again and again, in a value so large that a write could be torn. Prints each number after its swap has
/// succeeded.
async fn write_for_ever(store: &SqlStore, key: &Key, from: u64) {
    let mut before = load(store, key).await;
    for number in from.. {
        let after = value(Timestamp::NEVER, number.to_string().repeat(2_000).as_bytes());
        let swapped = store.swap(key, before.as_ref(), Some(&after), NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
        before = load(store, key).await;
        println!("{number}");
    }
}

/// Increments the counter `name`, which only this process changes, and the counter `sum`, which all processes change.
async fn count_up(store: &SqlStore, key: &Key, name: &str, times: u64) {
    for number in 1..=times {
        let change = edit(store, key, |counters| {
            counters.insert(name.to_owned(), number);
            *counters.entry("sum".to_owned()).or_default() += 1;
        });
        change.await.unwrap();
        assert_eq!(read(store, key, name).await, Some(number), "another process undid this process's write");
    }
    println!("done");
}
