//! Sessions in a folder: the store itself, and how its calls get to a thread that may block. What is done there is in
//! `folder` (opening one), `shard` (files, locks), `record` (one session), `users` (whose they are), `sweep` (clean-up)
//! and `format` (the bytes of a file).

mod advice;
mod folder;
mod format;
mod os;
mod record;
mod scan;
mod shard;
mod sweep;
mod users;

use std::{fmt, path::PathBuf, sync::Arc};

use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard},
};

use self::folder::Folder;
use super::{Applied, Change, Ended, Key, Record, Store, StoreError, User, UserEntry, UserIndex};
use crate::{clock::Timestamp, error::Error};

/// Sessions in a folder, one file each: nothing to install, shared by the processes of one host.
///
/// A record is written to a temporary file that then takes the old one's name, under a lock that other processes heed:
/// after `kill -9` there is the old record or the new one, and no write that was answered is lost. There is no limit
/// but the disk's; expired files go by [`Store::delete_expired`], which the runtime calls from time to time.
///
/// * **Layout**: `ab/ab…`: 256 folders by the first two digits of [`Key::hex`], in each the records, named by it whole,
///   and a `lock`. `users/` has the same again: of each user the list of sessions. Nothing in it opens a session
///   (SECURITY S2). Another application takes another folder.
/// * **Permissions**: folders 0700, files 0600. A folder that is there already must belong to this process's user; if
///   others may enter it, it is closed to them, unless it holds more than sessions: then there is a warning, since
///   what the store itself makes in it is closed to others anyway.
/// * **What cannot be read** (truncated, overwritten, of another version, no regular file) is moved to `corrupt/` with
///   a warning, and reads as none. Symbolic links within the folder are never followed.
/// * **Lists of sessions** miss none. One that cannot be read is made anew from the sessions, which are all looked into
///   for that; so are the lists of a folder that has sessions and none of these, once they are first asked for.
/// * **A folder that disappears** while the process runs takes its sessions along; the next write makes it anew, if its
///   parent is still there.
/// * **Locks** are `flock`: not for NFS and its like. A process that is stopped while it writes holds up the others'
///   writes to the same 1/256 of the sessions; they end by the runtime's time-out.
///
/// Calls need a Tokio runtime, and each takes one trip to its pool of blocking threads.
///
/// ```
/// use session_runtime::FileStore;
///
/// # async fn open() -> Result<(), session_runtime::Error> {
/// let store = FileStore::open("sessions").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileStore(Arc<Inner>);

struct Inner {
    folder: Folder,
    /// Writers of this process wait here for their shard, so that at most one blocking thread a shard waits for the
    /// other processes, and loads always find a free one.
    turns: Vec<Arc<Mutex<()>>>,
}

impl FileStore {
    /// Opens the folder at `path`, and creates it if only the last part of its path is missing.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a sentence that says what to do: the path is a file, its parent is missing, the folder
    /// belongs to another user, it is read-only or not writable, or its file system knows no locks.
    ///
    /// ```
    /// # use session_runtime::FileStore;
    /// # async fn open() {
    /// let error = FileStore::open("/nowhere/sessions").await.unwrap_err();
    /// assert!(error.to_string().starts_with("the folder `/nowhere` does not exist"));
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(open());
    /// ```
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(path).open().await
    }

    /// The same with options.
    ///
    /// ```
    /// # use session_runtime::FileStore;
    /// # async fn open() -> Result<(), session_runtime::Error> {
    /// let store = FileStore::builder("sessions").fsync(true).open().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn builder(path: impl Into<PathBuf>) -> FileStoreBuilder {
        FileStoreBuilder { path: path.into(), fsync: false }
    }

    /// The right to write to the shards of the record or user `name`, as far as this process is concerned.
    async fn turn(&self, name: &str) -> OwnedMutexGuard<()> {
        self.0.turns[shard::index(name)].clone().lock_owned().await
    }
}

