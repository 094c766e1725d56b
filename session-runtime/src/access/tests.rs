#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn folder() -> (PathBuf, impl Drop) {
    struct Removed(PathBuf);
    impl Drop for Removed {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
    let path = std::env::temp_dir().join(format!("access-{:016x}", crate::id::Nonce::next().0));
    fs::create_dir(&path).unwrap();
    let path = fs::canonicalize(path).unwrap();
    (path.clone(), Removed(path))
}

#[test]
fn the_current_user_owns_what_this_process_creates() {
    let (folder, _removed) = folder();
    assert_eq!(current_user().unwrap(), fs::metadata(folder).unwrap().uid());
}

#[test]
fn a_path_resolves_as_the_system_resolves_it() {
    let (folder, _removed) = folder();
    fs::create_dir_all(folder.join("a/b")).unwrap();
    fs::write(folder.join("a/b/file"), "x").unwrap();
    symlink("a/b", folder.join("short")).unwrap();
    symlink(folder.join("a"), folder.join("a/b/up")).unwrap();
    symlink("loop", folder.join("loop")).unwrap();
    for path in ["a/b/file", "short/file", "a/../short/up/b/file", "a/b/up/../short/file", "./a/./b/up/b/../b/file"] {
        let way = Way::to(&folder.join(path)).unwrap();
        assert_eq!(way.end, fs::canonicalize(folder.join(path)).unwrap(), "{path}");
        assert!(way.found.is_file());
    }
    assert_eq!(Way::to(&folder).unwrap().end, folder);
    assert_eq!(Way::to(Path::new("/")).unwrap().end, Path::new("/"));
    for path in ["none", "short/none", "a/none/../b/file", "loop", "a/b/file/x", "a/b/file/../file"] {
        assert!(Way::to(&folder.join(path)).is_err(), "{path}");
    }
}

#[test]
fn a_folder_that_others_may_write_to_is_loose_unless_it_is_sticky() {
    let (folder, _removed) = folder();
    let inner = folder.join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("file"), "x").unwrap();
    let user = current_user().unwrap();
    for (mode, is_loose) in [(0o777, true), (0o702, true), (0o1777, false), (0o755, false), (0o700, false)] {
        set_mode(&inner, mode);
        let way = Way::to(&inner.join("file")).unwrap();
        let loose = way.loose_folder(user).map(|loose| loose.to_string());
        let sentence = format!("other users may write to the folder `{}` (mode {mode:o})", inner.display());
        assert_eq!(loose, is_loose.then_some(sentence));
        assert_eq!(way.is_public(), mode & 1 != 0);
    }
}

// F11: another user owns a link or a folder on the way.
#[test]
fn owners_other_than_root_and_this_user_are_named() {
    let (folder, _removed) = folder();
    symlink("target", folder.join("link")).unwrap();
    fs::write(folder.join("target"), "x").unwrap();
    let owner = fs::metadata(&folder).unwrap().uid();
    let way = Way::to(&folder.join("link")).unwrap();
    assert!(way.loose_link(owner).is_none() && way.loose_folder(owner).is_none());
    // For another user, the same link is not safe, unless root owns it.
    let loose = way.loose_link(owner + 1).map(|loose| loose.to_string());
    let sentence = format!("the link `{}` belongs to user {owner}", folder.join("link").display());
    assert_eq!(loose, (owner != 0).then_some(sentence));
}
