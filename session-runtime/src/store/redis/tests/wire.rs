//! Tests the commands that are sent, against a fake server. The fake server stands in for Redis 8.4, which is hard to install.
//! It also shows which writes are followed by a `WAIT` for replicas.

use std::{
    io::{BufRead, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use super::super::{RedisStore, script};
use crate::{
    clock::Timestamp,
    id::Nonce,
    key::{Key, Scope},
    store::{Class, Store as _, Swapped, Value, Versioned},
    value::{EndReason, Tombstone},
};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

type Command = Vec<Vec<u8>>;
type Answers = dyn Fn(&Command) -> Option<Vec<u8>> + Send + Sync;

/// A server on its own port, and the commands that it got.
#[derive(Clone)]
struct Fake {
    asked: Arc<Mutex<Vec<Command>>>,
    answers: Arc<Answers>,
}

impl Fake {
    /// Starts the server. For a command to which `answers` returns nothing, it answers like an empty server that has `SET …
    /// IFEQ`.
    fn start(answers: impl Fn(&Command) -> Option<Vec<u8>> + Send + Sync + 'static) -> (Self, SocketAddr) {
        let fake = Self { asked: Arc::default(), answers: Arc::new(answers) };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (server, addr) = (fake.clone(), listener.local_addr().unwrap());
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = server.clone();
                thread::spawn(move || server.serve(client));
            }
        });
        (fake, addr)
    }

    async fn open(answers: impl Fn(&Command) -> Option<Vec<u8>> + Send + Sync + 'static) -> (Self, RedisStore) {
        let (fake, addr) = Self::start(answers);
        let store = RedisStore::open(&format!("redis://{addr}")).await.unwrap();
        (fake, store)
    }

    fn serve(&self, client: TcpStream) {
        let mut requests = BufReader::new(client.try_clone().unwrap());
        let mut client = client;
        while let Some(command) = read(&mut requests) {
            let answer = (self.answers)(&command).unwrap_or_else(|| usual(&command));
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(command);
            if client.write_all(&answer).is_err() {
                return;
            }
        }
    }

    /// Returns the commands since the last call.
    fn asked(&self) -> Vec<Command> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads one command: `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`.
fn read(requests: &mut impl BufRead) -> Option<Command> {
    let number = |requests: &mut dyn BufRead| {
        let mut line = String::new();
        requests.read_line(&mut line).ok().filter(|length| *length > 0)?;
        line.trim_end().get(1..)?.parse::<usize>().ok()
    };
    let count = number(requests)?;
    let mut command = Vec::new();
    for _ in 0..count {
        let mut word = vec![0; number(requests)? + 2];
        requests.read_exact(&mut word).ok()?;
        word.truncate(word.len() - 2);
        command.push(word);
    }
    Some(command)
}

fn usual(command: &Command) -> Vec<u8> {
    let is = |at: usize, word: &str| command.get(at).is_some_and(|found| found.eq_ignore_ascii_case(word.as_bytes()));
    match command {
        _ if is(0, "HELLO") => b"%1\r\n$5\r\nproto\r\n:3\r\n".to_vec(),
        _ if is(0, "SCRIPT") => b"$40\r\n0000000000000000000000000000000000000000\r\n".to_vec(),
        _ if is(0, "GET") || is(3, "IFEQ") => b"_\r\n".to_vec(),
        _ if is(0, "WAIT") => b":1\r\n".to_vec(),
        _ => b"+OK\r\n".to_vec(),
    }
}

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn words<const N: usize>(words: [&[u8]; N]) -> Command {
    words.map(<[u8]>::to_vec).to_vec()
}

fn guest(text: &[u8]) -> Value {
    let mut bytes = rand_revision().to_vec();
    bytes.push(0x10);
    bytes.extend_from_slice(&(NOW + Duration::from_secs(60)).as_millis().to_be_bytes()[2..]);
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(text);
    Value::from_bytes(bytes)
}

/// Returns bytes that are not text, and contain a line end.
fn rand_revision() -> [u8; 8] {
    let mut revision = Nonce::next().0.to_be_bytes();
    revision[..4].copy_from_slice(b"\xff\r\n\0");
    revision
}

