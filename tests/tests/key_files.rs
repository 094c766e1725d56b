//! F25, F11: key files as Docker and Kubernetes mount them, and key files that another user could change.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
        process::CommandExt as _,
    },
    path::Path,
    process::{Command, Stdio},
};

use session_runtime::KeyRing;
use tempfile::TempDir;
use tests::log::logged;

const KEY: &str = "aae24849842d7082b66f57ce8270bd04da2c39ffb97df22803c270983032c4e5";
const OTHER_USER: u32 = 65_533;

/// Creates a folder that all users may enter.
fn folder() -> TempDir {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    set_mode(folder.path(), 0o755);
    folder
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn write(path: &Path, mode: u32) {
    fs::write(path, format!("{KEY}\n")).unwrap();
    set_mode(path, mode);
}

fn refused(path: &Path) -> String {
    let error = KeyRing::open(path).unwrap_err();
    assert!(error.is_setup() && !format!("{error:?}").contains(&KEY[..8]));
    error.to_string()
}

/// Gives the file to another user, which only root can do. Returns whether that worked.
fn give_away(path: &Path) -> bool {
    let given = std::os::unix::fs::lchown(path, Some(OTHER_USER), None).is_ok();
    if !given {
        eprintln!("\n*** NOT TESTED: files of another user, since only root can make one ***\n");
    }
    given
}

/// Lays out a secret as Kubernetes mounts it: with links through `..data`, in a sticky folder that all users may write to.
fn kubernetes(mode: u32) -> TempDir {
    let mount = folder();
    set_mode(mount.path(), 0o1777);
    let version = mount.path().join("..2026_11_30_10_00_00.123");
    fs::create_dir(&version).unwrap();
    set_mode(&version, 0o755);
    write(&version.join("session-keys"), mode);
    symlink("..2026_11_30_10_00_00.123", mount.path().join("..data")).unwrap();
    symlink("..data/session-keys", mount.path().join("session-keys")).unwrap();
    mount
}

// F25
#[test]
fn a_secret_that_kubernetes_or_docker_mounted_is_read() {
    for mode in [0o400, 0o440, 0o444, 0o600, 0o640, 0o644] {
        let mount = kubernetes(mode);
        let said = logged(|| drop(KeyRing::open(mount.path().join("session-keys")).unwrap()));
        let is_public = mode & 0o004 != 0;
        assert_eq!(said.matches("WARN").count(), usize::from(is_public), "{mode:o}: {said}");
        if is_public {
            let parts = [
                format!("mode={mode:o}"),
                format!("file={}/session-keys", mount.path().display()),
                "all users of this machine can read the key file, and a reader can forge cookies".into(),
                "in Kubernetes with `defaultMode: 0440` and an `fsGroup`".into(),
            ];
            assert!(parts.iter().all(|part| said.contains(part)), "{said}");
        }
    }
}

// F25: a process that runs as another user can read root's file.
#[test]
fn a_secret_of_root_is_read_by_another_user() {
    let mount = kubernetes(0o444);
    if fs::metadata(mount.path()).unwrap().uid() != 0 {
        eprintln!("\n*** NOT TESTED: a secret of root, since only root can make one ***\n");
        return;
    }
    // Copies the program, because the other user might not be able to enter the folder where it was built.
    let program = folder();
    fs::copy(env!("CARGO_BIN_EXE_keys_child"), program.path().join("child")).unwrap();
    let run = |path: &Path| {
        let mut child = Command::new(program.path().join("child"));
        child.arg("mounted").arg(path).stdin(Stdio::null()).uid(65_534).gid(65_534);
        String::from_utf8(child.output().unwrap().stdout).unwrap()
    };
    let said = run(&mount.path().join("session-keys"));
    assert!(said.starts_with("KeyRing { current: "), "{said}");
    set_mode(&mount.path().join("..data/session-keys"), 0o400);
    let said = run(&mount.path().join("session-keys"));
    assert!(said.contains("cannot be read (Permission denied") && said.contains("let this process read it"), "{said}");
    // A third user's file is rejected.
    let file = program.path().join("keys");
    write(&file, 0o444);
    chown(&file, Some(OTHER_USER), None).unwrap();
    let said = run(&file);
    assert!(
        said.contains(
            "belongs to user 65533, who could change the keys; chown it to root or to this process's user (65534)"
        ),
        "{said}"
    );
}

// F25: other users cannot reach a file in a closed folder, whatever the file's mode.
#[test]
fn a_readable_file_in_a_closed_folder_is_not_warned_of() {
    let folder = folder();
    write(&folder.path().join("keys"), 0o644);
    for mode in [0o700, 0o750] {
        set_mode(folder.path(), mode);
        assert_eq!(logged(|| drop(KeyRing::open(folder.path().join("keys")).unwrap())), "");
    }
}

// F25
#[test]
fn a_file_that_others_may_write_to_is_refused() {
    let folder = folder();
    let path = folder.path().join("keys");
    for mode in [0o620, 0o660, 0o666, 0o602, 0o646, 0o777] {
        write(&path, mode);
        let sentence = refused(&path);
        let expected =
            format!("other users may write to the key file {path:?} (mode {mode:o}); close it with `chmod 600 ");
        assert!(sentence.starts_with(&expected), "{sentence}");
    }
}

// F11: a file of another user is rejected even if the process runs as root, which could read the file.
#[test]
fn a_file_of_another_user_is_refused() {
    let folder = folder();
    let path = folder.path().join("keys");
    write(&path, 0o600);
    if give_away(&path) {
        let sentence = refused(&path);
        assert!(sentence.contains("belongs to user 65533, who could change the keys; chown it to root"), "{sentence}");
    }
}

// F25, F11
#[test]
fn a_link_of_another_user_is_refused() {
    let folder = folder();
    let (path, target) = (folder.path().join("keys"), folder.path().join("target"));
    write(&target, 0o600);
    symlink(&target, &path).unwrap();
    KeyRing::open(&path).unwrap();
    if give_away(&path) {
        assert_eq!(
            refused(&path),
            format!(
                "the key file {path:?} can be replaced by another user, since the link `{}` belongs to user 65533; name the file that the \
                 link points to",
                path.display()
            )
        );
        KeyRing::open(&target).unwrap();
    }
}

// F11: users who may write to the folder can replace its files.
#[test]
fn a_file_that_others_could_replace_is_warned_of() {
    let folder = folder();
    let path = folder.path().join("inner/keys");
    fs::create_dir(folder.path().join("inner")).unwrap();
    write(&path, 0o600);
    set_mode(&folder.path().join("inner"), 0o777);
    let said = logged(|| drop(KeyRing::open(&path).unwrap()));
    let expected = format!(
        "the key file can be moved away or replaced, since other users may write to the folder `{}/inner` (mode 777)",
        folder.path().display()
    );
    assert!(said.contains("WARN") && said.contains(&expected), "{said}");
    set_mode(&folder.path().join("inner"), 0o700);
    if give_away(folder.path()) {
        let said = logged(|| drop(KeyRing::open(&path).unwrap()));
        assert!(said.contains(&format!("the folder `{}` belongs to user 65533", folder.path().display())), "{said}");
    }
}

// F25: a mistyped path creates no new key, which would sign every visitor out.
#[test]
fn a_missing_file_is_an_error_that_says_how_to_create_it() {
    let folder = folder();
    let path = folder.path().join("kyes");
    let sentence = format!(
        "there is no key file {path:?}; correct the path, or create the file: `(umask 077; openssl rand -hex 32 > {})`",
        path.display()
    );
    assert_eq!(refused(&path), sentence);
    assert_eq!(refused(&folder.path().join("none/keys")).split(" key file").next(), Some("there is no"));
    // The target of a dangling link is not created either, not even by `open_or_create`.
    symlink(folder.path().join("none"), &path).unwrap();
    assert_eq!(refused(&path), sentence);
    assert_eq!(KeyRing::open_or_create(&path).unwrap_err().to_string(), sentence);
    let sentence = KeyRing::open_or_create(folder.path().join("keys\n")).unwrap_err().to_string();
    assert!(sentence.contains("keys\\n\" has a line break"), "{sentence}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

// F25
#[test]
fn creating_a_file_is_logged_once() {
    let folder = folder();
    let path = folder.path().join("keys");
    let said = logged(|| drop(KeyRing::open_or_create(&path).unwrap()));
    assert!(said.contains("INFO") && said.contains("a key file with a new key was created; keep it"), "{said}");
    assert!(said.contains(&format!("file={}", path.display())), "{said}");
    assert_eq!(logged(|| drop(KeyRing::open_or_create(&path).unwrap())), "");
}
