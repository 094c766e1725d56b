//! How much memory a watch takes.

use std::sync::{Arc, Mutex};

use axum::{Router, routing::get};
use futures_util::FutureExt as _;
use session_runtime::{KeyRing, MemoryStore, Session, Sessions};
use tests::{
    app::{Site, hours},
    client::Visitor,
};

/// Prints how many bytes a watch takes on average. The environment variable `WATCHES` sets the number of watches; the default is
/// 100,000. To run it: `cargo test --test behaviours watch_in_memory -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "measures"]
async fn a_watch_in_memory() {
    let number: i64 = std::env::var("WATCHES").map_or(100_000, |number| number.parse().unwrap());
    let opened = Arc::<Mutex<Option<Session<Site>>>>::default();
    let keep = opened.clone();
    let stream = async move |mut session: Session<Site>| {
        *session.name_mut() = "guest".into();
        session.save().await.unwrap();
        *keep.lock().unwrap() = Some(session);
    };
    let sessions = Sessions::<Site>::builder()
        .store(MemoryStore::with_capacity(number as usize))
        .keys(KeyRing::generate())
        .watch_every(hours(1))
        .build()
        .unwrap();
    let app = Router::new().route("/stream", get(stream)).layer(sessions.layer());
    let (mut watches, mut bytes) = (Vec::with_capacity(number as usize), 0);
    for _ in 0..number {
        Visitor::new(&app).get("/stream").await;
        let session = opened.lock().unwrap().take().unwrap();
        let mut begun = None;
        bytes += allocation_counter::measure(|| {
            let mut ended = session.ended();
            assert!((&mut ended).now_or_never().is_none());
            begun = Some(ended);
        })
        .bytes_current;
        watches.extend(begun);
        tokio::task::yield_now().await;
    }
    println!("{} bytes for each of {number} watches", bytes / number);
}
