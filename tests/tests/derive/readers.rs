//! The return type of `x()` and the handle of `x_mut()`, for each spelling of a type.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use session_runtime::{Atomic, Counter, Flash, FlashList, Identity, Maybe, Plain, Session, testing};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line(pub(crate) u8);

pub(crate) type Alias = Option<Line>;

/// Types with the standard library's names.
pub(crate) mod other {
    use serde::{Deserialize, Serialize};

    #[derive(Default, Serialize, Deserialize)]
    pub(crate) struct Vec<T>(pub(crate) T);
    #[derive(Default, Serialize, Deserialize)]
    pub(crate) struct String;
}

#[derive(Session)]
pub(crate) struct Shapes {
    pub(crate) number: u16,
    pub(crate) float: f64,
    pub(crate) letter: char,
    pub(crate) yes: bool,
    pub(crate) maybe_number: Option<i128>,
    pub(crate) maybe_yes: std::option::Option<bool>,
    pub(crate) text: String,
    pub(crate) spelled_out: ::std::string::String,
    pub(crate) list: Vec<Line>,
    pub(crate) spelled_list: std::vec::Vec<Line>,
    pub(crate) maybe_text: Option<String>,
    pub(crate) maybe_list: Option<Vec<Line>>,
    pub(crate) maybe_line: Option<Line>,
    #[session(skip)]
    pub(crate) nested: Option<Option<u8>>,
    pub(crate) line: Line,
    pub(crate) alias: Alias,
    pub(crate) map: BTreeMap<String, Vec<u8>>,
    pub(crate) array: [u8; 4],
    pub(crate) tuple: (u8, String),
    pub(crate) boxed: Box<str>,
    pub(crate) foreign: other::Vec<u8>,
    pub(crate) foreign_text: other::String,
    #[session(copy)]
    pub(crate) by_value: (u8, u8),
    #[session(copy)]
    pub(crate) maybe_by_value: Option<(u8, u8)>,
    #[session(atomic)]
    pub(crate) atomic: Vec<Line>,
    #[session(atomic)]
    pub(crate) atomic_maybe: Option<Line>,
    #[session(counter)]
    pub(crate) counter: i64,
    #[session(flash)]
    pub(crate) flash: Option<Line>,
    #[session(flash)]
    pub(crate) flashes: Vec<Line>,
    #[session(identity)]
    pub(crate) identity: Option<String>,
}

// The test is that this compiles: it spells out the type that each reader returns.
fn readers(s: &Session<Shapes>) {
    let _: (u16, f64, char, bool) = (s.number(), s.float(), s.letter(), s.yes());
    let _: (Option<i128>, Option<bool>) = (s.maybe_number(), s.maybe_yes());
    let _: (&str, &str, &[Line], &[Line]) = (s.text(), s.spelled_out(), s.list(), s.spelled_list());
    let _: (Option<&str>, Option<&[Line]>, Option<&Line>) = (s.maybe_text(), s.maybe_list(), s.maybe_line());
    let _: (Option<&Option<u8>>, &Line, &Alias) = (s.nested(), s.line(), s.alias());
    let _: (&BTreeMap<String, Vec<u8>>, &[u8; 4], &(u8, String), &Box<str>) =
        (s.map(), s.array(), s.tuple(), s.boxed());
    let _: (&other::Vec<u8>, &other::String) = (s.foreign(), s.foreign_text());
    let _: ((u8, u8), Option<(u8, u8)>) = (s.by_value(), s.maybe_by_value());
    let _: (&[Line], Option<&Line>, i64, Option<&Line>, &[Line], Option<&str>) =
        (s.atomic(), s.atomic_maybe(), s.counter(), s.flash(), s.flashes(), s.identity());
}

fn handles(s: &mut Session<Shapes>) {
    let _: Plain<'_, u16> = s.number_mut();
    let _: Maybe<'_, i128> = s.maybe_number_mut();
    let _: Plain<'_, String> = s.text_mut();
    let _: Plain<'_, Vec<Line>> = s.list_mut();
    let _: Maybe<'_, String> = s.maybe_text_mut();
    let _: Maybe<'_, Option<u8>> = s.nested_mut();
    let _: Plain<'_, Alias> = s.alias_mut();
    let _: Plain<'_, other::Vec<u8>> = s.foreign_mut();
    let _: Maybe<'_, (u8, u8)> = s.maybe_by_value_mut();
    let _: Atomic<'_, Shapes, Vec<Line>> = s.atomic_mut();
    let _: Atomic<'_, Shapes, Option<Line>> = s.atomic_maybe_mut();
    let _: Counter<'_, i64> = s.counter_mut();
    let _: Flash<'_, Line> = s.flash_mut();
    let _: FlashList<'_, Line> = s.flashes_mut();
    let _: Identity<'_, Shapes, String> = s.identity_mut();
}

#[test]
fn readers_and_handles_are_as_documented() {
    #[derive(Session)]
    struct Small {
        text: String,
        maybe: Option<Vec<u8>>,
        count: u8,
    }
    let _ = (readers, handles);
    let mut session = testing::session(|it| *it = Small { text: "a".into(), maybe: None, count: 1 });
    session.text_mut().push('b');
    session.maybe_mut().set(vec![1]);
    *session.count_mut() += 1;
    assert_eq!((session.text(), session.maybe(), session.count()), ("ab", Some(&[1][..]), 2));
}
