//! Parses durations in attributes: `15m`, `1h 30m`, `"15m"`, or the path of a `const`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Lit, Path};

use crate::{context::Context, span::flatten};

/// A duration in an attribute.
pub(crate) enum Lifetime {
    /// A duration that is written out.
    Written(Written),
    /// A `const` of type `Duration`, whose value the derive cannot see.
    Named(Path),
}

/// A duration that is written out.
pub(crate) struct Written {
    pub(crate) millis: u64,
    /// The text as written.
    pub(crate) text: String,
}

/// The units, largest first: the unit as written, its milliseconds, its name.
const UNITS: [(&str, u64, &str); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000, "week"),
    ("d", 24 * 60 * 60 * 1000, "day"),
    ("h", 60 * 60 * 1000, "hour"),
    ("m", 60 * 1000, "minute"),
    ("s", 1000, "second"),
    ("ms", 1, "millisecond"),
];

impl Lifetime {
    /// Parses the value of an attribute. Errors point at the wrong term.
    pub(crate) fn read(tokens: &TokenStream, cx: &mut Context) -> Option<Self> {
        let flat = flatten(tokens.clone());
        match flat.first() {
            Some(TokenTree::Ident(_)) => Self::named(tokens, cx),
            Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => Self::named(tokens, cx),
            _ => Self::written(&flat, cx).map(Self::Written),
        }
    }

    /// Returns the duration in words, for the documentation: `1 hour 30 minutes`.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Written(written) => words(written.millis),
            Self::Named(path) => {
                let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                format!("`{}`", names.join("::"))
            }
        }
    }

    fn named(tokens: &TokenStream, cx: &mut Context) -> Option<Self> {
        match syn::parse::Parser::parse2(Path::parse_mod_style, tokens.clone()) {
            Ok(path) => Some(Self::Named(path)),
            Err(_) => {
                cx.error_at(
                    tokens,
                    "expected a duration such as `15m`, or the path of a `const` of type `Duration`\n\n  = help: for a \
                     computed duration write `const LIMIT: Duration = …;` and give `LIMIT`",
                );
                None
            }
        }
    }

    fn written(tokens: &[TokenTree], cx: &mut Context) -> Option<Written> {
        let mut terms = Vec::new();
        let mut sound = true;
        for token in tokens {
            match token {
                TokenTree::Literal(literal) => match Lit::new(literal.clone()) {
                    Lit::Str(string) => terms.extend(cut(&string.value()).map(|term| (term, literal.span()))),
                    _ => terms.push((literal.to_string(), literal.span())),
                },
                // `idle = 30 m`
                TokenTree::Ident(unit) if !terms.is_empty() && UNITS.iter().any(|(name, ..)| unit == name) => {
                    let number = terms.pop().map(|(text, _)| text).unwrap_or_default();
                    cx.error(
                        unit.span(),
                        format!("the unit stands apart from its number; did you mean `{number}{unit}`?"),
                    );
                    sound = false;
                }
                // `idle = -5m`
                TokenTree::Punct(punct) if punct.as_char() == '-' => {
                    cx.error(punct.span(), "a duration cannot be negative; drop the `-`");
                    sound = false;
                }
                // `idle = 30m colour`
                other if !terms.is_empty() => {
                    cx.error_at(other, format!("expected a comma before `{other}`"));
                    sound = false;
                    break;
                }
                other => {
                    cx.error_at(other, format!("expected a duration such as `15m` or `1h 30m`, found `{other}`"));
                    sound = false;
                    break;
                }
            }
        }
        if terms.is_empty() && sound {
            // `idle = ""`
            cx.error_at(
                TokenStream::from_iter(tokens.iter().cloned()),
                "the duration is empty; write it such as `15m`",
            );
        }
        sum(&terms, cx).filter(|_| sound && !terms.is_empty())
    }
}

/// Splits `"1h30m"` and `"1h 30m"` into terms.
fn cut(text: &str) -> impl Iterator<Item = String> {
    let mut terms: Vec<String> = Vec::new();
    let mut after_unit = true;
    for c in text.chars() {
        let starts = c.is_ascii_digit() && after_unit || c.is_whitespace();
        if starts || terms.is_empty() {
            terms.push(String::new());
        }
        if let (Some(term), false) = (terms.last_mut(), c.is_whitespace()) {
            term.push(c);
        }
        after_unit = !(c.is_ascii_digit() || c == '.' || c == '_');
    }
    terms.into_iter().filter(|term| !term.is_empty())
}

