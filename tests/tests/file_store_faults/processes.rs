//! Two processes on one folder, and processes that are killed in the middle of a write.

use std::{path::Path, time::Instant};

use session_runtime::{FileStore, store::Key};
use tests::worker::Worker;
use tokio::join;

use crate::{
    child,
    values::{count, edit, empty, fields, load, put, read, remove, set},
};

// B35, B36: after one process is killed, the file is intact. No successful swap of either process is lost.
#[tokio::test]
async fn kill_9_leaves_the_old_value_or_the_new_one() {
    kill_writers(40, "").await;
}

#[tokio::test]
async fn kill_9_with_fsync_leaves_the_old_value_or_the_new_one() {
    kill_writers(10, "fsync").await;
}

async fn kill_writers(rounds: usize, fsync: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let store = FileStore::open(path).await.unwrap();
    let key = Key::random().unwrap();
    put(&store, &key, &empty()).await;
    let mut counted = [0, 0];
    for _ in 0..rounds {
        let start =
            |field, from: u64| child::start(&["write", path, &key.hex(), field, &(from + 1).to_string(), fsync]);
        let (first, second) = (start("a", counted[0]), start("b", counted[1]));
        // Both processes have begun to write, and compete for the lock.
        for worker in [&first, &second] {
            worker.line();
        }
        wait_for_some_random_moment(&first);
        let first = first.kill();
        // The other process continues, because the system released the lock of the killed process.
        for _ in 0..3 {
            second.line();
        }
        let second = second.kill();
        for (index, (field, said)) in [("a", first), ("b", second)].into_iter().enumerate() {
            counted[index] = check(&store, &key, field, counted[index], &said).await;
        }
    }
    assert_eq!(names(folder.path()), [key.hex()], "no file was damaged, and nothing else is left behind");
}

/// Waits for some writes, and then for a random time within the next write.
fn wait_for_some_random_moment(worker: &Worker) {
    let [chance, rest, ..] = Key::random().unwrap().digest();
    for _ in 0..chance % 8 {
        worker.line();
    }
    let (start, wait) = (Instant::now(), u128::from(rest) * 6);
    while start.elapsed().as_micros() < wait {
        std::hint::spin_loop();
    }
}

/// Checks what the writer of `field` has stored. The writer counted on from the number `from`, and printed the lines `said`.
/// Returns the stored number.
async fn check(store: &FileStore, key: &Key, field: &str, from: u64, said: &[String]) -> u64 {
    let fields = fields(Some(&load(store, key).await.expect("the value")));
    let [one, two] = [1, 2].map(|part| &fields[&format!("{field}{part}")]);
    assert!(one == two, "the value holds half of a change");
    let number: u64 = one[..one.len() / 2_000].parse().unwrap();
    assert_eq!(*one, number.to_string().repeat(2_000));
    if let Some(answered) = said.last() {
        let answered: u64 = answered.parse().unwrap();
        assert!(number == answered || number == answered + 1, "{number} is stored, {answered} was answered");
    }
    assert!(number > from);
    assert_eq!(fields[&format!("{field}n")], number.to_string(), "each write has added one");
    number
}

/// Returns the names of all files except locks and temporary files.
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

// B19: ten thousand pairs of concurrent writes to different fields of one value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_pairs_lose_nothing() {
    // Uses a folder in memory where possible, because the writers race for the lock and not for the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let key = Key::random().unwrap();
    let pairs = 10_000;
    for round in 1..=pairs {
        let add =
            |field| edit(&store, &key, move |fields| [field, "sum"].iter().for_each(|field| count(fields, field)));
        join!(add("a"), add("b"));
        let fields = fields(load(&store, &key).await.as_ref());
        for (field, number) in [("a", round), ("b", round), ("sum", 2 * round)] {
            assert_eq!(fields[field], number.to_string(), "of `{field}`");
        }
    }
}

// B19, B36
#[tokio::test]
async fn racing_processes_lose_nothing() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().to_str().unwrap();
    let store = FileStore::open(path).await.unwrap();
    let key = Key::random().unwrap();
    let times = 10_000;
    let mut workers: Vec<_> =
        ["a", "b"].map(|field| child::start(&["count", path, &key.hex(), field, &times.to_string()])).into();
    for worker in &workers {
        assert_eq!(worker.line(), "ready");
    }
    workers.iter_mut().for_each(|worker| worker.tell("go"));
    for worker in &workers {
        assert_eq!(worker.line(), "done");
    }
    for (field, number) in [("a", times), ("b", times), ("sum", 2 * times)] {
        assert_eq!(read(&store, &key, field).await, Some(number.to_string()));
    }
}

// B36
#[tokio::test]
async fn one_process_sees_anothers_changes_immediately() {
    let folder = tempfile::tempdir().unwrap();
    // Two stores share only the folder, as two processes do.
    let (one, other) = (FileStore::open(folder.path()).await.unwrap(), FileStore::open(folder.path()).await.unwrap());
    let key = Key::random().unwrap();
    set(&one, &key, "a", "1").await;
    assert_eq!(read(&other, &key, "a").await.as_deref(), Some("1"));
    set(&other, &key, "a", "2").await;
    assert_eq!(read(&one, &key, "a").await.as_deref(), Some("2"));
    remove(&one, &key).await;
    assert!(load(&other, &key).await.is_none());
}
