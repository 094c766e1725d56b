//! Checks that the guide and the tests agree: the guide lists every requirement, and each requirement is tested
//! in the files that the guide names for it.

use std::{collections::BTreeSet, fs, path::Path};

const GUIDE: &str = include_str!("../../../session-runtime/docs/security.md");

/// Returns the numbers of all requirements. The numbers 55 and 56 are not in use yet.
fn all() -> BTreeSet<u32> {
    (1..=54).chain(57..=61).collect()
}

/// Returns the numbers of requirements in a text: `S12`, not `BS12` or `S12a`.
fn numbers(text: &str) -> BTreeSet<u32> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let digits = words.filter_map(|word| word.strip_prefix('S'));
    digits
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// Returns the requirements of the tables, each with the files that must test it.
fn promised() -> Vec<(u32, Vec<&'static str>)> {
    let rows = GUIDE.lines().filter(|line| line.starts_with("| S"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{row}");
        let number = cells[0].trim_start_matches('S').parse().unwrap();
        (number, cells[3].split(", ").map(|file| file.trim_matches(['`', ' ', '|'])).collect())
    })
    .collect()
}

/// Returns the source of a file that the guide names.
fn source(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    ["tests", "refused/tests", "../session-runtime/src", "../session-runtime/src/testing"]
        .iter()
        .find_map(|folder| fs::read_to_string(root.join(folder).join(file)).ok())
        .unwrap_or_else(|| panic!("the guide names {file}, which is not there"))
}

/// Returns the requirements that a file's comments mention.
fn named(source: &str) -> BTreeSet<u32> {
    let comments = source.lines().filter_map(|line| line.split_once("//"));
    comments.flat_map(|(_, comment)| numbers(comment)).collect()
}

#[test]
fn every_requirement_is_in_the_guide_once() {
    let tested: Vec<_> = promised().into_iter().map(|(number, _)| number).collect();
    let (_, left) = GUIDE.split_once("\n# What we do not do\n").unwrap();
    let not_done = numbers(left);
    let once: BTreeSet<_> = tested.iter().copied().collect();
    assert_eq!(once.len(), tested.len(), "no requirement has two rows");
    assert_eq!(once.intersection(&not_done).count(), 0, "no tested requirement is listed as not done");
    assert_eq!(once.union(&not_done).copied().collect::<BTreeSet<_>>(), all());
}

#[test]
fn requirements_are_tested_where_the_guide_says() {
    for (number, files) in promised() {
        for file in files {
            let source = source(file);
            assert!(
                file.starts_with("ui/") || source.contains("async fn ") || source.contains("#[test]"),
                "{file} tests nothing"
            );
            assert!(named(&source).contains(&number), "{file} has no test that names S{number}");
        }
    }
}

#[test]
fn every_number_in_a_comment_is_a_requirement() {
    let mut files = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["tests", "refused/tests", "src", "../session-runtime/src", "../session-macros/src"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 100);
    let all = all();
    for (file, source) in files {
        for number in named(&source) {
            assert!(all.contains(&number), "{file} names S{number}, which does not exist");
        }
    }
}

fn sources(folder: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}
