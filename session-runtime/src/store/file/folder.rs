//! The folder of a store: its layout, its owner, and the checks when it is opened. Because of the checks, the operator learns of
//! a wrong folder at start rather than at the first sign-in.

use std::{
    collections::HashSet,
    fs::{self, Metadata},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, Once, PoisonError},
    time::SystemTime,
};

use super::{
    super::StoreError,
    advice::{failed, refused},
    os,
};
use crate::{access::Way, clock::Timestamp, error::Error, id::Nonce, key::Key, log::Admitted};

pub(super) struct Folder {
    path: PathBuf,
    fsync: bool,
    /// The user id that owns the files that this process creates.
    user: u32,
    /// Whether the file system keeps the permissions that files are created with.
    has_permissions: bool,
    newer: Once,
    /// The keys whose damaged files have been logged.
    damaged: Mutex<HashSet<[u8; 16]>>,
}

/// The folder for damaged files.
const CORRUPT: &str = "corrupt";

/// The permission bits that let users other than the owner write.
const WRITABLE: u32 = 0o022;

/// Returns the name of the shard that holds the keys whose digest begins with this byte.
pub(super) fn shard_name(first: u8) -> String {
    format!("{first:02x}")
}

impl Folder {
    pub(super) fn open(path: &Path, fsync: bool) -> Result<Self, Error> {
        create_if_missing(path)?;
        let way = Way::to(path).map_err(|source| refused("open the session folder", path, source))?;
        // The absolute path, since the process may change its working directory.
        let path = fs::canonicalize(path).map_err(|source| refused("open the session folder", path, source))?;
        let mine = try_out(&path).map_err(|source| refused("write and lock files in", &path, source))?;
        let has_permissions = os::permissions(&mine) & WRITABLE == 0;
        let (user, newer, damaged) = (os::owner(&mine), Once::new(), Mutex::default());
        let folder = Self { path, fsync, user, has_permissions, newer, damaged };
        folder.check()?;
        folder.check_way(&way);
        folder.check_within()?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn fsync(&self) -> bool {
        self.fsync
    }

    /// Checks the folder itself, and closes it to other users if it holds only sessions.
    fn check(&self) -> Result<(), Error> {
        let doing = "look at the session folder";
        let metadata = fs::metadata(&self.path).map_err(|source| refused(doing, &self.path, source))?;
        if let Some(owner) = self.other_owner(&metadata) {
            return Err(Error::setup(format!(
                "the session folder `{0}` belongs to user {owner}, who could change the sessions in it; chown it to this \
                 process's user, or choose a folder inside it, such as `{0}/sessions`",
                self.path.display(),
            )));
        }
        if !self.has_permissions {
            tracing::warn!(
                target: "session_runtime",
                folder = %self.path.display(),
                "the file system of the session folder keeps no permissions, so other users may change sessions; choose \
                 a folder on another file system"
            );
            return Ok(());
        }
        if os::permissions(&metadata) & 0o077 == 0 {
            return Ok(());
        }
        let mut entries = fs::read_dir(&self.path).map_err(|source| refused(doing, &self.path, source))?;
        // A shared folder such as /tmp must stay open.
        if entries.all(|entry| entry.is_ok_and(|entry| is_ours(&entry.file_name().to_string_lossy()))) {
            return os::close_to_others(&self.path).map_err(|source| refused("chmod 700", &self.path, source));
        }
        tracing::warn!(
            target: "session_runtime",
            folder = %self.path.display(),
            "other users may enter the session folder, and it holds more than sessions; choose a folder of its own"
        );
        Ok(())
    }

    /// Warns if another user could replace this folder with another one. The store would read only files of this process's
    /// user there, so a replacement could only end sessions or restore ended ones. It is not an error, since many development
    /// machines have such folders.
    fn check_way(&self, way: &Way) {
        if let Some(loose) = way.loose_link(self.user).or_else(|| way.loose_folder(self.user)) {
            tracing::warn!(
                target: "session_runtime",
                folder = %self.path.display(),
                "the session folder can be moved away or replaced, since {loose}; choose one whose parents only root and this \
                 process's user may write to"
            );
        }
    }

    /// Checks the folders inside, and closes those that other users may enter: some volumes are opened to a group whenever they
    /// are mounted.
    fn check_within(&self) -> Result<(), Error> {
        let mut changeable = 0;
        for name in (0..=u8::MAX).map(shard_name).chain([CORRUPT.to_owned()]) {
            let path = self.path.join(name);
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            let permissions = os::permissions(&metadata);
            let is_own = metadata.is_dir() && self.other_owner(&metadata).is_none();
            if is_own && self.has_permissions && permissions & 0o077 != 0 {
                os::close_to_others(&path).map_err(|source| refused("chmod 700", &path, source))?;
                changeable += u32::from(permissions & WRITABLE != 0);
            } else if let Some(sentence) = self.fault(&path, &metadata) {
                return Err(Error::setup(sentence));
            }
        }
        if changeable > 0 {
            tracing::warn!(
                target: "session_runtime",
                folder = %self.path.display(), folders = changeable,
                "other users could write to folders inside the session folder, which are now closed to them; sessions may \
                 have been changed or removed meanwhile"
            );
        }
        Ok(())
    }

    /// Returns the owner of a file, if it is not this process's user.
    pub(super) fn other_owner(&self, metadata: &Metadata) -> Option<u32> {
        Some(os::owner(metadata)).filter(|owner| *owner != self.user)
    }

    /// Returns a message about what is wrong with `path`, which should be a folder of the store.
    fn fault(&self, path: &Path, metadata: &Metadata) -> Option<String> {
        let path = path.display();
        if !metadata.is_dir() {
            return Some(format!(
                "`{path}` is not a folder but a file or a symbolic link, which the store does not follow; remove it"
            ));
        }
        if let Some(owner) = self.other_owner(metadata) {
            return Some(format!(
                "the folder `{path}` belongs to user {owner}, who could change the sessions in it; chown it to this \
                 process's user, or remove it"
            ));
        }
        let permissions = os::permissions(metadata);
        (self.has_permissions && permissions & WRITABLE != 0).then(|| {
            format!(
                "other users may write to the folder `{path}` (its mode is {permissions:o}) and could change the sessions \
                 in it; chmod 700 it, or remove it"
            )
        })
    }

    /// Returns whether there is a folder at `path` that only this process's user can change. Anything else there is an error.
    pub(super) fn has(&self, path: &Path) -> Result<bool, StoreError> {
        match fs::symlink_metadata(path) {
            Ok(metadata) => self.fault(path, &metadata).map_or(Ok(true), |sentence| Err(StoreError::new(sentence))),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(false),
            Err(source) => Err(failed("look at the session folder", path, source)),
        }
    }

    /// Creates the session folder again, if it has disappeared.
    pub(super) fn restore(&self) -> Result<(), StoreError> {
        if self.create(&self.path)? {
            warn_limited!(
                folder = %self.path.display(),
                "the session folder had disappeared, so its sessions are lost; the store created it again"
            );
        }
        Ok(())
    }

    /// Creates the folder at `path` in its parent. Returns whether it was missing.
    pub(super) fn create(&self, path: &Path) -> Result<bool, StoreError> {
        match os::create_dir(path) {
            Ok(()) => path.parent().map_or(Ok(()), |parent| self.sync(parent)).map(|()| true),
            Err(source) if source.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(failed("create the session folder", path, source)),
        }
    }

    /// With `fsync`, waits until the names in the folder at `path` would survive a power cut.
    pub(super) fn sync(&self, path: &Path) -> Result<(), StoreError> {
        if !self.fsync {
            return Ok(());
        }
        os::sync_dir(path).map_err(|source| failed("sync the changes in", path, source))
    }

    /// Moves the damaged file of `key` to the folder for damaged files, with a warning.
    pub(super) fn set_aside(&self, key: &Key, file: &Path) -> Result<(), StoreError> {
        let folder = self.path.join(CORRUPT);
        if !self.has(&folder)? {
            self.create(&folder)?;
        }
        let to = folder.join(format!("{}.{}", key.hex(), Timestamp::from(SystemTime::now()).as_millis()));
        fs::rename(file, &to).map_err(|source| failed("move the damaged session file to", &to, source))?;
        self.damaged().remove(&key.digest());
        warn_limited!(
            file = %file.display(), moved_to = %to.display(),
            "a damaged session file was set aside"
        );
        Ok(())
    }

    /// Warns about the damaged file of `key`, once per key.
    pub(super) fn mention_damaged(&self, key: &Key, file: &Path, why: &str) {
        let mut damaged = self.damaged();
        if damaged.contains(&key.digest()) {
            return;
        }
        // If the rate limit suppresses the warning, a later request for the file logs it.
        if let Some(Admitted { left_out }) = limit!().admit() {
            damaged.insert(key.digest());
            tracing::warn!(
                target: "session_runtime", left_out, file = %file.display(), why,
                "a session file is damaged and stays in place; if it is a session, the next request for it sets the file \
                 aside; if it is the list of a user's sessions, they can be neither listed nor revoked until the file is \
                 removed or restored"
            );
        }
    }

    fn damaged(&self) -> MutexGuard<'_, HashSet<[u8; 16]>> {
        // The set is consistent whenever its lock is released, even by a panic.
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Warns once that this process is too old for some of the files.
    pub(super) fn mention_newer(&self, file: &Path) {
        self.newer.call_once(|| {
            tracing::warn!(
                target: "session_runtime", file = %file.display(),
                "a newer version wrote a session file, and perhaps more of them; this version leaves such files in place \
                 and treats them as absent"
            );
        });
    }
}

fn is_ours(name: &str) -> bool {
    name == CORRUPT || name.ends_with(".tmp") || (0..=u8::MAX).any(|first| shard_name(first) == name)
}

/// Checks that this process can create, lock and remove files in the folder. Returns the metadata of such a file.
fn try_out(folder: &Path) -> io::Result<Metadata> {
    let path = folder.join(format!("trial-{:016x}.tmp", Nonce::next().0));
    let file = os::open_options().write(true).create_new(true).open(&path)?;
    let tried = file.try_lock().map_err(io::Error::from).and_then(|()| file.metadata());
    fs::remove_file(&path).and(tried)
}

fn create_if_missing(path: &Path) -> Result<(), Error> {
    let missing = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => {
            return Err(Error::setup(format!(
                "`{}` is a file; give the sessions a folder of their own",
                path.display()
            )));
        }
        Err(source) => source,
    };
    if path.as_os_str().is_empty() {
        return Err(Error::setup("the path of the session folder is empty; name a folder, such as `sessions`"));
    }
    // The path may come from a file. Files end with a line break, which would become part of the path.
    if path.to_string_lossy().contains(char::is_control) {
        return Err(Error::setup(format!(
            "the path of the session folder {path:?} has a line break or another control character in it; remove it"
        )));
    }
    if missing.kind() != ErrorKind::NotFound {
        return Err(refused("open the session folder", path, missing));
    }
    match os::create_dir(path) {
        Ok(()) => Ok(()),
        // Another process created it first.
        Err(source) if source.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(source) if source.kind() == ErrorKind::NotFound => Err(Error::setup(format!(
            "the folder `{}` does not exist, so the session folder `{}` cannot be made in it; create it first, \
                 or correct the path",
            path.parent().unwrap_or(path).display(),
            path.display(),
        ))),
        Err(source) => Err(refused("create the session folder", path, source)),
    }
}
