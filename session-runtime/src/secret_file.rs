//! [`SecretFile`] reads a file that an operator gives to the process, such as one with keys. It rejects a file that a user other
//! than root and this process's user can change.

use std::{
    fs::{File, Metadata},
    io::{self, ErrorKind, Read as _},
    path::Path,
};

use zeroize::Zeroizing;

use crate::{
    access::{self, Way},
    error::Error,
};

/// The most bytes of such a file, far more than it needs.
const LARGEST: u64 = 64 * 1024;

/// A kind of file, described by the words that errors and warnings use for it.
pub(crate) struct SecretFile {
    /// Names the file: "key file".
    pub(crate) name: &'static str,
    /// Names the content, which another user must not change: "the keys".
    pub(crate) holds: &'static str,
    /// Says what harm a reader can do: "forge cookies".
    pub(crate) risk: &'static str,
}

impl SecretFile {
    /// Reads the file at `path`. Returns `None` if there is none.
    ///
    /// # Errors
    /// If it is not a regular file, cannot be read, or could be changed by another user.
    pub(crate) fn read(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let name = self.name;
        let unreadable = |error| self.failed("read", "let this process read it, for example by its group", path, error);
        let way = match Way::to(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(unreadable)?,
        };
        self.check_kind(&way.found, path)?;
        let file = File::open(&way.end).map_err(unreadable)?;
        let opened = file.metadata().map_err(unreadable)?;
        if !access::is_same_file(&way.found, &opened) {
            return Err(Error::setup(format!("the {name} {path:?} was replaced while it was opened; start again")));
        }
        let user = access::current_user().map_err(unreadable)?;
        self.check_access(&way, &opened, user, path)?;
        if opened.len() > LARGEST {
            return Err(Error::setup(format!(
                "the {name} {path:?} is larger than 64 KiB, so it is not a {name}; name another"
            )));
        }
        // Allocated once, so that no copy of a secret remains in memory.
        let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST as usize));
        file.take(LARGEST).read_to_end(&mut bytes).map_err(unreadable)?;
        Ok(Some(bytes))
    }

    /// Checks that only root and this process's user can change the file and the links to it. Warns if all users can read the
    /// file, or if another user could replace it through a folder on the way.
    ///
    /// Containers get such files from root, on a mount that no other container sees: Kubernetes and Docker use mode 644 or 444,
    /// and links. So a file that all users can read causes a warning and not an error. A group that can read the file is assumed
    /// to be intended: Kubernetes sets one with `fsGroup`.
    fn check_access(&self, way: &Way, opened: &Metadata, user: u32, path: &Path) -> Result<(), Error> {
        let Self { name, holds, risk } = self;
        if let Some(loose) = way.loose_link(user) {
            return Err(Error::setup(format!(
                "the {name} {path:?} can be replaced by another user, since {loose}; name the file that the link points to"
            )));
        }
        if let Some(owner) = access::other_owner(opened, user) {
            return Err(Error::setup(format!(
                "the {name} {path:?} belongs to user {owner}, who could change {holds}; chown it to root or to this process's \
                 user ({user})"
            )));
        }
        let permissions = access::permissions(opened);
        if permissions & 0o022 != 0 {
            return Err(Error::setup(format!(
                "other users may write to the {name} {path:?} (mode {permissions:o}); close it with `chmod 600 {}`",
                path.display()
            )));
        }
        if permissions & 0o004 != 0 && way.is_public() {
            tracing::warn!(
                target: "session_runtime",
                file = %path.display(), mode = format_args!("{permissions:o}"),
                "all users of this machine can read the {name}, and a reader can {risk}; close it with `chmod 600`, or in \
                 Kubernetes with `defaultMode: 0440` and an `fsGroup`"
            );
        }
        if let Some(loose) = way.loose_folder(user) {
            tracing::warn!(
                target: "session_runtime",
                file = %path.display(),
                "the {name} can be moved away or replaced, since {loose}; choose a folder that only root and this process's user \
                 may write to"
            );
        }
        Ok(())
    }

    fn check_kind(&self, seen: &Metadata, path: &Path) -> Result<(), Error> {
        let kind = seen.file_type();
        let what = if kind.is_file() {
            return Ok(());
        } else if kind.is_dir() {
            "a folder; name a file in it"
        } else {
            "not a regular file; name one"
        };
        Err(Error::setup(format!("the {} {path:?} is {what}", self.name)))
    }

    pub(crate) fn failed(&self, what: &str, instead: &str, path: &Path, error: io::Error) -> Error {
        Error::setup(format!("the {} {path:?} cannot be {what} ({error}); {instead}", self.name))
    }
}
