//! Writes the page: tables, then plots.

use std::{error::Error, fs, path::Path};

use super::{
    MOST_FILES, Measured, SIZES,
    counted::{self, TIMES},
    eight, fields,
    shelf::What,
    sizes, visitors,
    waiting::Waits,
    wide::{FIELDS, LENGTHS, WHO},
};
use crate::{
    instructions,
    lines::{self, Axes, Line},
    report::{Lock, version},
    tables::table,
};

pub fn write(directory: &Path, date: &str, measured: &Measured) -> Result<(), Box<dyn Error>> {
    let report = directory.join("report");
    let plots = report.join("growth");
    fs::create_dir_all(&plots)?;
    draw(&plots, measured)?;
    fs::write(report.join("growth.md"), text(date, measured))?;
    Ok(())
}

fn text(date: &str, of: &Measured) -> String {
    let lock = Lock::read();
    let packages: Vec<_> =
        ["session-runtime", "tower-sessions", "axum_session", "ruts", "actix-session", "poem", "dashmap"]
            .iter()
            .map(|package| format!("{package} {}", version(&lock, package)))
            .collect();
    let sizes = SIZES.map(|size| size.to_string());
    let sizes: Vec<_> = sizes.iter().map(String::as_str).collect();
    format!(
        "# Sessions compared: growth\n\n\
         Written by `tests/bench growth` on {date}; {cores} cores, {rustc}, {valgrind}; {servers}; {packages}.\n\n\
         Sessions in cookies are left out: a service does not hold them, so they do not grow with their number.\n\n\
         ## How many sessions there are\n\n\
         Stores of this project that hold sessions of eight fields, of a signed-in user each. A read is a load; a write is a \
         load, and a swap that changes one small field. Sessions are taken at random. Medians of {rounds} rounds, in which all stores \
         and sizes take turns, in microseconds. `FileStore` is measured with at most {most_files} sessions: each is a file, \
         and the list of its user is another.\n\n\
         A read:\n\n{reads}\n\
         A write:\n\n{writes}\n\
         All sessions of a user who has {some}, listed and loaded:\n\n{lists}\n\
         Bytes per session, its user's list included: `used_memory` of Redis, the table and indexes of the databases, the \
         blocks of all files. What is in memory follows below.\n\n{bytes}\n\
         Instructions of `MemoryStore`, counted by callgrind over {times} calls:\n\n{counted}\n\
         ![A read](growth/sessions-read.svg)\n\n![A write](growth/sessions-write.svg)\n\n\
         ![A list](growth/sessions-list.svg)\n\n![Bytes](growth/sessions-bytes.svg)\n\n\
         ## How many sessions there are in memory\n\n\
         The contestants of the report on one process, whose requests these are: W1 reads two fields, W2 writes a small one, of \
         sessions taken at random; nanoseconds above the bare handler, medians of {visitor_rounds} rounds in which all sizes \
         take turns. A size is left out where it would take more than {most_gigabytes} GB. `axum_session` is the unsigned \
         one, whose store is the same.\n\n\
         W1:\n\n{visitor_reads}\n\
         W2:\n\n{visitor_writes}\n\
         Bytes per session on the heap:\n\n{visitor_bytes}\n\
         ![W1](growth/memory-read.svg)\n\n![W2](growth/memory-write.svg)\n\n![Bytes](growth/memory-bytes.svg)\n\n\
         ## How many fields a session has\n\n\
         Fields of ten bytes. In memory: instructions per request above the bare handler, without hashing, counted by callgrind \
         over {field_times} requests.\n\n{fields_counted}\n\
         In stores: microseconds of a read, and of a write of one field, as above; medians of {field_rounds} rounds.\n\n\
         {fields_read}\n{fields_written}\n\
         ![Instructions](growth/fields-instructions.svg)\n\n![A write](growth/fields-write.svg)\n\n\
         ## How large a field is\n\n\
         Sessions of two fields, a small one of ten bytes and a large one. In memory, instructions as above:\n\n\
         {lengths_counted}\n\
         In stores, microseconds. The small one is written beside a large one of so many bytes:\n\n{small_written}\n\
         The large one is written:\n\n{large_written}\n\
         ![Instructions](growth/lengths-instructions.svg)\n\n![The small one](growth/lengths-small.svg)\n\n\
         ![The large one](growth/lengths-large.svg)\n\n\
         ## Going through all sessions\n\n\
         By `Store::scan`.\n\n{passes}\n\
         ![Going through](growth/passes.svg)\n\n\
         ## Clean-up\n\n\
         `delete_expired` once a hundredth of the sessions has expired, and once half of them has, while somebody reads and \
         writes sessions that stay, one after the other. Redis removes what has expired by itself.\n\n{clean_ups}\n\
         How long reads waited, in microseconds; before it, with nothing else going on, and meanwhile:\n\n{reads_waited}\n\
         How long writes waited:\n\n{writes_waited}",
        cores = std::thread::available_parallelism().map_or(1, usize::from),
        rustc = env!("RUSTC_VERSION"),
        valgrind = instructions::countable().unwrap_or_else(|| "no valgrind, so instructions are missing".to_owned()),
        servers = of.servers.join(", "),
        packages = packages.join(", "),
        rounds = sizes::ROUNDS,
        most_files = MOST_FILES,
        some = eight::SESSIONS_OF_ONE,
        reads = of_stores(&sizes, |what, size| row(of, what, size).map(|row| micro(row.read))),
        writes = of_stores(&sizes, |what, size| row(of, what, size).map(|row| micro(row.write))),
        lists = of_stores(&sizes, |what, size| row(of, what, size).map(|row| micro(row.list))),
        bytes = of_stores(&sizes, |what, size| row(of, what, size)?.bytes.map(whole)),
        times = TIMES,
        counted = counted_table(of),
        visitor_rounds = visitors::ROUNDS,
        most_gigabytes = visitors::MOST_BYTES / 1e9,
        visitor_reads = of_visitors(&sizes, of, |row| row.read),
        visitor_writes = of_visitors(&sizes, of, |row| row.write),
        visitor_bytes = of_visitors(&sizes, of, |row| row.bytes),
        field_times = fields::COUNTED,
        field_rounds = fields::ROUNDS,
        fields_counted = in_memory(["reads one", "writes one"], &FIELDS, &of.in_memory.fields),
        fields_read = in_stores("read", &FIELDS, of, |of, at| of.fields[at][0]),
        fields_written = in_stores("write", &FIELDS, of, |of, at| of.fields[at][1]),
        lengths_counted = in_memory(["writes the small one", "writes the large one"], &LENGTHS, &of.in_memory.lengths),
        small_written = in_stores("bytes", &LENGTHS, of, |of, at| of.lengths[at][0]),
        large_written = in_stores("bytes", &LENGTHS, of, |of, at| of.lengths[at][1]),
        passes = passes(of),
        clean_ups = clean_ups(of),
        reads_waited = waited(of, 0),
        writes_waited = waited(of, 1),
    )
}

