//! Writes the report, in Markdown, with plots beside it.

use std::{fs, io, path::Path};

use serde::Deserialize;

use crate::{
    at_once,
    contestants::{ALL, Framework, LEFT_OUT, OURS, ours_elsewhere::IN_ACTIX},
    figures::{Cost, Effort, Figures},
    instructions, plot, tables,
    works::WORKS,
};

#[derive(Deserialize)]
pub struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

impl Lock {
    /// Returns the versions that were compiled in.
    pub fn read() -> Self {
        toml::from_str(include_str!("../Cargo.lock")).unwrap()
    }
}

/// Returns the newest version of a package that was compiled in.
pub fn version(lock: &Lock, name: &str) -> String {
    let versions = lock.package.iter().filter(|package| package.name == name).map(|package| package.version.as_str());
    versions.max().unwrap_or("?").to_owned()
}

/// Tables of the page: cookies, faults, concurrent updates, and bars.
pub type Tables<'a> = (&'a str, &'a str, &'a str, &'a str);

/// Writes the report. `date` is the text that says when, and at which commit, it was measured.
pub fn write(directory: &Path, date: &str, effort: Effort, figures: &[Figures], tables: Tables<'_>) -> io::Result<()> {
    let plots = directory.join("plots");
    fs::create_dir_all(&plots)?;
    for (name, title, of) in PLOTS {
        fs::write(plots.join(format!("{name}.svg")), plot_of(title, figures, of))?;
    }
    let memory = figures.iter().map(|of| (of.contestant.name.to_owned(), Some(of.bytes_per_session))).collect();
    let memory = plot::bars("Bytes per session in memory", &[(String::new(), memory)]);
    fs::write(plots.join("memory.svg"), memory)?;
    fs::write(directory.join("REPORT.md"), text(date, effort, figures, tables))
}

type Of = fn(&Cost) -> Option<f64>;

const PLOTS: [(&str, &str, Of); 3] = [
    ("instructions", "Instructions per request above the bare handler, without hashing", |cost| {
        cost.instructions.map(|instructions| instructions.without_hashing())
    }),
    ("allocations", "Heap allocations per request above the bare handler", |cost| Some(cost.allocations)),
    ("nanoseconds", "Nanoseconds per request above the bare handler", |cost| Some(cost.nanoseconds)),
];

fn plot_of(title: &str, figures: &[Figures], of: Of) -> String {
    let group = |(at, work): (usize, &str)| {
        let bars = figures.iter().map(|figures| (figures.contestant.name.to_owned(), of(&figures.costs[at]))).collect();
        (work.to_owned(), bars)
    };
    plot::bars(title, &WORKS.into_iter().enumerate().map(group).collect::<Vec<_>>())
}

fn text(date: &str, effort: Effort, figures: &[Figures], (cookies, faults, calls, bars): Tables<'_>) -> String {
    let lock = Lock::read();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let valgrind = instructions::countable().unwrap_or_else(|| "no valgrind, so instructions are missing".to_owned());
    let frameworks: Vec<_> =
        Framework::ALL.iter().map(|of| format!("{} {}", of.package(), version(&lock, of.package()))).collect();
    let who: Vec<_> = ALL
        .iter()
        .map(|of| {
            let package = format!("{} {}", of.package, version(&lock, of.package));
            [of.name, &package, of.framework.package(), of.keeps, of.cookie].map(str::to_owned).to_vec()
        })
        .collect();
    let left_out: String = LEFT_OUT.iter().map(|(what, why)| format!("- {what}: {why}.\n")).collect();
    format!(
        "# Sessions compared\n\n\
         Written by `tests/bench in-process` on {date}; {cores} cores, {rustc}, {valgrind}; {frameworks}. Requests over \
         HTTP, with sessions in each store: [end to end](report/loopback.md). More sessions, more fields, longer values: \
         [growth](report/growth.md).\n\n\
         {who}\n\
         All have the same session of eight fields with the same values: user id, a name of 20 bytes, three roles, five \
         lines of a cart, a token of 32 bytes, theme, counter, locale. W0 does not touch it, W1 reads two fields, W2 writes a \
         small one, W3 begins a session with one small field, W4 ends a session. W0, W1, W2 and W4 come with the cookie of a \
         full session. All figures are per request, above the same framework's bare handler.\n\n\
         Left out:\n\n{left_out}\n\
         ## Instructions\n\n\
         Counted by callgrind over {counted} requests. Without the compression function of SHA-256, which runs in software \
         there:\n\n{instructions}\n\
         ![Instructions](plots/instructions.svg)\n\n\
         With it:\n\n{with_hashing}\n\
         Where those of this project go, without the compression function, in axum:\n\n{in_axum}\n\
         In actix-web:\n\n{in_actix}\n\
         ## Heap allocations\n\n{allocations}\n\
         ![Allocations](plots/allocations.svg)\n\n\
         ## Time\n\n\
         Nanoseconds, hashing included: medians of {rounds} interleaved rounds of {timed} requests.\n\n{nanoseconds}\n\
         ![Nanoseconds](plots/nanoseconds.svg)\n\n\
         ## Memory\n\n\
         What {sessions} full sessions left on the heap.\n\n{bytes}\n\
         ![Bytes per session](plots/memory.svg)\n\n\
         ## Sessions in cookies\n\n\
         The same session, encrypted in its visitor's cookie; times as above.\n\n{cookies}\n\
         ## Correctness\n\n\
         {pairs} pairs of requests of each kind, which meet in the middle of their handlers, on two nodes over one store. A \
         log-out of this project leaves a tombstone for a minute, which holds no user data and is not counted as a record.\n\n\
         {faults}\n\
         ## Updates at once\n\n\
         {updates} requests, all at once, each of which updates the same `atomic` field of one session, in a store whose \
         calls take a millisecond. Counted are the calls of each request, the one that loads its session included.\n\n{calls}\n\
         ## The bars of this project\n\n{bars}",
        rustc = env!("RUSTC_VERSION"),
        frameworks = frameworks.join(", "),
        who = tables::table(&["", "package", "in", "keeps a session in", "its cookie"], &who),
        counted = effort.counted,
        instructions = tables::works(figures, tables::instructions),
        with_hashing = tables::works(figures, tables::instructions_with_hashing),
        in_axum = tables::parts(figures, OURS.name),
        in_actix = tables::parts(figures, IN_ACTIX.name),
        allocations = tables::works(figures, tables::allocations),
        rounds = effort.rounds,
        timed = effort.timed,
        nanoseconds = tables::works(figures, tables::nanoseconds),
        sessions = effort.sessions,
        bytes = tables::bytes(figures),
        pairs = effort.pairs,
        updates = at_once::UPDATES,
    )
}
