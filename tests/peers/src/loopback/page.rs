//! Writes the page, in Markdown, with plots beside it.

use std::{collections::BTreeSet, fs, io, path::Path};

use super::{
    Measured, OnRedis,
    bytes::Parts,
    counts,
    counts::Counts,
    crowd::CROWD,
    nodes, room,
    room::Bytes,
    speed::{self, Compared, ROUNDS, Speed},
};
use crate::{
    contestants::Framework,
    kept::{LEFT_OUT, Store},
    plot,
    report::{Lock, version},
    tables::{self, missing, table},
    works::WORKS,
};

pub fn write(folder: &Path, date: &str, all: &[Measured], redis: &OnRedis, bars: &str) -> io::Result<()> {
    let plots = folder.join("plots");
    fs::create_dir_all(&plots)?;
    for of in all {
        fs::write(plots.join(format!("{}.svg", file(of.store))), plot_of(of))?;
    }
    let room = redis.room.iter().map(|of| (of.kept.name.to_owned(), Some(of.full.own))).collect();
    let room = plot::bars("Bytes per session on Redis, of its own key", &[(String::new(), room)]);
    fs::write(plots.join("loopback-room.svg"), room)?;
    fs::write(folder.join("loopback.md"), text(date, all, redis, bars))
}

fn file(store: Store) -> String {
    format!("loopback-{}", store.name().to_lowercase().replace(' ', "-"))
}

fn plot_of(of: &Measured) -> String {
    let group = |(at, work): (usize, &str)| {
        let bar = |row: &speed::Row| (row.subject.name(), Some(row.speeds[at].per_second.figure));
        (work.to_owned(), of.speeds.iter().map(bar).collect())
    };
    let title = format!("Requests per second, sessions in: {}", of.store.name());
    plot::bars(&title, &WORKS.into_iter().enumerate().map(group).collect::<Vec<_>>())
}

fn text(date: &str, all: &[Measured], redis: &OnRedis, bars: &str) -> String {
    let [here, older]: [Lock; 2] = [include_str!("../../Cargo.lock"), include_str!("../../older/Cargo.lock")]
        .map(|lock| toml::from_str(lock).unwrap());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let frameworks = Framework::ALL.map(|of| format!("{} {}", of.package(), version(&here, of.package())));
    let servers: Vec<_> =
        all.iter().filter_map(|of| Some(format!("{} {}", of.store.name(), of.version.as_ref()?))).collect();
    let left_out: String = LEFT_OUT.iter().map(|(what, why)| format!("- {what}: {why}.\n")).collect();
    let not_here = Store::ALL.into_iter().filter(|store| all.iter().all(|of| of.store != *store));
    let not_here: String = not_here.map(|store| format!("- {}: its server is not here.\n", store.name())).collect();
    let stores: String = all.iter().map(|of| section(of, redis, &here, &older)).collect();
    let turns: BTreeSet<_> = Store::ALL.map(speed::requests).into();
    format!(
        "# Sessions compared, end to end\n\n\
         Written by `tests/bench loopback` on {date}; {cores} cores, {rustc}; {frameworks}; {servers}. What a request costs \
         without a network is in [REPORT.md](../REPORT.md).\n\n\
         Each contestant is a process of its own, in which its framework's own server has one thread for requests \
         (`axum::serve` and poem's `Server` on a runtime of one thread, actix-web's `HttpServer` with one worker), on the same \
         machine as the store's server and the client. The client uses HTTP/1.1 and {CROWD} connections that are kept alive; \
         each sends its next request once it has the answer, and has a session of its own. Sessions and \
         works are those of REPORT.md: W0 does not touch its session, W1 reads two fields, W2 writes a small one, W3 begins a \
         session with one small field, W4 ends one. All SQL contestants have a pool of 10 connections, none of which is tried \
         before it is used.\n\n\
         Figures are medians of {ROUNDS} rounds, of {turns} requests for each contestant and work, in which all take turns; \
         latencies are of the requests of all rounds, and processor time is over all rounds. In parentheses: as a multiple of \
         the bare handler of the same framework, and of the hand-written code over the same store.\n\n\
         Left out:\n\n{left_out}{not_here}\n\
         {stores}\
         ## Two nodes on Redis\n\n\
         {pairs} pairs of requests of each kind, which meet in the middle of their handlers, on two applications with \
         connections of their own to one Redis. Records are keys of the server; of this project those that are sessions, since \
         a log-out leaves a tombstone for a minute, which holds no user data, and the list of its user, which the next \
         sign-in clears.\n\n{faults}\n\
         ## The bars of this project\n\n{bars}\n\
         ## Plots\n\n{plots}",
        rustc = env!("RUSTC_VERSION"),
        frameworks = frameworks.join(", "),
        servers = servers.join(", "),
        turns = turns.iter().map(usize::to_string).collect::<Vec<_>>().join(" or "),
        pairs = nodes::PAIRS,
        faults = tables::faults(&redis.faults),
        plots = pictures(all),
    )
}

