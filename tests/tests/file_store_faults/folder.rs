//! The folder itself: how it is opened, which users may enter it, and what happens when it disappears.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
};

use session_runtime::{
    FileStore,
    store::{Key, Store, Swapped},
};

use crate::{
    child::{command, run, skip},
    log,
    values::{NOW, empty, file, load, put, set},
};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

async fn refusal(path: impl AsRef<Path>) -> String {
    let error = FileStore::open(path.as_ref()).await.unwrap_err();
    assert!(error.is_setup());
    error.to_string()
}

#[tokio::test]
async fn a_missing_folder_is_created_for_its_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    let store = FileStore::open(&path).await.unwrap();
    let key = Key::random().unwrap();
    put(&store, &key, &empty()).await;
    fs::write(file(&path, &key), "garbage").unwrap();
    put(&store, &key, &empty()).await;
    let shard = file(&path, &key).parent().unwrap().to_owned();
    for made in [&path, &shard, &path.join("corrupt")] {
        assert_eq!(mode(made), 0o700, "{}", made.display());
    }
    for made in [&file(&path, &key), &shard.join("lock")] {
        assert_eq!(mode(made), 0o600, "{}", made.display());
    }
    assert_eq!(fs::read_dir(&path).unwrap().count(), 2, "opening leaves nothing behind");
}

#[tokio::test]
async fn a_folder_that_others_may_enter_is_closed_to_them() {
    log::listen();
    let folder = tempfile::tempdir().unwrap();
    for (number, before) in [0o755, 0o777, 0o750, 0o701].into_iter().enumerate() {
        let path = folder.path().join(number.to_string());
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
        FileStore::open(&path).await.unwrap();
        assert_eq!(mode(&path), 0o700);
        // If a folder with sessions has been opened to others since, the next `open` closes it too.
        put(&FileStore::open(&path).await.unwrap(), &Key::random().unwrap(), &empty()).await;
        fs::set_permissions(&path, Permissions::from_mode(before)).unwrap();
        FileStore::open(&path).await.unwrap();
        assert_eq!(mode(&path), 0o700);
    }
    // A folder that holds other files, such as the system's folder for temporary files, keeps its permissions.
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    fs::write(shared.join("another file"), "").unwrap();
    let store = FileStore::open(&shared).await.unwrap();
    assert_eq!(mode(&shared), 0o1777);
    let warnings = log::about(shared.to_str().unwrap());
    assert!(warnings.len() == 1 && warnings[0].contains("choose a folder of its own"), "{warnings:?}");
    let key = Key::random().unwrap();
    put(&store, &key, &empty()).await;
    assert_eq!(mode(file(&shared, &key).parent().unwrap()), 0o700);
}

#[tokio::test]
async fn a_path_that_cannot_be_a_folder_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("file"), "").unwrap();
    std::os::unix::fs::symlink(path("nowhere"), path("dangling")).unwrap();
    let shown = folder.path().display();
    for (name, sentence) in [
        ("file", format!("`{shown}/file` is a file; give the sessions a folder of their own")),
        (
            "missing/sessions",
            format!(
                "the folder `{shown}/missing` does not exist, so the session folder `{shown}/missing/sessions` cannot be \
                 made in it; create it first, or correct the path"
            ),
        ),
    ] {
        assert_eq!(refusal(path(name)).await, sentence);
    }
    for name in ["file/sessions", "dangling"] {
        let sentence = refusal(path(name)).await;
        assert!(sentence.contains(path(name).to_str().unwrap()), "{sentence}");
    }
    // F26
    for name in ["nul\0byte", "sessions\n"] {
        let sentence = refusal(path(name)).await;
        assert_eq!(
            sentence,
            format!(
                "the path of the session folder {:?} has a line break or another control character in it; remove it",
                path(name)
            )
        );
    }
    assert_eq!(refusal("").await, "the path of the session folder is empty; name a folder, such as `sessions`");
    assert!(!path("missing").exists());
}

// A file system without locks, or without space for a file, is noticed at start, not at the first log-in.
#[tokio::test]
async fn a_folder_where_nothing_can_be_written_is_refused() {
    let sentence = refusal("/proc/self").await;
    assert!(sentence.starts_with("cannot write and lock files in `/proc/"), "{sentence}");
    assert!(sentence.contains("; "), "{sentence} should say what to do");
}