fn ended() -> Value {
    let tombstone = Tombstone { nonce: Nonce::next(), reason: EndReason::Ended };
    let value = Value::tombstone(Scope::new("app", "Kind"), tombstone, NOW + Duration::from_secs(60));
    assert!(value.is_critical() && value.class() == Class::Tombstone);
    value
}

fn is_swap(command: &Command) -> bool {
    command.first().is_some_and(|name| name == b"SET")
        && command.get(3).is_some_and(|form| form == b"IFEQ")
        && command.get(1).is_some_and(|key| key != b"session:probe")
}

// The documented syntax of Redis 8.4 and Valkey 8.1: SET key value IFEQ value PX milliseconds.
#[tokio::test]
async fn a_swap_is_one_command_with_both_values_as_they_are() {
    let (fake, store) = Fake::open(|command| is_swap(command).then(|| b"+OK\r\n".to_vec())).await;
    let probed = words([b"SET", b"session:probe", b"x", b"IFEQ", b"y", b"PX", b"60000"]);
    assert!(fake.asked().contains(&probed));
    let key = Key::random().unwrap();
    let name = format!("session:{}", key.base64url()).into_bytes();
    let (before, after) = (guest(b"\xc3\x28 before"), guest(b"\0\r\n\xff after"));
    let swapped = store.swap(&key, Some(&Versioned::new(before.clone())), Some(&after), NOW).await.unwrap();
    assert!(matches!(swapped, Swapped::Done(revision) if revision == after.revision().into()));
    let (before, after) = (before.to_bytes(), after.to_bytes());
    assert_eq!(fake.asked(), [words([b"SET", &name, &after, b"IFEQ", &before, b"PX", b"120000"])]);
}

#[tokio::test]
async fn a_refused_swap_is_followed_by_a_load() {
    let held = guest(b"held");
    let bytes = held.to_bytes();
    let (fake, store) = Fake::open(move |command| (command.first()? == b"GET").then(|| bulk(&bytes))).await;
    fake.asked();
    let key = Key::random().unwrap();
    let swapped = store.swap(&key, Some(&Versioned::new(guest(b"before"))), Some(&guest(b"after")), NOW).await.unwrap();
    assert!(matches!(swapped, Swapped::Stale(Some(current)) if current.value().to_bytes() == held.to_bytes()));
    let asked: Vec<_> = fake.asked().iter().map(|command| command[0].clone()).collect();
    assert_eq!(asked, words([b"SET", b"GET"]));
}

/// The error with which this server answers `IFEQ` contains nothing of the value.
#[tokio::test]
async fn a_server_that_lacks_the_command_is_sent_a_script() {
    let (fake, store) = Fake::open(|command| match &command.first()?[..] {
        b"SET" if command.get(3)? == b"IFEQ" => Some(b"-ERR syntax error\r\n".to_vec()),
        b"EVALSHA" => Some(b":1\r\n".to_vec()),
        _ => None,
    })
    .await;
    fake.asked();
    let (key, before, after) = (Key::random().unwrap(), guest(b"before"), guest(b"after"));
    for _ in 0..2 {
        let swapped = store.swap(&key, Some(&Versioned::new(before.clone())), Some(&after), NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)));
    }
    let asked = fake.asked();
    assert_eq!(asked.len(), 2, "the probe has found that `IFEQ` is missing: {asked:?}");
    let name = format!("session:{}", key.base64url()).into_bytes();
    let revision = before.revision().to_be_bytes();
    assert_eq!(asked[0][2..], words([b"1", &name, &revision, &after.to_bytes(), b"120000"]));
}

#[tokio::test]
async fn a_server_that_ignores_the_condition_is_sent_a_script() {
    let (fake, store) = Fake::open(|command| match &command.first()?[..] {
        b"SET" => Some(b"+OK\r\n".to_vec()),
        b"EVALSHA" => Some(b":1\r\n".to_vec()),
        _ => None,
    })
    .await;
    fake.asked();
    let before = Versioned::new(guest(b"before"));
    store.swap(&Key::random().unwrap(), Some(&before), Some(&guest(b"after")), NOW).await.unwrap();
    assert_eq!(fake.asked()[0][0], b"EVALSHA");
}

