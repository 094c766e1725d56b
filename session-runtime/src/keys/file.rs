//! The key file. It is read only if no user except root and this process's user can change it. A new file appears complete, and
//! only its owner can read it.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    path::Path,
};

use zeroize::Zeroizing;

use super::MAKE;
use crate::{
    access::{self, Way},
    error::Error,
    id::{hex, random},
};

/// The first lines of a new key file.
const HEAD: &[u8] =
    b"# Keys of the session cookies: the first signs, the others only verify. A reader of this file can forge cookies.\n";

/// The most bytes of a key file, far more than a ring needs.
const LARGEST: u64 = 64 * 1024;

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    try_read(path)?.ok_or_else(|| missing(path))
}

/// Reads the file at `path`. Creates it first if there is none.
pub(super) fn read_or_create(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    if let Some(bytes) = try_read(path)? {
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
    create(path).map_err(|error| failed("created", "name one that this process may create", path, error))?;
    // Another process may have created the file first; its content counts.
    try_read(path)?.ok_or_else(|| missing(path))
}

fn missing(path: &Path) -> Error {
    Error::setup(format!(
        "there is no key file {path:?}; correct the path, or create the file: `(umask 077; {MAKE} > {})`",
        path.display()
    ))
}

fn try_read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let unreadable = |error| failed("read", "let this process read it, for example by its group", path, error);
    let way = match Way::to(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(unreadable)?,
    };
    check_kind(&way.found, path)?;
    let file = File::open(&way.end).map_err(unreadable)?;
    let opened = file.metadata().map_err(unreadable)?;
    if !access::is_same_file(&way.found, &opened) {
        return Err(Error::setup(format!("the key file {path:?} was replaced while it was opened; start again")));
    }
    let user = access::current_user().map_err(unreadable)?;
    check_access(&way, &opened, user, path)?;
    if opened.len() > LARGEST {
        return Err(Error::setup(format!(
            "the key file {path:?} is larger than 64 KiB, so it is not a key file; name another"
        )));
    }
    // Allocated once, so that no copy of a key remains in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST as usize));
    file.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(Some(bytes))
}

/// Checks that only root and this process's user can change the keys, and warns if all users can read them.
///
/// Containers get keys from root, on a mount that no other container sees: Kubernetes and Docker use mode 644 or 444, and links.
/// So a file that all users can read causes a warning and not an error. A group that can read the file is assumed to be intended:
/// Kubernetes sets one with `fsGroup`.
fn check_access(way: &Way, opened: &Metadata, user: u32, path: &Path) -> Result<(), Error> {
    if let Some(loose) = way.loose_link(user) {
        return Err(Error::setup(format!(
            "the key file {path:?} can be replaced by another user, since {loose}; name the file that the link points to"
        )));
    }
    if let Some(owner) = access::other_owner(opened, user) {
        return Err(Error::setup(format!(
            "the key file {path:?} belongs to user {owner}, who could change the keys; chown it to root or to this process's \
             user ({user})"
        )));
    }
    let permissions = access::permissions(opened);
    if permissions & 0o022 != 0 {
        return Err(Error::setup(format!(
            "other users may write to the key file {path:?} (mode {permissions:o}); close it with `chmod 600 {}`",
            path.display()
        )));
    }
    if permissions & 0o004 != 0 && way.is_public() {
        tracing::warn!(
            target: "session_runtime",
            file = %path.display(), mode = format_args!("{permissions:o}"),
            "all users of this machine can read the key file, and a reader can forge cookies; close it with `chmod 600`, \
             or in Kubernetes with `defaultMode: 0440` and an `fsGroup`"
        );
    }
    if let Some(loose) = way.loose_folder(user) {
        tracing::warn!(
            target: "session_runtime",
            file = %path.display(),
            "the key file can be moved away or replaced, since {loose}; choose a folder that only root and this process's user \
             may write to"
        );
    }
    Ok(())
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

fn check_kind(seen: &Metadata, path: &Path) -> Result<(), Error> {
    let kind = seen.file_type();
    let what = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder; name a file in it"
    } else {
        "not a regular file; name one"
    };
    Err(Error::setup(format!("the key file {path:?} is {what}")))
}

fn failed(what: &str, instead: &str, path: &Path, error: io::Error) -> Error {
    Error::setup(format!("the key file {path:?} cannot be {what} ({error}); {instead}"))
}
