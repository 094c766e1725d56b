//! The key file: made on first use, complete from the moment it is there, and only its owner's to read.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Metadata, OpenOptions},
    io::{self, ErrorKind, Read as _, Write as _},
    path::Path,
};

use zeroize::Zeroizing;

use crate::{
    error::Error,
    id::{hex, random},
};

/// Far more than any ring needs.
const LARGEST: u64 = 64 * 1024;

/// What the file at `path` holds, after making it if there was none.
pub(super) fn read_or_create(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    if let Some(bytes) = read(path)? {
        return Ok(bytes);
    }
    create(path).map_err(|error| failed("made", path, error))?;
    // Also when another process was faster: what counts is what stands there now.
    read(path)?.ok_or_else(|| failed("read", path, ErrorKind::NotFound.into()))
}

fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let seen = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| failed("read", path, error))?,
    };
    check_kind(&seen, path)?;
    let file = File::open(path).map_err(|error| failed("read", path, error))?;
    let opened = file.metadata().map_err(|error| failed("read", path, error))?;
    if !same_file(&seen, &opened) {
        return Err(Error::setup(format!("the key file {path:?} was exchanged while it was opened; start again")));
    }
    check_mode(&opened, path)?;
    if opened.len() > LARGEST {
        return Err(Error::setup(format!("the key file {path:?} is larger than 64 KiB, so it is none; name another")));
    }
    // Allocated once, so that no copy of a key stays behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST as usize));
    file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| failed("read", path, error))?;
    Ok(Some(bytes))
}

/// Writes a complete file aside and links it to its name, which fails if the name is taken: the first one wins, and
/// nobody ever reads half a file.
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

    let written = write(&aside, &key).and_then(|()| match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    let removed = fs::remove_file(&aside);
    written?;
    removed?;
    // Makes the name as durable as the content. Not every platform opens folders, and losing the file to a power cut in
    // its first second costs nobody a session that lasted.
    let _ = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
    Ok(())
}

fn write(path: &Path, key: &[u8; 32]) -> io::Result<()> {
    let text = Zeroizing::new(format!(
        "# Keys of the session cookies: the first signs, the others only verify. Whoever reads this can forge cookies.\n{}\n",
        *Zeroizing::new(hex(key))
    ));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
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
    } else if kind.is_symlink() {
        "a symbolic link, which is not followed; name the file it points to"
    } else if kind.is_dir() {
        "a folder; name a file in it"
    } else {
        "no regular file; name one"
    };
    Err(Error::setup(format!("the key file {path:?} is {what}")))
}

#[cfg(unix)]
fn check_mode(opened: &Metadata, path: &Path) -> Result<(), Error> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&opened.permissions());
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::setup(format!(
        "the key file {path:?} is open to other users (mode {:o}); close it with `chmod 600 {}`",
        mode & 0o777,
        path.display()
    )))
}

#[cfg(not(unix))]
fn check_mode(_opened: &Metadata, _path: &Path) -> Result<(), Error> {
    Ok(())
}

/// Whether what was looked at is what was opened: the way to not follow a link that is portable among Unixes.
#[cfg(unix)]
fn same_file(seen: &Metadata, opened: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (seen.dev(), seen.ino()) == (opened.dev(), opened.ino())
}

#[cfg(not(unix))]
fn same_file(_seen: &Metadata, opened: &Metadata) -> bool {
    opened.is_file()
}

fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    Error::setup(format!("the key file {path:?} cannot be {what} ({error}); name one that this process may write"))
        .because(error)
}