/// Adds up the terms. Reports every wrong one.
fn sum(terms: &[(String, Span)], cx: &mut Context) -> Option<Written> {
    let mut total = Some(0u64);
    let mut smallest: Option<usize> = None;
    for (text, span) in terms {
        match term(text) {
            Ok((millis, unit)) => {
                match smallest {
                    Some(before) if before == unit => {
                        cx.error(*span, format!("the unit `{}` is given twice; add the two up", UNITS[unit].0));
                        total = None;
                    }
                    Some(before) if before > unit => {
                        cx.error(*span, format!("`{text}` comes after a smaller unit; write the larger unit first"));
                        total = None;
                    }
                    _ => {}
                }
                smallest = Some(unit);
                let sum = total.map(|total| total.checked_add(millis));
                if let Some(None) = sum {
                    cx.error(*span, TOO_LONG);
                }
                total = sum.flatten();
            }
            Err(message) => {
                cx.error(*span, message);
                total = None;
            }
        }
    }
    let texts: Vec<_> = terms.iter().map(|(text, _)| text.as_str()).collect();
    let (millis, text) = (total?, texts.join(" "));
    if let (0, Some((_, span))) = (millis, terms.first()) {
        cx.error(*span, format!("the duration `{text}` is zero; give it some time, or leave the attribute out"));
        return None;
    }
    Some(Written { millis, text })
}

const TOO_LONG: &str = "the duration is too long to be counted in milliseconds; write a shorter one";

/// Parses one term: returns its milliseconds and the index of its unit.
fn term(text: &str) -> Result<(u64, usize), String> {
    let digits: String = text.chars().filter(|c| *c != '_').take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_' || c == '.');
    if digits.is_empty() {
        return Err(format!("`{text}` is not a duration; write it such as `15m` or `1h 30m`"));
    }
    if unit.is_empty() {
        return Err(format!("the duration `{text}` lacks a unit; did you mean `{text}s` or `{text}m`?"));
    }
    let Some(index) = UNITS.iter().position(|(name, ..)| *name == unit) else {
        return Err(unknown_unit(text, &digits, unit));
    };
    if digits.contains('.') {
        return Err(fraction(text, &digits, index));
    }
    // Only digits are left, so parsing fails only if there are too many.
    let millis = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(UNITS[index].1));
    millis.map(|millis| (millis, index)).ok_or_else(|| TOO_LONG.to_owned())
}

fn unknown_unit(text: &str, digits: &str, unit: &str) -> String {
    let meant = match unit.to_lowercase().as_str() {
        "millis" | "msec" | "msecs" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "wk" | "week" | "weeks" => "w",
        "us" | "µs" | "ns" | "micros" | "nanos" => {
            return format!("the unit `{unit}` of `{text}` is too small; the smallest is `ms`");
        }
        "mo" | "mon" | "month" | "months" | "y" | "yr" | "year" | "years" => {
            return format!("the unit `{unit}` of `{text}` has no fixed length; write days, such as `30d`");
        }
        _ => return format!("unknown unit `{unit}` in `{text}`; units are `ms`, `s`, `m`, `h`, `d` and `w`"),
    };
    format!("unknown unit `{unit}` in `{text}`; did you mean `{digits}{meant}`?")
}

fn fraction(text: &str, digits: &str, unit: usize) -> String {
    let exact = digits.parse::<f64>().ok().map(|number| number * UNITS[unit].1 as f64);
    match exact {
        Some(millis) if millis >= 1.0 && millis < u32::MAX as f64 * 1000.0 && millis.fract() == 0.0 => {
            format!("the duration `{text}` is a fraction; did you mean `{}`?", short(millis as u64))
        }
        _ => format!("the duration `{text}` is a fraction; use a smaller unit"),
    }
}

/// Writes a duration as a person would: `1h 30m`. Uses weeks only if no days are left over.
fn short(millis: u64) -> String {
    parts(millis).map(|(number, unit)| format!("{number}{}", UNITS[unit].0)).collect::<Vec<_>>().join(" ")
}

/// Writes a duration in words: `1 hour 30 minutes`.
fn words(millis: u64) -> String {
    let word =
        |(number, unit): (u64, usize)| format!("{number} {}{}", UNITS[unit].2, if number == 1 { "" } else { "s" });
    parts(millis).map(word).collect::<Vec<_>>().join(" ")
}

