//! The key file: reads one, or creates one. A new file appears complete, and only its owner can read it.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

use zeroize::Zeroizing;

use super::MAKE;
use crate::{
    error::Error,
    id::{hex, random},
    secret_file::SecretFile,
};

/// The first lines of a new key file.
const HEAD: &[u8] =
    b"# Keys of the session cookies: the first signs, the others only verify. A reader of this file can forge cookies.\n";

const FILE: SecretFile = SecretFile { name: "key file", holds: "the keys", risk: "forge cookies" };

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    FILE.read(path)?.ok_or_else(|| missing(path))
}

/// Reads the file at `path`. Creates it first if there is none.
pub(super) fn read_or_create(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    if let Some(bytes) = FILE.read(path)? {
        return Ok(bytes);
    }
    // A dangling link is probably a mistake, so do not create its target.
    if fs::symlink_metadata(path).is_ok_and(|seen| seen.is_symlink()) {
        return Err(missing(path));
    }
    if path.to_string_lossy().contains(char::is_control) {
        return Err(Error::setup(format!(
            "the path of the key file {path:?} has a line break or another control character in it; remove it"
        )));
    }
    create(path).map_err(|error| FILE.failed("created", "name one that this process may create", path, error))?;
    // Another process may have created the file first; its content counts.
    FILE.read(path)?.ok_or_else(|| missing(path))
}

fn missing(path: &Path) -> Error {
    Error::setup(format!(
        "there is no key file {path:?}; correct the path, or create the file: `(umask 077; {MAKE} > {})`",
        path.display()
    ))
}

/// Writes a complete file under a temporary name and links it to `path`, which fails if `path` exists. So the first process wins,
/// and a reader never sees half a file.
fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        private_folder(folder)?;
    }
    let suffix = random::<8>().map_err(io::Error::other)?;
    let key = Zeroizing::new(random::<32>().map_err(io::Error::other)?);
    let mut name = OsString::from(".");
    name.push(path.file_name().ok_or(ErrorKind::InvalidInput)?);
    name.push(format!(".{}", hex(&suffix)));
    let aside = path.with_file_name(name);

    let linked = write(&aside, &key).and_then(|()| match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true),
    });
    let removed = fs::remove_file(&aside);
    let is_new = linked?;
    removed?;
    if !is_new {
        return Ok(());
    }
    // Makes the file's name as durable as its content. Errors are ignored: not every platform can open folders, and a power
    // failure in the file's first second loses only the sessions of that second.
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    tracing::info!(
        target: "session_runtime",
        file = %path.display(),
        "a key file with a new key was created; keep it, and give other servers the same: without it, all visitors are signed out"
    );
    Ok(())
}

fn write(path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let key = Zeroizing::new(hex(key));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    for part in [HEAD, key.as_bytes(), b"\n"] {
        file.write_all(part)?;
    }
    file.sync_all()
}

fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}
