//! Finds other users of the machine who can change or read the file that a path leads to. Root and this process's user are
//! trusted. On systems other than Unix, owners and permissions are not checked.

use std::{
    fmt,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

/// The folders and links that the system follows from the root to the end of a path.
pub(crate) struct Way {
    /// The resolved path, without links.
    pub(crate) end: PathBuf,
    /// The metadata of the path's end.
    pub(crate) found: Metadata,
    #[cfg(unix)]
    folders: Vec<(PathBuf, Metadata)>,
    #[cfg(unix)]
    links: Vec<(PathBuf, Metadata)>,
}

/// A folder or link that a user other than root and this process's user controls.
pub(crate) struct Loose<'a> {
    path: &'a Path,
    why: Why,
}

enum Why {
    Owner { is_link: bool, user: u32 },
    Mode(u32),
}

/// Writes a clause for a message.
impl fmt::Display for Loose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.why {
            Why::Owner { is_link: true, user } => write!(f, "the link `{path}` belongs to user {user}"),
            Why::Owner { is_link: false, user } => write!(f, "the folder `{path}` belongs to user {user}"),
            Why::Mode(mode) => write!(f, "other users may write to the folder `{path}` (mode {mode:o})"),
        }
    }
}

#[cfg(unix)]
mod unix {
    use std::{
        collections::VecDeque,
        ffi::OsString,
        fs::File,
        io::{Error, ErrorKind},
        os::{fd::OwnedFd, unix::fs::MetadataExt as _},
        path::Component,
    };

    use super::*;

    /// The most links that Linux follows.
    const LINKS: usize = 40;
    const STICKY: u32 = 0o1000;

    impl Way {
        /// Resolves `path`, and notes each folder and link on the way.
        ///
        /// # Errors
        /// If the metadata of a part cannot be read, or if there are too many links.
        pub(crate) fn to(path: &Path) -> io::Result<Self> {
            let path = std::path::absolute(path)?;
            let (mut end, mut found) = (PathBuf::from("/"), fs::symlink_metadata("/")?);
            let (mut folders, mut links) = (Vec::new(), Vec::new());
            let mut rest = names(&path);
            while let Some(name) = rest.pop_front() {
                if !found.is_dir() {
                    return Err(ErrorKind::NotADirectory.into());
                }
                if name == ".." {
                    end.pop();
                    found = fs::symlink_metadata(&end)?;
                    continue;
                }
                let next = end.join(&name);
                let seen = fs::symlink_metadata(&next)?;
                folders.push((end.clone(), found.clone()));
                if !seen.is_symlink() {
                    (end, found) = (next, seen);
                    continue;
                }
                if links.len() == LINKS {
                    return Err(Error::other("too many symbolic links"));
                }
                let target = fs::read_link(&next)?;
                links.push((next, seen));
                if target.has_root() {
                    (end, found) = (PathBuf::from("/"), fs::symlink_metadata("/")?);
                }
                let mut further = names(&target);
                further.append(&mut rest);
                rest = further;
            }
            Ok(Self { end, found, folders, links })
        }

        /// Returns a link on the way that another user could point elsewhere.
        pub(crate) fn loose_link(&self, user: u32) -> Option<Loose<'_>> {
            self.links.iter().find_map(|(path, seen)| {
                let user = other_owner(seen, user)?;
                Some(Loose { path, why: Why::Owner { is_link: true, user } })
            })
        }

        /// Returns a folder on the way, if another user could replace entries in it that belong to this user or to root.
        pub(crate) fn loose_folder(&self, user: u32) -> Option<Loose<'_>> {
            self.folders.iter().find_map(|(path, seen)| {
                let why = match other_owner(seen, user) {
                    Some(user) => Why::Owner { is_link: false, user },
                    None if may_replace(seen) => Why::Mode(seen.mode() & 0o7777),
                    None => return None,
                };
                Some(Loose { path, why })
            })
        }

        /// Returns whether all users can pass through every folder on the way.
        pub(crate) fn is_public(&self) -> bool {
            self.folders.iter().all(|(_, seen)| seen.mode() & 0o001 != 0)
        }
    }

    fn names(path: &Path) -> VecDeque<OsString> {
        path.components()
            .filter_map(|component| match component {
                Component::Normal(name) => Some(name.to_owned()),
                Component::ParentDir => Some("..".into()),
                _ => None,
            })
            .collect()
    }

    /// Returns whether other users can rename and remove the entries of a folder. In a sticky one, such as `/tmp`, only owners
    /// can.
    fn may_replace(folder: &Metadata) -> bool {
        let mode = folder.mode();
        // Most distributions give each user a group with the user's number, and folders of mode 775.
        let writers = if folder.gid() == folder.uid() { 0o002 } else { 0o022 };
        mode & writers != 0 && mode & STICKY == 0
    }

    /// Returns the owner, if it is neither root nor `user`.
    pub(crate) fn other_owner(seen: &Metadata, user: u32) -> Option<u32> {
        Some(seen.uid()).filter(|owner| *owner != 0 && *owner != user)
    }

    /// Returns the permissions of a file: nine bits, those of its owner first.
    pub(crate) fn permissions(seen: &Metadata) -> u32 {
        seen.mode() & 0o777
    }

    /// Returns whether both describe the same file, rather than two files that had the same name one after the other.
    pub(crate) fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
        (a.dev(), a.ino()) == (b.dev(), b.ino())
    }

    /// Returns the user id of this process: the owner of a pipe that it creates. The standard library has no other way without
    /// `unsafe`.
    pub(crate) fn current_user() -> io::Result<u32> {
        let (reader, _writer) = io::pipe()?;
        Ok(File::from(OwnedFd::from(reader)).metadata()?.uid())
    }
}

#[cfg(not(unix))]
mod unix {
    use super::*;

    impl Way {
        pub(crate) fn to(path: &Path) -> io::Result<Self> {
            let end = fs::canonicalize(path)?;
            Ok(Self { found: fs::metadata(&end)?, end })
        }

        pub(crate) fn loose_link(&self, _: u32) -> Option<Loose<'_>> {
            None
        }

        pub(crate) fn loose_folder(&self, _: u32) -> Option<Loose<'_>> {
            None
        }

        pub(crate) fn is_public(&self) -> bool {
            false
        }
    }

    pub(crate) fn other_owner(_: &Metadata, _: u32) -> Option<u32> {
        None
    }

    pub(crate) fn permissions(_: &Metadata) -> u32 {
        0o600
    }

    pub(crate) fn is_same_file(_: &Metadata, opened: &Metadata) -> bool {
        opened.is_file()
    }

    pub(crate) fn current_user() -> io::Result<u32> {
        Ok(0)
    }
}

pub(crate) use self::unix::{current_user, is_same_file, other_owner, permissions};

#[cfg(all(test, unix))]
mod tests;
