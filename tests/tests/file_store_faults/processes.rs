//! Two processes on one folder, and processes that are killed in the middle of a write.

use std::{path::Path, time::Instant};

use session_runtime::{
    FileStore,
    store::{Key, Nonce, Store},
};
use tests::records::{NOW, add, create, load, read, set, update, write};
use tokio::join;

use crate::child;

// B35, B36: what is there afterwards is whole, and no write that was answered is lost, neither by the process that was
// killed nor by the one that went on.
#[tokio::test]
async fn kill_9_leaves_the_old_record_or_the_new_one() {
    kill_writers(40, "").await;
}

#[tokio::test]
async fn kill_9_leaves_a_durable_record_too() {
    kill_writers(10, "fsync").await;
}

async fn kill_writers(rounds: usize, fsync: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let store = FileStore::open(path).await.unwrap();
    let selector = 0x5e1e_c708_5e1e_c708_5e1e_c708_5e1e_c708_u128;
    let key = Key::from_selector(selector.to_be_bytes());
    write(&store, &key, &create()).await;
    let mut counted = [0, 0];
    for _ in 0..rounds {
        let start = |field, from: u64| {
            child::start(&["write", path, &format!("{selector:x}"), field, &(from + 1).to_string(), fsync])
        };
        let (first, second) = (start("a", counted[0]), start("b", counted[1]));
        // Both are at it, each in the other's way.
        for worker in [&first, &second] {
            worker.line();
        }
        wait_for_some_random_moment(&first);
        let first = first.kill();
        // The other goes on: the dead one's lock went with it.
        for _ in 0..3 {
            second.line();
        }
        let second = second.kill();
        for (index, (field, said)) in [("a", first), ("b", second)].into_iter().enumerate() {
            counted[index] = check(&store, &key, field, counted[index], &said).await;
        }
    }
    assert_eq!(
        names(folder.path()),
        [key.hex()],
        "nothing was found to be corrupt, and nothing is left behind but this"
    );
}

/// Lets some writes happen, then waits for any moment of the next.
pub(crate) fn wait_for_some_random_moment(worker: &tests::worker::Worker) {
    let chance = Nonce::next().0 >> 7;
    for _ in 0..chance % 8 {
        worker.line();
    }
    let (start, wait) = (Instant::now(), chance / 8 % 1_500);
    while start.elapsed().as_micros() < u128::from(wait) {
        std::hint::spin_loop();
    }
}

/// Checks what `field`'s writer left, who began after `from` and last said the last line of `said`; returns its number.
async fn check(store: &FileStore, key: &Key, field: &str, from: u64, said: &[String]) -> u64 {
    let record = load(store, key).await.expect("the record");
    let [one, two] = [1, 2].map(|number| record.fields.get(&format!("{field}{number}")).map(|entry| entry.value));
    assert!(one == two, "half of a change");
    let text = String::from_utf8(one.expect("a first write, which was answered").to_vec()).unwrap();
    let number: u64 = text[..text.len() / 2_000].parse().unwrap();
    assert_eq!(text, number.to_string().repeat(2_000));
    if let Some(answered) = said.last() {
        let answered: u64 = answered.parse().unwrap();
        assert!(number == answered || number == answered + 1, "{number} is stored, {answered} was answered");
    }
    assert!(number > from);
    let times = record.fields.get(&format!("{field}n")).unwrap().value;
    assert_eq!(rmp_serde::from_slice::<u64>(times).unwrap(), number, "each write has added one");
    number
}

/// The names of all records and temporary files.
fn names(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for shard in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(shard.unwrap().path()).unwrap() {
            names.push(file.unwrap().file_name().into_string().unwrap());
        }
    }
    names.retain(|name| name != "lock" && !name.ends_with(".tmp"));
    names
}

// B19: ten thousand pairs of writes at the same time to different fields of one session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_pairs_lose_nothing() {
    // In memory where that is possible: what is raced for is the lock, not the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::random().unwrap();
    write(&store, &key, &create()).await;
    let pairs = 10_000_u32;
    for round in 1..=pairs {
        let [first, second] = ["a", "b"].map(|field| add(set(update(), field, round.to_be_bytes()), "sum", 1));
        let answers = join!(store.apply(&key, &first, NOW), store.apply(&key, &second, NOW));
        assert!(answers.0.is_ok() && answers.1.is_ok());
        let record = load(&store, &key).await.unwrap();
        for field in ["a", "b"] {
            assert_eq!(record.fields.get(field).unwrap().value, round.to_be_bytes(), "of `{field}`");
        }
    }
    let sum = read(&store, &key, "sum").await.unwrap();
    assert_eq!(rmp_serde::from_slice::<u32>(&sum).unwrap(), 2 * pairs);
}

// B19, B36
#[tokio::test]
async fn racing_processes_lose_nothing() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().to_str().unwrap();
    let store = FileStore::open(path).await.unwrap();
    let selector = 7_u128;
    let key = Key::from_selector(selector.to_be_bytes());
    write(&store, &key, &create()).await;
    let times = 10_000;
    let mut workers: Vec<_> = ["a", "b"]
        .map(|field| child::start(&["count", path, &format!("{selector:x}"), field, &times.to_string()]))
        .into();
    for worker in &workers {
        assert_eq!(worker.line(), "ready");
    }
    workers.iter_mut().for_each(|worker| worker.tell("go"));
    for worker in &workers {
        assert_eq!(worker.line(), "done");
    }
    for field in ["a", "b"] {
        assert_eq!(read(&store, &key, field).await.unwrap(), times.to_string().as_bytes());
    }
    let sum = read(&store, &key, "sum").await.unwrap();
    assert_eq!(rmp_serde::from_slice::<u32>(&sum).unwrap(), 2 * times);
}

// B36
#[tokio::test]
async fn one_process_sees_what_another_did_at_once() {
    let folder = tempfile::tempdir().unwrap();
    // Two stores share nothing but the folder, as two processes do.
    let (one, other) = (FileStore::open(folder.path()).await.unwrap(), FileStore::open(folder.path()).await.unwrap());
    let key = Key::random().unwrap();
    write(&one, &key, &set(create(), "a", "1")).await;
    assert_eq!(read(&other, &key, "a").await.as_deref(), Some(&b"1"[..]));
    write(&other, &key, &set(update(), "a", "2")).await;
    assert_eq!(read(&one, &key, "a").await.as_deref(), Some(&b"2"[..]));
    one.delete(&key).await.unwrap();
    assert_eq!(load(&other, &key).await, None);
}
