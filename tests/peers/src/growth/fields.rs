//! Measures the cost to read and to write one field of a session, with growing numbers of fields, or with a growing field.

use std::sync::Mutex;

use session_runtime::{
    store::{Key, Store as _, Swapped},
    testing::inspect,
};

use super::{
    eight::{self, NOW, Originals},
    shelf::{Shelf, What},
    turns::{in_turns, timed},
    wide::{self, FIELDS, LENGTHS, WHO, large, small},
};
use crate::{contestants::Framework, instructions, load::Subject};

pub const COUNTED: usize = 200;
pub const ROUNDS: usize = 7;
/// The number of sessions of each kind.
const SESSIONS: u64 = 50;

/// Instructions per request above the bare handler, in memory. Each array has a list for each of `WHO`. Each list has the figures
/// of two works for each of `FIELDS` or `LENGTHS`.
pub struct InMemory {
    pub fields: [Vec<[Option<f64>; 2]>; 2],
    pub lengths: [Vec<[Option<f64>; 2]>; 2],
}

/// For `FIELDS`: read a field, write it. For `LENGTHS`: write the small field, write the large one.
const OF_FIELDS: [&str; 2] = ["W1", "W2"];
const OF_LENGTHS: [&str; 2] = ["W2", "W3"];

pub fn count() -> InMemory {
    let bare = Subject::Bare(Framework::Axum);
    let mut cases = vec![(bare, "W1")];
    for who in WHO {
        cases.extend(FIELDS.iter().flat_map(|fields| OF_FIELDS.map(|work| (wide::of_fields(who, *fields), work))));
        cases.extend(LENGTHS.iter().flat_map(|length| OF_LENGTHS.map(|work| (wide::of_length(who, *length), work))));
    }
    let mut counted = in_parallel(cases, |(subject, work)| {
        instructions::count(subject, work, COUNTED).map(|instructions| instructions.without_hashing())
    })
    .into_iter();
    let bare = counted.next().flatten();
    let mut above = || counted.next().flatten().zip(bare).map(|(all, bare)| all - bare);
    let mut both = |of: usize| -> Vec<_> { (0..of).map(|_| [above(), above()]).collect() };
    let [ours, theirs] = WHO.map(|_| (both(FIELDS.len()), both(LENGTHS.len())));
    InMemory { fields: [ours.0, theirs.0], lengths: [ours.1, theirs.1] }
}

/// Returns the answers in the order of the questions. Use it only for answers that do not depend on time.
pub fn in_parallel<Q: Copy + Send + Sync, A: Send>(questions: Vec<Q>, answer: impl Fn(Q) -> A + Sync) -> Vec<A> {
    let next = Mutex::new(questions.iter().copied().enumerate());
    let answers = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((at, question)) = next.lock().unwrap().next() else { return };
                    let answer = answer(question);
                    answers.lock().unwrap().push((at, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap();
    answers.sort_by_key(|(at, _)| *at);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Nanoseconds of a read and a write.
pub struct InStores {
    pub what: What,
    /// In the order of `FIELDS`: reading one, writing one.
    pub fields: Vec<[f64; 2]>,
    /// In the order of `LENGTHS`: writing the small field, writing the large one.
    pub lengths: Vec<[f64; 2]>,
}

/// Sessions of one kind, and the operations on them.
struct Case {
    shelf: usize,
    keys: Vec<Key>,
    work: Work,
}

#[derive(Clone, Copy)]
enum Work {
    Read,
    WriteSmall,
    WriteLarge(usize),
}

/// Adds sessions of these kinds to the sessions that the shelves hold, and measures.
pub async fn measure(shelves: &[&Shelf]) -> Vec<InStores> {
    let mut cases = Vec::new();
    for (at, shelf) in shelves.iter().enumerate() {
        for fields in FIELDS {
            let keys = fill(shelf, fields, 10).await;
            cases.push(Case { shelf: at, keys: keys.clone(), work: Work::Read });
            cases.push(Case { shelf: at, keys, work: Work::WriteSmall });
        }
        for length in LENGTHS {
            let keys = fill(shelf, 2, length).await;
            cases.push(Case { shelf: at, keys: keys.clone(), work: Work::WriteSmall });
            cases.push(Case { shelf: at, keys, work: Work::WriteLarge(length) });
        }
    }
    let taken = in_turns(cases.len(), ROUNDS, async |at, _| {
        let Case { shelf, keys, work } = &cases[at];
        timed(SESSIONS, async |step| one(shelves[*shelf], &keys[step as usize], *work).await).await
    });
    let mut taken = taken.await.into_iter();
    let mut both = |of: usize| -> Vec<_> {
        (0..of).map(|_| [taken.next().unwrap_or_default(), taken.next().unwrap_or_default()]).collect()
    };
    let of = |shelf: &&Shelf| InStores { what: shelf.what, fields: both(FIELDS.len()), lengths: both(LENGTHS.len()) };
    shelves.iter().map(of).collect()
}

async fn fill(shelf: &Shelf, fields: usize, length: usize) -> Vec<Key> {
    let (empty, mut keys) = (Originals::make().await.empty(), Vec::new());
    for _ in 0..SESSIONS {
        let key = Key::random().unwrap();
        let value = |field| if field == 1 && length > 10 { large(length) } else { small() };
        let session =
            (0..fields).fold(empty.clone(), |session, field| eight::with(&session, &name(field), &value(field)));
        let swapped = shelf.store.swap(&key, None, Some(&session), NOW).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)), "{swapped:?}");
        keys.push(key);
    }
    keys
}

async fn one(shelf: &Shelf, key: &Key, work: Work) {
    let before = shelf.store.load(key, NOW).await.unwrap().unwrap();
    let after = match work {
        Work::Read => return assert!(inspect::has_field(before.value(), &name(0))),
        Work::WriteSmall => eight::with(before.value(), &name(0), &small()),
        Work::WriteLarge(length) => eight::with(before.value(), &name(1), &large(length)),
    };
    shelf.swap(key, &before, &after).await;
}

fn name(field: usize) -> String {
    format!("f{field}")
}