fn pictures(all: &[Measured]) -> String {
    let mut text = String::new();
    for of in all {
        text += &format!("![Requests per second, {}](plots/{}.svg)\n\n", of.store.name(), file(of.store));
    }
    text + "![Bytes per session on Redis](plots/loopback-room.svg)\n"
}

/// Returns everything about one store.
fn section(of: &Measured, redis: &OnRedis, here: &Lock, older: &Lock) -> String {
    let who: Vec<_> = of
        .store
        .kept()
        .iter()
        .map(|kept| {
            let lock = if kept.open.is_some() { here } else { older };
            let packages: Vec<_> = kept.packages.iter().map(|name| format!("{name} {}", version(lock, name))).collect();
            [kept.name, &packages.join(", "), kept.framework.package(), kept.keeps, kept.cookie]
                .map(str::to_owned)
                .to_vec()
        })
        .collect();
    let [least, most] = asking(of);
    let mut text = format!(
        "## Sessions in: {}\n\n{}\nRequests per second:\n\n{}\nLatency in milliseconds, of half of the requests and of 99 in \
         100 at most:\n\n{}\nProcessor time of the application, in microseconds per request (the client takes {least:.0} to \
         {most:.0} besides):\n\n{}\n",
        of.store.name(),
        table(&["", "packages", "in", "keeps a session in", "its cookie"], &who),
        speeds(of, |speed| compared(speed.per_second)),
        speeds(of, latency),
        speeds(of, |speed| compared(speed.processor)),
    );
    if of.counts.iter().any(|row| row.counts.iter().any(|counts| counts.wire.is_some())) {
        text += &format!(
            "Processor time of the store's server, in microseconds per request, and as a multiple of what it takes for the \
             hand-written code:\n\n{}\n",
            speeds(of, in_store),
        );
        text += &wire(of);
    }
    text += &format!("Bytes of the visitor's cookie, and of the whole response:\n\n{}\n", http(of));
    if of.store == Store::Redis {
        text += &format!(
            "Bytes of Redis for each of {} sessions (`MEMORY USAGE` of its own key, the largest that it has, and of all of them); and \
             by how much `used_memory` grew:\n\n{}\n",
            room::SESSIONS,
            rooms(redis),
        );
        text += &parts(redis);
    }
    text
}

/// Returns the tables of where this project's bytes go.
fn parts(redis: &OnRedis) -> String {
    let table_of = |parts: &Parts| {
        let mut rows: Vec<_> =
            parts.rows.iter().map(|(part, bytes)| vec![(*part).to_owned(), bytes.to_string()]).collect();
        rows.push(vec!["together".to_owned(), parts.total().to_string()]);
        let floor = "floor: an empty value's key, revision, digest or key, nonces, and the fields' values";
        rows.push(vec![floor.to_owned(), parts.floor.to_string()]);
        table(&[parts.what, "bytes"], &rows)
    };
    let tables: Vec<_> = redis.room.iter().flat_map(|of| &of.full.parts).map(table_of).collect();
    if tables.is_empty() {
        return String::new();
    }
    format!(
        "Where those of this project go, for a session that was written once (each of the next three writes adds a nonce), and for its user's list:\n\n{}\n",
        tables.join("\n")
    )
}