fn micro(nanoseconds: f64) -> String {
    format!("{:.1}", nanoseconds / 1e3)
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

fn missing() -> String {
    "–".to_owned()
}

fn row(of: &Measured, what: What, size: u64) -> Option<&sizes::Row> {
    of.sizes.iter().find(|row| (row.what, row.size) == (what, size))
}

/// Returns a table with a row for each store that has a figure, and a column for each size.
fn of_stores(sizes: &[&str], cell: impl Fn(What, u64) -> Option<String>) -> String {
    let row = |what: What| {
        let cells = SIZES.map(|size| cell(what, size));
        let known = cells.iter().any(Option::is_some);
        let name = [what.name().to_owned()].into_iter();
        known.then(|| name.chain(cells.map(|cell| cell.unwrap_or_else(missing))).collect())
    };
    let rows: Vec<_> = What::ALL.into_iter().filter_map(row).collect();
    table(&[&["sessions"], sizes].concat(), &rows)
}

fn of_visitors(sizes: &[&str], of: &Measured, cell: impl Fn(&visitors::Row) -> f64) -> String {
    let row = |name: &'static str| {
        let find = |size| of.visitors.iter().find(|row| (row.name, row.size) == (name, size));
        let cells = SIZES.map(|size| find(size).map_or_else(missing, |row| whole(cell(row))));
        [name.to_owned()].into_iter().chain(cells).collect()
    };
    let rows: Vec<_> = visitors::contestants().map(|contestant| row(contestant.name)).collect();
    table(&[&["sessions"], sizes].concat(), &rows)
}

