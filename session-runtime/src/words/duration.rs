//! Parses durations in settings: `15m`, `1h 30m`. Attributes have the same syntax and the same messages.

use std::time::Duration;

use super::Quoted;

/// The units, largest first: each with its length in milliseconds.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 24 * 60 * 60 * 1000),
    ("d", 24 * 60 * 60 * 1000),
    ("h", 60 * 60 * 1000),
    ("m", 60 * 1000),
    ("s", 1000),
    ("ms", 1),
];

const TOO_LONG: &str = "the duration is too long to be counted in milliseconds; write a shorter one";

/// Parses a duration. The error is a message that says what to write instead.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let terms = cut(text);
    if terms.is_empty() {
        return Err("the duration is empty; write it such as `15m`".into());
    }
    let (mut total, mut smallest) = (0u64, None);
    for (at, term) in terms.iter().enumerate() {
        if let Some(next) = terms.get(at + 1).filter(|next| is_number(term) && unit(next).is_some()) {
            return Err(format!("the unit stands apart from its number; did you mean `{term}{next}`?"));
        }
        let (millis, unit) = read(term)?;
        match smallest {
            Some(before) if before == unit => {
                return Err(format!("the unit `{}` is given twice; add the two up", UNITS[unit].0));
            }
            Some(before) if before > unit => {
                return Err(format!("`{term}` comes after a smaller unit; write the larger unit first"));
            }
            _ => smallest = Some(unit),
        }
        total = total.checked_add(millis).ok_or(TOO_LONG)?;
    }
    match total {
        0 => Err(format!("the duration {} is zero; give it some time, or leave it out", Quoted(&terms.join(" ")))),
        total => Ok(Duration::from_millis(total)),
    }
}

/// Splits `1h30m` and `1h 30m` into terms.
fn cut(text: &str) -> Vec<String> {
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
        after_unit = !(c.is_ascii_digit() || matches!(c, '.' | '_' | '-'));
    }
    terms.retain(|term| !term.is_empty());
    terms
}

/// Parses one term: returns its milliseconds and the index of its unit.
fn read(text: &str) -> Result<(u64, usize), String> {
    let shown = Quoted(text);
    if let Some(rest) = text.strip_prefix('-')
        && rest.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err("a duration cannot be negative; drop the `-`".into());
    }
    let digits: String = text.chars().filter(|c| *c != '_').take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    let name = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_' || c == '.');
    if digits.is_empty() {
        return Err(format!("{shown} is not a duration; write it such as `15m` or `1h 30m`"));
    }
    if name.is_empty() {
        return Err(format!(
            "the duration {shown} lacks a unit; did you mean {} or {}?",
            with(text, "s"),
            with(text, "m")
        ));
    }
    let Some(index) = unit(name) else { return Err(unknown_unit(text, &digits, name)) };
    if digits.contains('.') {
        return Err(fraction(text, &digits, index));
    }
    // Only digits are left, so parsing fails only if there are too many.
    let millis = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(UNITS[index].1));
    millis.map(|millis| (millis, index)).ok_or_else(|| TOO_LONG.to_owned())
}

fn unit(name: &str) -> Option<usize> {
    UNITS.iter().position(|(unit, _)| *unit == name)
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn with(number: &str, unit: &str) -> String {
    Quoted(&format!("{number}{unit}")).to_string()
}

fn unknown_unit(text: &str, digits: &str, unit: &str) -> String {
    let (shown, text) = (Quoted(unit), Quoted(text));
    let meant = match unit.to_lowercase().as_str() {
        "millis" | "msec" | "msecs" | "millisecond" | "milliseconds" => "ms",
        "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "wk" | "week" | "weeks" => "w",
        "us" | "µs" | "ns" | "micros" | "nanos" => {
            return format!("the unit {shown} of {text} is too small; the smallest is `ms`");
        }
        "mo" | "mon" | "month" | "months" | "y" | "yr" | "year" | "years" => {
            return format!("the unit {shown} of {text} has no fixed length; write days, such as `30d`");
        }
        _ => return format!("unknown unit {shown} in {text}; units are `ms`, `s`, `m`, `h`, `d` and `w`"),
    };
    format!("unknown unit {shown} in {text}; did you mean {}?", with(digits, meant))
}

fn fraction(text: &str, digits: &str, unit: usize) -> String {
    let exact = digits.parse::<f64>().ok().map(|number| number * UNITS[unit].1 as f64);
    let text = Quoted(text);
    match exact {
        Some(millis) if millis >= 1.0 && millis < u32::MAX as f64 * 1000.0 && millis.fract() == 0.0 => {
            format!("the duration {text} is a fraction; did you mean `{}`?", short(millis as u64))
        }
        _ => format!("the duration {text} is a fraction; use a smaller unit"),
    }
}

/// Writes a duration as a person would: `1h 30m`. It uses weeks only for whole weeks.
pub(crate) fn short(millis: u64) -> String {
    let (mut rest, whole_weeks) = (millis, millis.is_multiple_of(UNITS[0].1));
    let part = |(name, length): &(&str, u64)| {
        let number = rest / length;
        rest %= length;
        (number > 0).then(|| format!("{number}{name}"))
    };
    UNITS.iter().skip(usize::from(!whole_weeks)).filter_map(part).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