#[tokio::test]
async fn a_folder_of_another_user_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    if chown(folder.path(), Some(65_533), None).is_err() {
        return skip("a folder of another user", "only root can make one");
    }
    let shown = fs::canonicalize(folder.path()).unwrap();
    assert_eq!(
        refusal(folder.path()).await,
        format!(
            "the session folder `{0}` belongs to user 65533, who could change the sessions in it; chown it to this \
             process's user, or choose a folder inside it, such as `{0}/sessions`",
            shown.display()
        )
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the refusal leaves nothing in the folder");
    FileStore::open(folder.path().join("sessions")).await.unwrap();
}

/// Root can write everywhere, so if the test runs as root, a process of another user opens the folder.
#[test]
fn a_folder_without_permission_is_refused() {
    use std::os::unix::process::CommandExt as _;

    // Uses `/tmp`, because the other user can reach it.
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let path = folder.path().to_str().unwrap();
    let mut child = command(&["open", path]);
    if fs::metadata(folder.path()).unwrap().uid() == 0 {
        // Copies the program, because the other user might not be able to enter the folder where it was built.
        let program = tempfile::tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        fs::copy(child.get_program(), program.join("child")).unwrap();
        child = std::process::Command::new(program.join("child"));
        child.args(["open", path]).uid(65_534).gid(65_534);
        let said = run(&mut child);
        fs::remove_dir_all(program).unwrap();
        assert!(
            said.starts_with(&format!("cannot write and lock files in `{path}`; let this process's user")),
            "{said}"
        );
        assert!(said.contains("Permission denied"), "{said}");
    } else {
        fs::set_permissions(folder.path(), Permissions::from_mode(0o500)).unwrap();
        let said = run(&mut child);
        assert!(
            said.starts_with(&format!("cannot write and lock files in `{path}`; let this process's user")),
            "{said}"
        );
    }
}

// Removing the folder removes its sessions. The store keeps working.
#[tokio::test]
async fn a_folder_that_disappears_is_created_again() {
    log::listen();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    let store = FileStore::open(&path).await.unwrap();
    let key = Key::random().unwrap();
    for _ in 0..3 {
        set(&store, &key, "theme", "dark").await;
        let before = load(&store, &key).await;
        fs::remove_dir_all(&path).unwrap();
        assert!(load(&store, &key).await.is_none());
        assert_eq!(store.delete_expired(NOW).await.unwrap(), 0);
        for after in [Some(&empty()), None] {
            let swapped = store.swap(&key, before.as_ref(), after, NOW).await;
            assert!(matches!(swapped, Ok(Swapped::Stale(None))), "{swapped:?}");
        }
        assert!(!path.exists(), "only a new value needs a folder");
    }
    put(&store, &key, &empty()).await;
    assert_eq!(mode(&path), 0o700);
    // F31: each loss of the folder signs visitors out, so each is logged for the operator.
    let warnings = log::about(path.to_str().unwrap());
    assert_eq!(warnings.iter().filter(|line| line.contains("had disappeared")).count(), 3, "{warnings:?}");
    // Removes one shard, then one lock.
    fs::remove_dir_all(file(&path, &key).parent().unwrap()).unwrap();
    assert!(load(&store, &key).await.is_none());
    put(&store, &key, &empty()).await;
    fs::remove_file(file(&path, &key).with_file_name("lock")).unwrap();
    put(&store, &key, &empty()).await;
    // If the parent is missing too, the store does not create its folder again: the sessions might go to the wrong place, for
    // example if the parent is on a volume that is no longer mounted.
    fs::remove_dir_all(folder.path()).unwrap();
    let error = store.swap(&Key::random().unwrap(), None, Some(&empty()), NOW).await.unwrap_err().to_string();
    assert!(
        error.starts_with("cannot create the session folder") && error.contains("create its folder again"),
        "{error}"
    );
}

/// `open` resolves the path, so a store depends neither on links nor on the process's working directory.
#[tokio::test]
async fn a_store_names_its_folder_in_full() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("link")).unwrap();
    fs::create_dir(folder.path().join("sessions")).unwrap();
    let store = FileStore::open(folder.path().join("link/sessions")).await.unwrap();
    let whole = fs::canonicalize(folder.path()).unwrap().join("sessions");
    assert_eq!(format!("{store:?}"), format!("FileStore({whole:?})"));
}

/// B45: outside Tokio there is an error message, not a panic.
#[test]
fn opening_outside_tokio_is_an_error() {
    let mut opening = std::pin::pin!(FileStore::open("sessions"));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match opening.as_mut().poll(&mut context) {
        std::task::Poll::Ready(Err(error)) => {
            assert!(error.to_string().starts_with("the file store needs a Tokio runtime; call it from one"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