fn counted_table(of: &Measured) -> String {
    let sizes = counted::SIZES.map(|size| size.to_string());
    let head: Vec<_> = ["sessions"].into_iter().chain(sizes.iter().map(String::as_str)).collect();
    let rows = [("a read", 0), ("a write", 1)].map(|(name, at)| {
        let cells = of.counted.iter().map(|counted| counted[at].map_or_else(missing, whole));
        [name.to_owned()].into_iter().chain(cells).collect()
    });
    table(&head, &rows)
}

/// Returns a table with a row for each of the two contestants and each of two works.
fn in_memory(works: [&str; 2], columns: &[usize], of: &[Vec<[Option<f64>; 2]>; 2]) -> String {
    let columns: Vec<_> = columns.iter().map(usize::to_string).collect();
    let head: Vec<_> = [""].into_iter().chain(columns.iter().map(String::as_str)).collect();
    let rows: Vec<_> = WHO
        .iter()
        .zip(of)
        .flat_map(|(who, of)| {
            works.iter().enumerate().map(move |(at, work)| {
                let cells = of.iter().map(|counted| counted[at].map_or_else(missing, whole));
                [format!("{who} {work}")].into_iter().chain(cells).collect()
            })
        })
        .collect();
    table(&head, &rows)
}

fn in_stores(title: &str, columns: &[usize], of: &Measured, cell: impl Fn(&fields::InStores, usize) -> f64) -> String {
    let texts: Vec<_> = columns.iter().map(usize::to_string).collect();
    let head: Vec<_> = [title].into_iter().chain(texts.iter().map(String::as_str)).collect();
    let row = |of: &fields::InStores| {
        [of.what.name().to_owned()].into_iter().chain((0..columns.len()).map(|at| micro(cell(of, at)))).collect()
    };
    table(&head, &of.in_stores.iter().map(row).collect::<Vec<_>>())
}

fn passes(of: &Measured) -> String {
    let row = |pass: &sizes::Pass| {
        vec![
            pass.what.name().to_owned(),
            pass.size.to_string(),
            format!("{:.2}", pass.seconds),
            micro(pass.seconds * 1e9 / pass.size as f64),
            format!("{:.1}", pass.longest_call * 1e3),
        ]
    };
    let rows: Vec<_> = of.passes.iter().map(row).collect();
    table(&["", "sessions", "seconds", "µs per session", "longest call, ms"], &rows)
}

fn clean_ups(of: &Measured) -> String {
    let rows: Vec<_> = of
        .clean_ups
        .iter()
        .map(|of| {
            vec![
                of.what.name().to_owned(),
                of.size.to_string(),
                of.removed.to_string(),
                format!("{:.2}", of.seconds),
                format!("{:.1}", of.seconds * 1e6 / of.removed.max(1) as f64),
            ]
        })
        .collect();
    table(&["", "sessions", "removed", "seconds", "µs per removed session"], &rows)
}

fn waited(of: &Measured, work: usize) -> String {
    let micro = |seconds: f64| format!("{:.1}", seconds * 1e6);
    let cells = |waits: Waits| [waits.median, waits.of_a_hundred, waits.longest].map(micro);
    let rows: Vec<_> = of
        .clean_ups
        .iter()
        .map(|of| {
            let name = format!("{}, {} removed", of.what.name(), of.removed);
            let (before, meanwhile) = (cells(of.before[work]), cells(of.meanwhile[work]));
            [name].into_iter().chain(before).chain(meanwhile).collect()
        })
        .collect();
    let head = ["", "before: median", "99 of 100", "longest", "meanwhile: median", "99 of 100", "longest"];
    table(&head, &rows)
}

