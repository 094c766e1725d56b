//! A process that prints how many bytes of memory each of its sessions takes in total: `memory_child guests|users SESSIONS`.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

use axum::{Router, extract::Path, routing::post};
use session_runtime::{KeyRing, MemoryStore, Session, Sessions};
use tests::{
    client::Visitor,
    eight::{Eight, fill},
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (are_users, number): (bool, u64) = (arguments[0] == "users", arguments[1].parse().unwrap());
    let store = MemoryStore::with_capacity(number as usize);
    let sessions = Sessions::<Eight>::builder().store(store.clone()).keys(KeyRing::generate()).build().unwrap();
    let begin = async move |mut s: Session<Eight>, Path(user): Path<u64>| {
        if are_users {
            s.user_mut().log_in(1_000_000 + user);
        }
        fill(&mut s).await;
    };
    let app = Router::new()
        .route("/begin/{user}", post(begin))
        .route("/again", post(async |mut s: Session<Eight>| s.visits_mut().add(1)))
        .layer(sessions.layer());
    let mut before = 0;
    for user in 0..number {
        let mut visitor = Visitor::new(&app);
        visitor.post(&format!("/begin/{user}")).await;
        // Brings the session to the size that it has after some use.
        for _ in 0..4 {
            visitor.post("/again").await;
        }
        // Measures from here on: the first tenth of the sessions warms the process up.
        if user == number / 10 {
            before = resident();
        }
    }
    assert_eq!(store.len() as u64, number);
    println!("{}", (resident() - before) / (number - number / 10 - 1));
}

/// Returns the resident memory of this process, in bytes.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
