//! Sessions in a folder: [`FileStore`].

// - `folder`: the layout, and the checks when a folder is opened.
// - `shard`: one of the folders inside: its lock, and reading and replacing a value.
// - `frame`: the bytes of a file around its value.
// - `sweep` and `scan`: clean-up, and listing all values.
// - `os`: the differences between operating systems.
// - `advice`: the messages of errors.

mod advice;
mod folder;
mod frame;
mod os;
mod scan;
mod shard;
mod sweep;

use std::{array, fmt, path::PathBuf, sync::Arc};

use tokio::{runtime::Handle, sync::Mutex};

use self::{folder::Folder, shard::Shard};
use super::{Key, Position, Scanned, Store, StoreError, Swapped, Value, Versioned};
use crate::{clock::Timestamp, error::Error};

/// Sessions in a folder, one file per value. There is nothing to install, and all processes of one host can share the folder.
///
/// A swap writes a temporary file and renames it to the old file's name, under a lock that other processes respect. After
/// `kill -9`, the file holds either the old or the new value, and no answered swap is lost. Only the disk limits how many
/// sessions there are. [`Store::delete_expired`], which the runtime calls from time to time, removes a file only an hour after
/// its value has expired. So a machine whose clock is ahead by less than an hour removes no live session.
///
/// * **Layout**: `ab/ab…`. There are 256 folders, named by the first two digits of [`Key::hex`]. Each contains a `lock`, and
///   the values' files, which are named by all digits. The folder contains nothing that opens a session (SECURITY S2).
///   Sessions and user lists are files of the same kind. Each application needs its own folder or its own
///   [`app`](crate::SessionsBuilder::app). Staging and production need different ones too.
/// * **Permissions**: folders have mode 0700, files 0600. The store uses only folders and files of this process's user. When
///   the store opens the folder, it closes it to other users. If the folder holds more than sessions, the store only logs a
///   warning. While it runs, the store rejects each inner folder that other users may write to, or that belongs to another
///   user.
/// * **Damaged files** (truncated, overwritten, or not regular files) are not removed. A warning names the file. A checksum in
///   each file detects damage. The store never follows symbolic links within the folder. A damaged session counts as absent,
///   and the next request for it moves its file to `corrupt/`. A damaged user list is an error: its user can neither sign in
///   nor be signed out elsewhere, until you restore the file or remove it. If you remove it, the sessions that were in the
///   list continue, but can no longer be listed or revoked by user. Clean-up never moves or removes a damaged file, since it
///   may hold a list.
/// * **Files of a newer version** of this library stay in place too. A session in such a file counts as absent. A user list in
///   such a file is an error.
/// * **A folder that disappears** while the process runs takes its sessions with it. The next write creates the folder again,
///   with a warning, if its parent is still there.
/// * **Locks** are `flock`, so the folder must not be on NFS or another network file system. If a process is suspended while
///   it writes, other processes cannot write to the same 1/256 of the values: their calls fail after their
///   [`store_timeout`](crate::SessionsBuilder::store_timeout).
///
/// Calls need a Tokio runtime. Each call runs on one of Tokio's blocking threads.
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
    /// One lock per shard. Swaps of this process wait here. So at most one blocking thread per shard waits for other
    /// processes, and loads always find a free thread.
    turns: [Arc<Mutex<()>>; 1 << 8],
}

impl FileStore {
    /// Opens the folder at `path`, and creates it if only the last part of its path is missing.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a message that says what to do: the path is a file, its parent is missing, the folder
    /// belongs to another user, it is read-only or not writable, or its file system does not support locks.
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

    /// Returns a builder, to open the folder with options.
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
    /// Sets whether each write waits until it would survive a power cut. This takes some milliseconds on most disks. Default:
    /// no.
    ///
    /// Without this option, sessions survive the end of the process, but a crash of the operating system may undo the changes of
    /// the last seconds, including sign-outs. It may also leave half-written files, even of user lists; these count as damaged.
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
    /// The same as [`FileStore::open`].
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
        let folder = opened.map_err(|error| Error::setup(error.to_string()))??;
        Ok(FileStore(Arc::new(Inner { folder, turns: array::from_fn(|_| Arc::default()) })))
    }
}

impl Store for FileStore {
    async fn load(&self, key: &Key, _now: Timestamp) -> Result<Option<Versioned>, StoreError> {
        let (inner, key) = (self.0.clone(), Key::from_digest(key.digest()));
        blocking(move || Shard::of(&inner.folder, &key).load(&key)).await?
    }

    async fn swap(
        &self,
        key: &Key,
        before: Option<&Versioned>,
        after: Option<&Value>,
        _now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let (inner, digest) = (self.0.clone(), key.digest());
        let (before, after) = (before.map(|before| before.revision().clone()), after.cloned());
        let [first, ..] = digest;
        let turn = inner.turns[usize::from(first)].clone().lock_owned().await;
        blocking(move || {
            let key = Key::from_digest(digest);
            let swapped = Shard::of(&inner.folder, &key).swap(&key, before.as_ref(), after.as_ref());
            drop(turn);
            swapped
        })
        .await?
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, StoreError> {
        let inner = self.0.clone();
        // The clean-up ends early if this future is dropped, for example at shutdown.
        let wanted = Arc::new(());
        let still_wanted = Arc::downgrade(&wanted);
        let swept = blocking(move || inner.folder.delete_expired(now, &|| still_wanted.strong_count() > 0)).await?;
        drop(wanted);
        swept
    }

    async fn scan(&self, from: &Position, now: Timestamp) -> Result<Option<Scanned>, StoreError> {
        self.list_values(from, now).await.map(Some)
    }
}

/// Runs `work` on a thread that may block.
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