/// Options of a [`FileStore`].
///
/// ```
/// # use session_runtime::FileStore;
/// let builder = FileStore::builder("sessions");
/// ```
#[derive(Clone, Debug)]
pub struct FileStoreBuilder {
    path: PathBuf,
    fsync: bool,
}

impl FileStoreBuilder {
    /// Whether each write waits until it would survive a power cut: some milliseconds on most disks. Default: no.
    ///
    /// Without, sessions survive the end of the process, but a crash of the operating system may take the last seconds'
    /// changes along, log-outs too; what it leaves half-written is noticed and reads as none.
    ///
    /// ```
    /// # use session_runtime::FileStore;
    /// let durable = FileStore::builder("sessions").fsync(true);
    /// ```
    #[must_use]
    pub fn fsync(mut self, fsync: bool) -> Self {
        self.fsync = fsync;
        self
    }

    /// Opens the folder.
    ///
    /// # Errors
    /// As [`FileStore::open`].
    ///
    /// ```
    /// # use session_runtime::FileStore;
    /// # async fn open() -> Result<(), session_runtime::Error> {
    /// let store = FileStore::builder("sessions").open().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(self) -> Result<FileStore, Error> {
        let opened = blocking(move || Folder::open(&self.path, self.fsync)).await;
        let folder = opened.map_err(|error| Error::setup(error.to_string()).because(error))??;
        Ok(FileStore(Arc::new(Inner { folder, turns: (0..shard::COUNT).map(|_| Arc::default()).collect() })))
    }
}

impl Store for FileStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<Arc<Record>>, StoreError> {
        let (inner, name) = (self.0.clone(), key.hex());
        blocking(move || inner.folder.load(&name, now)).await?
    }

    async fn apply(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Applied, StoreError> {
        let change = change.clone();
        self.in_turn(key.hex(), move |folder, name| folder.apply(name, &change, now)).await
    }

    async fn end(&self, key: &Key, change: &Change, now: Timestamp) -> Result<Ended, StoreError> {
        let change = change.clone();
        self.in_turn(key.hex(), move |folder, name| folder.end(name, &change, now)).await.map(Ended::from)
    }

    async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.in_turn(key.hex(), Folder::delete).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let inner = self.0.clone();
        // Ends with this future, which is dropped when nobody wants the answer any more: at shutdown.
        let wanted = Arc::new(());
        let still_wanted = Arc::downgrade(&wanted);
        let swept = blocking(move || inner.folder.delete_expired(now, &|| still_wanted.strong_count() > 0)).await?;
        drop(wanted);
        swept
    }
}

impl UserIndex for FileStore {
    async fn enter(&self, user: &User, key: &Key, now: Timestamp) -> Result<(), StoreError> {
        let key = *key;
        self.in_turn(user.hex(), move |folder, user| folder.enter(user, &key, now)).await
    }

    async fn entries(&self, user: &User) -> Result<Vec<UserEntry>, StoreError> {
        self.in_turn(user.hex(), Folder::entries).await
    }

    async fn leave(&self, user: &User, keys: &[Key]) -> Result<(), StoreError> {
        let sessions = keys.iter().map(Key::digest).collect();
        self.in_turn(user.hex(), move |folder, user| folder.leave(user, &sessions)).await
    }
}

impl FileStore {
    /// Runs `work` on the file that is called `name`, a session's or a user's, once those before it have.
    async fn in_turn<T: Send + 'static>(
        &self,
        name: String,
        work: impl FnOnce(&Folder, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = self.0.clone();
        let turn = self.turn(&name).await;
        blocking(move || {
            let answer = work(&inner.folder, &name);
            drop(turn);
            answer
        })
        .await?
    }
}

/// Runs `work` where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let runtime = Handle::try_current()
        .map_err(|source| StoreError::new("the file store needs a Tokio runtime; call it from one").because(source))?;
    runtime
        .spawn_blocking(work)
        .await
        .map_err(|source| StoreError::new("the file store was interrupted (by shutdown, or a defect)").because(source))
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileStore").field(&self.0.folder.path()).finish()
    }
}
