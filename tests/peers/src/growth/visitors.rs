//! Measures the time of a read and a write, and the bytes of a session, as the number of sessions in memory grows, in this
//! project's store and in the others'. Sends requests as the in-process report does, with each contestant in its own process.

use std::{
    env,
    process::{Command, Stdio},
    time::Instant,
};

use tokio::task::LocalSet;

use super::{eight::mix, fields::in_parallel, turns::in_turns};
use crate::{
    app::{App, Jar},
    contestants::{ALL, Contestant},
    load::Subject,
};

pub const SIZES: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
pub const ROUNDS: usize = 9;
const TIMES: u64 = 400;
/// The most cookies that are kept. If the store holds more sessions, only some of them get requests.
const COOKIES: u64 = 10_000;
/// Sizes that would take more bytes are skipped.
pub const MOST_BYTES: f64 = 3e9;

/// Nanoseconds per request above the bare handler.
pub struct Row {
    pub name: &'static str,
    pub size: u64,
    pub read: f64,
    pub write: f64,
    pub bytes: f64,
}

/// Returns all contestants that keep sessions in memory and work in the serving thread. `axum_session` is left out, because it
/// signs in threads of its own; its unsigned variant has the same store.
pub fn contestants() -> impl Iterator<Item = &'static Contestant> {
    ALL.into_iter().filter(|of| of.name != "axum_session")
}

pub fn compare() -> Vec<Row> {
    eprintln!("bytes in memory");
    let who: Vec<_> = contestants().collect();
    let bytes = in_parallel(who.clone(), |of: &Contestant| {
        let program = env::current_exe().unwrap().with_file_name("allocations");
        lines(Command::new(program).args(["growth", of.name]))
    });
    let mut rows = Vec::new();
    for (of, bytes) in who.into_iter().zip(bytes) {
        eprintln!("requests: {}", of.name);
        let sizes: Vec<_> = bytes.iter().map(|line| line[0].to_string()).collect();
        let times = lines(Command::new(env::current_exe().unwrap()).args(["growth", "requests", of.name]).args(&sizes));
        for (bytes, times) in bytes.iter().zip(times) {
            let size = bytes[0] as u64;
            rows.push(Row { name: of.name, size, read: times[0], write: times[1], bytes: bytes[1] });
        }
    }
    rows
}

/// Returns the numbers in the lines that a process prints.
pub fn lines(command: &mut Command) -> Vec<Vec<f64>> {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success());
    let numbers = |line: &str| line.split(' ').map(|number| number.parse().unwrap()).collect();
    String::from_utf8_lossy(&output.stdout).lines().map(numbers).collect()
}

/// Prints the duration of requests for each size.
pub fn print_times(subject: Subject, sizes: &[u64]) {
    let Subject::Of(contestant) = subject else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let mut apps = vec![(
            Subject::Bare(contestant.framework).open().await,
            vec!["__Host-id=0123456789abcdef0123456789abcdef".to_owned()],
        )];
        for size in sizes {
            apps.push(filled(subject, *size).await);
        }
        let mut taken = Vec::new();
        for work in ["/W1", "/W2"] {
            let times = in_turns(apps.len(), ROUNDS, async |at, round| requests(&apps[at], work, round).await).await;
            taken.push(times[1..].iter().map(|time| time - times[0]).collect::<Vec<_>>());
        }
        for (read, write) in taken[0].iter().zip(&taken[1]) {
            println!("{read} {write}");
        }
    });
}

/// Returns an application with this many sessions, and the cookies of some of them.
async fn filled(subject: Subject, size: u64) -> (App, Vec<String>) {
    let app = subject.open().await;
    let (every, mut cookies) = (size.div_ceil(COOKIES), Vec::new());
    for n in 0..size {
        let reply = app("/begin", None).await;
        if n.is_multiple_of(every) {
            cookies.extend(Jar::of(&reply).header());
        }
    }
    (app, cookies)
}

async fn requests((app, cookies): &(App, Vec<String>), path: &str, round: usize) -> f64 {
    let cookie = |step| &*cookies[mix((round as u64) << 32 | step) as usize % cookies.len()];
    let requests: Vec<_> = (0..TIMES).map(|step| app(path, Some(cookie(step)))).collect();
    let from = Instant::now();
    for request in requests {
        assert_eq!(request.await.status(), 200);
    }
    from.elapsed().as_nanos() as f64 / TIMES as f64
}
