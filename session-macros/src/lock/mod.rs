//! Implements `lock = "shop.lock"`, a file that is checked in. It describes the data of live sessions, and names their kind,
//! application and cookie. A change that would end live sessions, or lose their data, does not compile.
//!
//! `file` reads and writes the file, `form` describes a field, and `compare` decides which changes are allowed.

mod compare;
mod file;
mod form;

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use proc_macro2::TokenStream;
use quote::quote;

use self::{
    compare::{Difference, compare},
    file::Lock,
};
use crate::{attr::Given, context::Context, model::Session};

/// The command that writes a change into the lock.
const UPDATE: &str = "`SESSION_LOCK=update cargo check`";

/// Compares a session with its lock, if it has one. The session must have no other mistakes. The returned code makes the compiler
/// run again when the file changes.
pub(crate) fn hold(session: &Session, cx: &mut Context) -> TokenStream {
    let Some(given) = &session.attrs.lock else { return TokenStream::new() };
    // In an editor, the source file may be unknown.
    let Some(source) = source() else { return TokenStream::new() };
    let path = source.with_file_name(&given.value);
    // The expansion names the application after the same package. Without a package, it uses the crate's name, which is unknown
    // here.
    let package = std::env::var("CARGO_PKG_NAME").ok();
    let update = std::env::var("SESSION_LOCK").is_ok_and(|asked| asked == "update");
    match read(&path) {
        Ok(text) => {
            if let Some(text) = judge(Subject { session, package, given }, text.as_deref(), update, cx)
                && let Err(error) = write(&path, &text)
            {
                cx.error_at(given.at_value(), format!("`{}` cannot be written: {error}", given.value));
            }
        }
        Err(error) => cx.error_at(given.at_value(), format!("`{}` cannot be read: {error}", given.value)),
    }
    tracked(&path)
}

/// A session with a lock.
struct Subject<'a> {
    session: &'a Session,
    /// The package that is being compiled, if it is known.
    package: Option<String>,
    given: &'a Given<String>,
}

impl Subject<'_> {
    /// Returns the application of the sessions, if it is known.
    fn app(&self) -> Option<String> {
        self.session.attrs.app.as_ref().map(|app| app.value.clone()).or_else(|| self.package.clone())
    }
}

/// Compares the session with the lock's text, if there is one. Returns the text to write, if the lock changes.
fn judge(subject: Subject<'_>, text: Option<&str>, update: bool, cx: &mut Context) -> Option<String> {
    let given = subject.given;
    let file = &given.value;
    let Some(text) = text else {
        if !update {
            cx.error_at(
                given.at_value(),
                format!("there is no `{file}` beside this file yet; {UPDATE} writes it, then check it in"),
            );
        }
        return update.then(|| Lock::of(&subject).to_string());
    };
    let before = match Lock::read(text) {
        Ok(before) => before,
        Err(line) => {
            cx.error_at(
                given.at_value(),
                format!("line {line} of `{file}` is not valid in a lock file; restore the file, or delete it and let {UPDATE} write it"),
            );
            return None;
        }
    };
    match compare(&subject, &before) {
        Difference::None => None,
        Difference::Loses(faults) => {
            for (at, message) in faults {
                cx.error_at(at, message);
            }
            None
        }
        Difference::Harmless(what) => {
            if !update {
                cx.error_at(given.at_value(), format!("`{file}` {what}; {UPDATE} updates it"));
            }
            update.then(|| Lock::following(&subject, before).to_string())
        }
    }
}

/// Returns the file that contains the derive. `None` in unit tests, which compile nothing.
fn source() -> Option<PathBuf> {
    proc_macro::is_available().then(|| proc_macro::Span::call_site().local_file()).flatten()
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        text => text.map(Some),
    }
}

/// Replaces the file atomically: another compilation of the same crate must not read half a file.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut half = PathBuf::from(path).into_os_string();
    half.push(format!(".{}", std::process::id()));
    fs::write(&half, text)?;
    fs::rename(&half, path)
}

fn tracked(path: &Path) -> TokenStream {
    match path.canonicalize().ok().as_deref().and_then(Path::to_str) {
        Some(path) => quote!(
            const _: &[u8] = ::core::include_bytes!(#path);
        ),
        None => TokenStream::new(),
    }
}

#[cfg(test)]
mod tests;
