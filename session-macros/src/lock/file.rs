//! The lock as text: the session's kind, application, cookie and version, then a line for each stored name, sorted by name.

use std::{collections::BTreeMap, fmt};

use syn::LitStr;

use super::{Subject, form::Form};

/// Describes the data of live sessions.
#[derive(Debug, PartialEq)]
pub(super) struct Lock {
    pub(super) kind: String,
    /// `None` if the package was unknown.
    pub(super) app: Option<String>,
    pub(super) cookie: String,
    pub(super) version: u32,
    /// The forms of fields, by stored name.
    pub(super) fields: BTreeMap<String, Form>,
    /// The forms of names that no field has any more, but that may still be stored.
    pub(super) former: BTreeMap<String, Form>,
}

const HEAD: &str = "\
# What live sessions store, as the derive of `Session` sees it. Check this file in; it is written by
# SESSION_LOCK=update cargo check
";
const FORMER: &str = "# Of earlier builds. Delete a line once no session can have it any more.";

impl Lock {
    pub(super) fn of(subject: &Subject<'_>) -> Self {
        let session = subject.session;
        let stored = session.fields.iter().filter(|field| field.attrs.skip.is_none());
        Self {
            kind: session.kind(),
            app: subject.app(),
            cookie: session.cookie_name(),
            version: session.version(),
            fields: stored.map(|field| (field.stored_name(), Form::of(field))).collect(),
            former: BTreeMap::new(),
        }
    }

    /// Returns the form of a current or former name.
    pub(super) fn form(&self, name: &str) -> Option<&Form> {
        self.fields.get(name).or_else(|| self.former.get(name))
    }

    /// Returns the new lock of a session. It keeps the former names of the previous lock, `before`.
    pub(super) fn following(subject: &Subject<'_>, before: Self) -> Self {
        let mut lock = Self::of(subject);
        lock.app = lock.app.or(before.app);
        let all = before.former.into_iter().chain(before.fields);
        lock.former = all.filter(|(name, _)| !lock.fields.contains_key(name)).collect();
        for field in &subject.session.fields {
            for alias in &field.attrs.aliases {
                // `compare` has checked that today's form can read it.
                lock.former.entry(alias.value.clone()).and_modify(|form| *form = Form::of(field));
            }
        }
        lock
    }

    /// # Errors
    /// Returns the number of the first line that cannot be read, counted from 1.
    pub(super) fn read(text: &str) -> Result<Self, usize> {
        let mut lock = Self {
            kind: String::new(),
            app: None,
            cookie: String::new(),
            version: 0,
            fields: BTreeMap::new(),
            former: BTreeMap::new(),
        };
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            lock.read_line(line).ok_or(number)?;
        }
        let whole = !lock.kind.is_empty() && lock.version > 0;
        if whole { Ok(lock) } else { Err(text.lines().count().max(1)) }
    }

    fn read_line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            // Older locks have the struct's name, as `session`, instead of a kind.
            "kind" | "session" => self.kind = unquoted(rest)?,
            "app" => self.app = Some(unquoted(rest)?),
            "cookie" => rest.clone_into(&mut self.cookie),
            "version" => self.version = rest.parse().ok()?,
            "field" | "former" => {
                let (name, form) = split(rest)?;
                let fields = if word == "field" { &mut self.fields } else { &mut self.former };
                let twice = fields.insert(name, Form::read(form)?);
                return twice.is_none().then_some(());
            }
            _ => return None,
        }
        Some(())
    }
}

/// Parses a name, which may be in quotes.
fn unquoted(name: &str) -> Option<String> {
    match name.starts_with('"') {
        true => syn::parse_str::<LitStr>(name).ok().map(|name| name.value()),
        false => Some(name.to_owned()),
    }
}

/// Splits a line into the name and the text after its colon.
fn split(line: &str) -> Option<(String, &str)> {
    if !line.starts_with('"') {
        return line.split_once(": ").map(|(name, form)| (name.to_owned(), form));
    }
    let ends = line.match_indices("\": ").map(|(at, _)| at + 1);
    ends.filter_map(|end| Some((unquoted(&line[..end])?, &line[end + 2..]))).next()
}

/// Puts a name in quotes, unless it is a plain word.
fn quoted(name: &str) -> String {
    let is_word = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    if is_word { name.to_owned() } else { format!("{name:?}") }
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}kind {}", quoted(&self.kind))?;
        if let Some(app) = &self.app {
            writeln!(f, "app {}", quoted(app))?;
        }
        writeln!(f, "cookie {}\nversion {}\n", self.cookie, self.version)?;
        write_all(f, "field", &self.fields)?;
        if !self.former.is_empty() {
            writeln!(f, "\n{FORMER}")?;
        }
        write_all(f, "former", &self.former)
    }
}

fn write_all(f: &mut fmt::Formatter<'_>, word: &str, fields: &BTreeMap<String, Form>) -> fmt::Result {
    fields.iter().try_for_each(|(name, form)| writeln!(f, "{word} {}: {form}", quoted(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_lock_reads_back_equal() {
        let form = |text| Form::read(text).into_iter();
        let fields = ["cart", "a: b", "\": \"", "Größe", "\u{1}"].map(str::to_owned);
        let lock = Lock {
            kind: "the \"Shop\" ".to_owned(),
            app: Some("shop".to_owned()),
            cookie: "__Host-shop".to_owned(),
            version: 2,
            fields: fields.iter().cloned().zip(form("Vec<Line>").cycle()).collect(),
            former: fields.iter().cloned().zip(form("HashMap<String, u8>, with a::b, secret").cycle()).collect(),
        };
        assert_eq!(Lock::read(&lock.to_string()), Ok(lock));
    }

    #[test]
    fn an_invalid_line_is_reported_by_its_number() {
        let lock = "kind Shop\ncookie shop\nversion 1\n";
        assert_eq!(Lock::read(lock).map(|lock| lock.version), Ok(1));
        for (line, number) in [
            ("<<<<<<< HEAD", 4),
            ("field cart", 4),
            ("field cart: ", 4),
            ("field a: u8\nfield a: u16", 5),
            ("field \"a: u8", 4),
            ("version two", 4),
            ("app \"shop", 4),
        ] {
            assert_eq!(Lock::read(&format!("{lock}{line}\n")), Err(number), "{line}");
        }
        assert_eq!((Lock::read(""), Lock::read("field cart: u8\n")), (Err(1), Err(1)));
    }
}