#[tokio::test]
async fn only_critical_writes_and_removals_wait_for_replicas() {
    let (fake, store) = Fake::open(|command| match &command.first()?[..] {
        _ if is_swap(command) => Some(b"+OK\r\n".to_vec()),
        b"EVAL" => Some(b":1\r\n".to_vec()),
        _ => None,
    })
    .await;
    let store = store.wait_for(1, Duration::from_millis(70));
    let (key, before) = (Key::random().unwrap(), Versioned::new(guest(b"before")));
    let (plain, ended) = (guest(b"after"), ended());
    let wait = words([b"WAIT", b"1", b"70"]);
    for (before, after, waits) in [
        (None, Some(&plain), false),
        (Some(&before), Some(&plain), false),
        (None, Some(&ended), true),
        (Some(&before), Some(&ended), true),
        (Some(&before), None, true),
    ] {
        fake.asked();
        assert!(matches!(store.swap(&key, before, after, NOW).await.unwrap(), Swapped::Done(_)));
        let asked = fake.asked();
        assert_eq!((asked.len(), asked.contains(&wait)), (1 + usize::from(waits), waits), "{asked:?}");
    }
}

#[tokio::test]
async fn too_few_replicas_are_an_error() {
    let (_fake, store) = Fake::open(|command| match &command.first()?[..] {
        _ if is_swap(command) => Some(b"+OK\r\n".to_vec()),
        b"WAIT" => Some(b":1\r\n".to_vec()),
        _ => None,
    })
    .await;
    let store = store.wait_for(2, Duration::from_millis(70));
    let before = Versioned::new(guest(b"before"));
    let answer = store.swap(&Key::random().unwrap(), Some(&before), Some(&ended()), NOW).await;
    let said = answer.unwrap_err().to_string();
    assert!(said.contains("1 of 2 replicas confirmed it within 70ms"), "{said}");
}

/// A retried write, whose first answer was lost, finds its own value. `WAIT` after a refusal would cover no write, so the value
/// is written once more.
#[tokio::test]
async fn a_swap_is_refused_only_after_replicas_confirm_the_current_value() {
    let ended = ended();
    let bytes = ended.to_bytes();
    let (fake, store) = Fake::open(move |command| (command.first()? == b"EVAL").then(|| bulk(&bytes))).await;
    let store = store.wait_for(1, Duration::from_millis(70));
    fake.asked();
    let (key, before) = (Key::random().unwrap(), Versioned::new(guest(b"before")));
    let swapped = store.swap(&key, Some(&before), Some(&ended), NOW).await.unwrap();
    assert!(matches!(swapped, Swapped::Stale(Some(current)) if current.value().to_bytes() == ended.to_bytes()));
    let asked = fake.asked();
    let names: Vec<_> = asked.iter().map(|command| command[0].clone()).collect();
    assert_eq!(names, words([b"EVAL", b"WAIT", b"EVAL", b"WAIT"]));
    let scripts = [&asked[0][1], &asked[2][1]];
    assert_eq!(scripts, [script::SWAP.text.as_bytes(), script::REPEAT.text.as_bytes()]);
}

// B57: a server that has just restarted, and is loading its data from disk.
#[tokio::test]
async fn a_server_that_is_loading_is_asked_again_over_a_new_connection() {
    let busy = Arc::new(Mutex::new(0));
    let left = Arc::clone(&busy);
    let (_fake, store) = Fake::open(move |command| {
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        (command.first()? == b"GET" && *left > 0).then(|| {
            *left -= 1;
            b"-LOADING Redis is loading the dataset in memory\r\n".to_vec()
        })
    })
    .await;
    let key = Key::random().unwrap();
    *busy.lock().unwrap_or_else(PoisonError::into_inner) = 2;
    let said = store.load(&key, NOW).await.unwrap_err().to_string();
    assert!(said.contains("it is still loading its data"), "{said}");
    // Once the connection is a second old, another server may have taken over the name, so the store connects again.
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert!(store.load(&key, NOW).await.unwrap().is_none());
}