fn parts(millis: u64) -> impl Iterator<Item = (u64, usize)> {
    let mut rest = millis;
    let whole_weeks = millis.is_multiple_of(UNITS[0].1);
    UNITS.iter().enumerate().skip(usize::from(!whole_weeks)).filter_map(move |(index, (_, length, _))| {
        let number = rest / length;
        rest %= length;
        (number > 0).then_some((number, index))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    fn read(source: &str) -> Result<Lifetime, Vec<String>> {
        let mut cx = Context::new();
        let lifetime = Lifetime::read(&source.parse().unwrap(), &mut cx);
        let messages = cx.messages();
        assert_eq!(lifetime.is_none(), !messages.is_empty(), "{source}");
        lifetime.ok_or(messages)
    }

    fn millis(source: &str) -> Option<u64> {
        match read(source).unwrap_or_else(|messages| panic!("{source}: {messages:?}")) {
            Lifetime::Written(written) => Some(written.millis),
            Lifetime::Named(_) => None,
        }
    }

    fn fault(source: &str) -> String {
        let Err(messages) = read(source) else { panic!("{source} was accepted") };
        assert_eq!(messages.len(), 1, "{source}: {messages:?}");
        messages.into_iter().next().unwrap()
    }

    #[test]
    fn units_and_their_compounds_are_parsed() {
        for (source, expected) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("15m", 900_000),
            ("12h", 43_200_000),
            ("7d", 604_800_000),
            ("2w", 1_209_600_000),
            ("1h 30m", 5_400_000),
            ("1d 12h 5s 1ms", 129_605_001),
            ("1_000ms", 1_000),
            ("1h 0m", 3_600_000),
            ("\"15m\"", 900_000),
            ("\"1h 30m\"", 5_400_000),
            ("\" 1h30m \"", 5_400_000),
            ("\"1h30m5s500ms\"", 5_405_500),
        ] {
            assert_eq!(millis(source), Some(expected), "{source}");
        }
    }

    #[test]
    fn the_path_of_a_const_is_accepted() {
        for source in ["LIMIT", "limits::CODE", "::app::LIMIT", "self::LIMIT", "crate::LIMIT"] {
            assert_eq!(millis(source), None, "{source}");
        }
        assert!(fault("Duration::from_secs(5)").starts_with("expected a duration such as `15m`, or the path"));
    }

    // B18
    #[test]
    fn faults_say_what_to_write() {
        for (source, expected) in [
            ("5", "the duration `5` lacks a unit; did you mean `5s` or `5m`?"),
            ("\"5\"", "the duration `5` lacks a unit; did you mean `5s` or `5m`?"),
            ("1h 30", "the duration `30` lacks a unit; did you mean `30s` or `30m`?"),
            ("5min", "unknown unit `min` in `5min`; did you mean `5m`?"),
            ("5M", "unknown unit `M` in `5M`; did you mean `5m`?"),
            ("3fortnights", "unknown unit `fortnights` in `3fortnights`; units are `ms`, `s`, `m`, `h`, `d` and `w`"),
            ("5us", "the unit `us` of `5us` is too small; the smallest is `ms`"),
            ("1y", "the unit `y` of `1y` has no fixed length; write days, such as `30d`"),
            ("0s", "the duration `0s` is zero; give it some time, or leave the attribute out"),
            ("0h 0m", "the duration `0h 0m` is zero; give it some time, or leave the attribute out"),
            ("1.5h", "the duration `1.5h` is a fraction; did you mean `1h 30m`?"),
            ("0.5ms", "the duration `0.5ms` is a fraction; use a smaller unit"),
            ("18446744073709551616ms", TOO_LONG),
            ("18446744073709551615w", TOO_LONG),
            ("18446744073709551615ms", ""),
            ("1s 18446744073709551615ms", TOO_LONG),
            ("-5m", "a duration cannot be negative; drop the `-`"),
            ("30 m", "the unit stands apart from its number; did you mean `30m`?"),
            ("30m 1h", "`1h` comes after a smaller unit; write the larger unit first"),
            ("1h 2h", "the unit `h` is given twice; add the two up"),
            ("\"\"", "the duration is empty; write it such as `15m`"),
            ("\"soon\"", "`soon` is not a duration; write it such as `15m` or `1h 30m`"),
            ("5m colour = 3", "expected a comma before `colour`"),
            ("[5m]", "expected a duration such as `15m` or `1h 30m`, found `[5m]`"),
        ] {
            if expected.is_empty() {
                assert!(read(source).is_ok(), "{source}");
            } else {
                assert_eq!(fault(source), expected, "{source}");
            }
        }
        assert_eq!(read("5x 6y").err().unwrap().len(), 2, "each bad term is reported");
    }

    #[test]
    fn durations_are_written_in_words() {
        for (source, expected) in [
            ("5m", "5 minutes"),
            ("1h 30m", "1 hour 30 minutes"),
            ("2w", "2 weeks"),
            ("9d", "9 days"),
            ("36h", "1 day 12 hours"),
        ] {
            assert_eq!(read(source).unwrap_or_else(|e| panic!("{e:?}")).words(), expected);
        }
        assert_eq!(read("limits::CODE").unwrap_or_else(|e| panic!("{e:?}")).words(), "`limits::CODE`");
    }
}