fn draw(plots: &Path, of: &Measured) -> Result<(), Box<dyn Error>> {
    let plot = |name: &str, title: &str, axes: &Axes<'_>, lines: Vec<Line>| {
        let lines: Vec<_> = lines.into_iter().filter(|(_, points)| !points.is_empty()).collect();
        if lines.is_empty() { Ok(()) } else { lines::draw(&plots.join(format!("{name}.svg")), title, axes, &lines) }
    };
    let time = |across, base| Axes { across, base, up: "time", number_up: lines::nanoseconds };
    let bytes = Axes { across: "sessions in the store", base: 10.0, up: "bytes per session", number_up: lines::count };
    let sessions = time("sessions in the store", 10.0);
    let of_sizes = |cell: fn(&sizes::Row) -> Option<f64>| -> Vec<Line> {
        What::ALL
            .iter()
            .map(|what| {
                let rows = of.sizes.iter().filter(|row| row.what == *what);
                (what.name().to_owned(), rows.filter_map(|row| Some((row.size as f64, cell(row)?))).collect())
            })
            .collect()
    };
    plot("sessions-read", "A read, as the store fills", &sessions, of_sizes(|row| Some(row.read)))?;
    plot(
        "sessions-write",
        "A write of one small field, as the store fills",
        &sessions,
        of_sizes(|row| Some(row.write)),
    )?;
    plot(
        "sessions-list",
        "Listing a user's three sessions, as the store fills",
        &sessions,
        of_sizes(|row| Some(row.list)),
    )?;
    plot("sessions-bytes", "Bytes per session, as the store fills", &bytes, of_sizes(|row| row.bytes))?;
    let of_visitors = |cell: fn(&visitors::Row) -> f64| -> Vec<Line> {
        visitors::contestants()
            .map(|contestant| {
                let rows = of.visitors.iter().filter(|row| row.name == contestant.name);
                // A logarithmic axis cannot show a value that is not above the bare handler.
                (
                    contestant.name.to_owned(),
                    rows.map(|row| (row.size as f64, cell(row))).filter(|point| point.1 > 0.0).collect(),
                )
            })
            .collect()
    };
    plot("memory-read", "W1, reading two fields, as memory fills", &sessions, of_visitors(|row| row.read))?;
    plot("memory-write", "W2, writing a small field, as memory fills", &sessions, of_visitors(|row| row.write))?;
    plot("memory-bytes", "Bytes per session on the heap", &bytes, of_visitors(|row| row.bytes))?;
    let instructions = |across, base| Axes { across, base, up: "instructions", number_up: lines::count };
    let fields_across = "fields of a session";
    let lengths_across = "bytes of the large field";
    let counted = |works: [&str; 2], across: &[usize], of: &[Vec<[Option<f64>; 2]>; 2]| -> Vec<Line> {
        let line = |who: usize, work: usize| {
            let points = across.iter().zip(&of[who]).filter_map(|(x, counted)| Some((*x as f64, counted[work]?)));
            (format!("{} {}", WHO[who], works[work]), points.collect())
        };
        (0..WHO.len())
            .flat_map(|who| (0..works.len()).map(move |work| (who, work)))
            .map(|(who, work)| line(who, work))
            .collect()
    };
    plot(
        "fields-instructions",
        "Instructions of a request in memory, by the number of fields",
        &instructions(fields_across, 2.0),
        counted(["reads", "writes"], &FIELDS, &of.in_memory.fields),
    )?;
    plot(
        "lengths-instructions",
        "Instructions of a write in memory, by the size of a field",
        &instructions(lengths_across, 10.0),
        counted(["beside it", "of it"], &LENGTHS, &of.in_memory.lengths),
    )?;
    let stores = |across: &[usize], cell: fn(&fields::InStores, usize) -> f64| -> Vec<Line> {
        of.in_stores
            .iter()
            .map(|of| {
                let points = across.iter().enumerate().map(|(at, x)| (*x as f64, cell(of, at)));
                (of.what.name().to_owned(), points.collect())
            })
            .collect()
    };
    let (by_fields, by_length) = (time(fields_across, 2.0), time(lengths_across, 10.0));
    plot(
        "fields-write",
        "A write of one field, by the number of fields",
        &by_fields,
        stores(&FIELDS, |of, at| of.fields[at][1]),
    )?;
    plot(
        "lengths-small",
        "A write of a small field beside a large one",
        &by_length,
        stores(&LENGTHS, |of, at| of.lengths[at][0]),
    )?;
    plot("lengths-large", "A write of the large field", &by_length, stores(&LENGTHS, |of, at| of.lengths[at][1]))?;
    let passes = What::ALL.iter().map(|what| {
        let passes = of.passes.iter().filter(|pass| pass.what == *what);
        (what.name().to_owned(), passes.map(|pass| (pass.size as f64, pass.seconds * 1e9)).collect())
    });
    plot("passes", "Going through all sessions, by their number", &sessions, passes.collect())
}
