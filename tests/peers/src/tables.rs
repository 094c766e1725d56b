//! Formats the figures as Markdown tables.

use crate::{
    bars::{Bar, Bound, Verdict},
    correctness::Faults,
    figures::{Cost, Figures},
    parts::PARTS,
    works::WORKS,
};

/// Returns a table. Columns of numbers are aligned to the right, including those with several numbers in a cell.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let number = |cell: &String| {
        cell == "–" || cell.split([' ', ',', '(', ')']).all(|part| part.is_empty() || part.parse::<f64>().is_ok())
    };
    let numbers = |column: usize| rows.iter().all(|row| row.get(column).is_some_and(number));
    let rules: Vec<_> = (0..head.len()).map(|column| if numbers(column) { "--:" } else { "---" }).collect();
    let mut text = line(head.iter().map(|cell| (*cell).to_owned()).collect()) + &format!("|{}|\n", rules.join("|"));
    text.extend(rows.iter().map(|row| line(row.clone())));
    text
}

/// Returns a table with a row for each contestant and a column for each work.
pub fn works(figures: &[Figures], cell: impl Fn(&Cost) -> String) -> String {
    let rows: Vec<_> = figures
        .iter()
        .map(|of| std::iter::once(of.contestant.name.to_owned()).chain(of.costs.iter().map(&cell)).collect())
        .collect();
    let head: Vec<_> = std::iter::once("").chain(WORKS).collect();
    table(&head, &rows)
}

pub fn instructions(cost: &Cost) -> String {
    cost.instructions.map_or_else(missing, |instructions| format!("{:+.0}", instructions.without_hashing()))
}

pub fn instructions_with_hashing(cost: &Cost) -> String {
    cost.instructions.map_or_else(missing, |instructions| format!("{:+.0}", instructions.all))
}

/// Returns a table with the parts of this contestant's instructions.
pub fn parts(figures: &[Figures], contestant: &str) -> String {
    let Some(of) = figures.iter().find(|of| of.contestant.name == contestant) else { return String::new() };
    let cell = |cost: &Cost, at: usize| cost.instructions.map_or_else(missing, |of| format!("{:+.0}", of.parts[at]));
    let row = |(at, part): (usize, &&str)| {
        std::iter::once((*part).to_owned()).chain(of.costs.iter().map(|cost| cell(cost, at))).collect()
    };
    let head: Vec<_> = std::iter::once("").chain(WORKS).collect();
    table(&head, &PARTS.iter().enumerate().map(row).collect::<Vec<_>>())
}

pub fn allocations(cost: &Cost) -> String {
    format!("{:+.1}", cost.allocations)
}

pub fn nanoseconds(cost: &Cost) -> String {
    format!("{:+.0}", cost.nanoseconds)
}

pub fn missing() -> String {
    "–".to_owned()
}

/// Returns the faults per thousand pairs of requests.
pub fn faults(all: &[(&'static str, Faults)]) -> String {
    let head = [
        "per 1,000 pairs of requests",
        "lost update, two fields",
        "lost update, a counter",
        "signed in again after a log-out",
        "records left by a log-out",
        "write lost in a renewal",
        "write refused in a renewal",
        "signed out by a renewal",
        "id from before a sign-in opens",
        "stale read, other node",
    ];
    let rows: Vec<_> = all
        .iter()
        .map(|(name, faults)| {
            let of = |count: usize| format!("{:.0}", count as f64 * 1000.0 / faults.pairs as f64);
            vec![
                (*name).to_owned(),
                of(faults.lost_field),
                of(faults.lost_count),
                of(faults.resurrected),
                faults.ghosts.map_or_else(missing, of),
                of(faults.lost_in_renewal),
                of(faults.refused_in_renewal),
                of(faults.signed_out),
                of(faults.old_id_opens),
                of(faults.stale),
            ]
        })
        .collect();
    table(&head, &rows)
}

pub fn bytes(figures: &[Figures]) -> String {
    let rows: Vec<_> =
        figures.iter().map(|of| vec![of.contestant.name.to_owned(), format!("{:.0}", of.bytes_per_session)]).collect();
    table(&["", "bytes per session in memory"], &rows)
}

pub fn bars(bars: &[Bar], verdicts: &[Verdict]) -> String {
    let rows: Vec<_> = bars
        .iter()
        .zip(verdicts)
        .map(|(bar, verdict)| {
            let verdict = match verdict {
                Verdict::Met => "met".to_owned(),
                Verdict::Unmeasured => "could not be measured".to_owned(),
                Verdict::Known(reason) => format!("missed: {reason}"),
                Verdict::Missed(why) => format!("MISSED, {why}"),
            };
            let (digits, wanted) = match bar.bound {
                Bound::AtMost(most) => (1, format!("at most {most}")),
                Bound::AtLeast(least) => (2, format!("at least {least:.2}")),
            };
            let measured = bar.measured.map_or_else(missing, |measured| format!("{measured:.digits$}"));
            vec![bar.name.clone(), measured, wanted, verdict]
        })
        .collect();
    table(&["bar", "measured", "wanted", ""], &rows)
}