fn speeds(of: &Measured, cell: impl Fn(&Speed) -> String) -> String {
    let rows: Vec<_> = of
        .speeds
        .iter()
        .map(|row| std::iter::once(row.subject.name()).chain(row.speeds.iter().map(&cell)).collect())
        .collect();
    table(&head(""), &rows)
}

fn head(first: &'static str) -> Vec<&'static str> {
    std::iter::once(first).chain(WORKS).collect()
}

fn compared(of: Compared) -> String {
    match of.to_floor {
        Some(to_floor) => format!("{:.0} ({:.2}, {to_floor:.2})", of.figure, of.to_bare),
        None => format!("{:.0}", of.figure),
    }
}

fn in_store(speed: &Speed) -> String {
    match (speed.store, speed.store_to_floor) {
        (Some(figure), Some(to_floor)) => format!("{figure:.0} ({to_floor:.2})"),
        (Some(figure), None) => format!("{figure:.0}"),
        (None, _) => missing(),
    }
}

/// Returns the least and the most time that the client itself takes.
fn asking(of: &Measured) -> [f64; 2] {
    let all = || of.speeds.iter().flat_map(|row| &row.speeds).map(|speed| speed.asking);
    [all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max)]
}

fn latency(speed: &Speed) -> String {
    let [half, most] = speed.latencies.map(|latency| latency.as_secs_f64() * 1e3);
    format!("{half:.2}, {most:.2}")
}

/// Returns the table of the traffic to the store's server.
fn wire(of: &Measured) -> String {
    let speaks_redis = matches!(of.store, Store::Redis | Store::Valkey);
    let statements = if speaks_redis { "commands" } else { "statements" };
    let also = if speaks_redis { ", also by scripts" } else { ", as its log has them" };
    let of_wire =
        |cell: &dyn Fn(&counts::Wire) -> String| counted(of, &|counts| counts.wire.as_ref().map_or_else(missing, cell));
    format!(
        "Counted over {} requests, one after the other. Round trips to the store per request, also those that a client makes by \
         itself:\n\n{}\n\
         Bytes to the store and back per request:\n\n{}\n\
         {statements} that the server executed per request{also}:\n\n{}\n",
        counts::REQUESTS,
        of_wire(&|wire| number(wire.round_trips)),
        of_wire(&|wire| format!("{:.0}, {:.0}", wire.asked, wire.answered)),
        of_wire(&|wire| {
            let each = wire.executed.iter().map(|(name, times)| format!("{} {name}", number(*times)));
            let each: Vec<_> = each.collect();
            if each.is_empty() { "0".to_owned() } else { each.join(", ") }
        }),
        statements = statements[..1].to_uppercase() + &statements[1..],
    )
}

/// Formats a number, without decimals if it is whole.
fn number(number: f64) -> String {
    if number.fract().abs() < 0.005 { format!("{number:.0}") } else { format!("{number:.2}") }
}

fn counted(of: &Measured, cell: &dyn Fn(&Counts) -> String) -> String {
    let rows: Vec<_> = of
        .counts
        .iter()
        .map(|row| std::iter::once(row.kept.name.to_owned()).chain(row.counts.iter().map(cell)).collect())
        .collect();
    table(&head(""), &rows)
}

fn http(of: &Measured) -> String {
    let rows: Vec<_> = of
        .counts
        .iter()
        .map(|row| {
            let responses = row.counts.iter().map(|counts| format!("{:.0}", counts.response));
            [row.kept.name.to_owned(), row.cookie.to_string()].into_iter().chain(responses).collect()
        })
        .collect();
    let head: Vec<_> = ["", "cookie"].into_iter().chain(WORKS).collect();
    table(&head, &rows)
}

fn rooms(redis: &OnRedis) -> String {
    let rows: Vec<_> = redis
        .room
        .iter()
        .map(|of| {
            let Bytes { own, all, grown, keys, .. } = of.full;
            let figures = [own, all, grown, of.guest.own].map(|bytes| format!("{bytes:.0}"));
            [vec![of.kept.name.to_owned()], figures.to_vec(), vec![number(keys)]].concat()
        })
        .collect();
    table(
        &[
            "",
            "a user's session",
            "with all of its keys",
            "memory taken for it",
            "a guest's session",
            "keys of a user's",
        ],
        &rows,
    )
}
