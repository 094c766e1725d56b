//! Measures sessions in the visitor's cookie: the time to read and to write one, and the size of the cookie.

use tokio::task::LocalSet;

use crate::{
    app::Jar,
    contestants::{Contestant, Framework, IN_COOKIES, OURS},
    figures::{Effort, in_turns},
    load::Subject,
    tables,
};

pub struct Sealed {
    pub contestant: &'static Contestant,
    /// Nanoseconds above the bare handler to read two fields and to write a small one.
    pub nanoseconds: [f64; 2],
    /// Name and value, as a browser sends them.
    pub bytes: usize,
}

pub fn measure(effort: Effort) -> Vec<Sealed> {
    let bare = Framework::ALL.map(Subject::Bare);
    let subjects: Vec<_> = bare.into_iter().chain(IN_COOKIES.into_iter().map(Subject::Of)).collect();
    let times = ["W1", "W2"].map(|work| in_turns(&subjects, work, effort));
    IN_COOKIES
        .into_iter()
        .enumerate()
        .map(|(at, contestant)| {
            let bare = Framework::ALL.iter().position(|framework| *framework == contestant.framework).unwrap();
            let nanoseconds = [0, 1].map(|work: usize| times[work][Framework::ALL.len() + at] - times[work][bare]);
            Sealed { contestant, nanoseconds, bytes: bytes(contestant) }
        })
        .collect()
}

/// Returns the cookie's size. Also checks that the answer to a write has a different cookie.
fn bytes(contestant: &Contestant) -> usize {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let app = (contestant.open)().await;
        let full = Jar::of(&app("/begin", None).await).header();
        let written = Jar::of(&app("/W2", full.as_deref()).await).header();
        assert!(written.is_some() && written != full, "{}", contestant.name);
        full.map_or(0, |pair| pair.len())
    })
}

/// Returns this project's result.
pub fn ours(all: &[Sealed]) -> Option<&Sealed> {
    all.iter().find(|of| of.contestant.package == OURS.package)
}

pub fn table(all: &[Sealed]) -> String {
    let rows: Vec<_> = all
        .iter()
        .map(|of| {
            let [read, write] = of.nanoseconds.map(|nanoseconds| format!("{nanoseconds:+.0}"));
            vec![of.contestant.name.to_owned(), of.contestant.keeps.to_owned(), read, write, of.bytes.to_string()]
        })
        .collect();
    tables::table(&["", "as", "W1, ns", "W2, ns", "bytes of the cookie"], &rows)
}
