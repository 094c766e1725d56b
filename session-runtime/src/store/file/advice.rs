//! Error messages for failures of the file system: what the store tried, where, and what the operator can do.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use super::super::StoreError;
use crate::error::Error;

/// Returns an error such as `cannot write the session file …; free some space on its disk: No space left on device`.
pub(super) fn failed(doing: &str, path: &Path, source: io::Error) -> StoreError {
    StoreError::new(sentence(doing, path, &source)).because(source)
}

/// Returns the same message as an error of [`Error::is_setup`], for failures at start.
pub(super) fn refused(doing: &str, path: &Path, source: io::Error) -> Error {
    Error::setup(failed(doing, path, source).to_string())
}

fn sentence(doing: &str, path: &Path, source: &io::Error) -> String {
    format!("cannot {doing} `{}`; {}", path.display(), remedy(source))
}

fn remedy(source: &io::Error) -> &'static str {
    match source.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space on its disk",
        ErrorKind::FileTooLarge => "raise this process's limit on file sizes (ulimit -f)",
        ErrorKind::ReadOnlyFilesystem => "its file system is read-only: mount it writable, or choose another folder",
        ErrorKind::PermissionDenied => "let this process's user write there (chown, chmod), or choose another folder",
        ErrorKind::NotFound => "create its folder again",
        ErrorKind::Unsupported => "its file system lacks what sessions need: choose a folder on a local disk",
        _ => "check its disk, and the process's limits (ulimit -n)",
    }
}
