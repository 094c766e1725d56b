//! The lists of users' sessions: several processes, killed ones, and what clean-up does with them.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    time::{Duration, SystemTime},
};

use session_runtime::{
    FileStore,
    store::{ENTRY_GRACE, Key, Store, User, UserIndex},
};
use tests::{
    records::{NOW, create, create_until, file, load, numbered, sign_in, user, user_file, write},
    store::listed,
};

use crate::{child, processes::wait_for_some_random_moment};

// B36, B39
#[tokio::test]
async fn one_process_sees_whom_another_entered() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (FileStore::open(folder.path()).await.unwrap(), FileStore::open(folder.path()).await.unwrap());
    let keys = [1, 2, 3].map(|number| numbered(0, number));
    for (index, store) in [&one, &other, &one].into_iter().enumerate() {
        store.enter(&user(), &keys[index], NOW).await.unwrap();
        assert_eq!(listed(one.entries(&user()).await.unwrap()), keys[..=index]);
        assert_eq!(listed(other.entries(&user()).await.unwrap()), keys[..=index]);
    }
    other.leave(&user(), &[keys[0], keys[2]]).await.unwrap();
    assert_eq!(listed(one.entries(&user()).await.unwrap()), [keys[1]]);
}

// B36
#[tokio::test]
async fn racing_processes_undo_nothing() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let path = folder.path().to_str().unwrap();
    let mut workers = ["1", "2", "3"].map(|who| child::start(&["crowd", path, who, "300"]));
    for worker in &workers {
        assert_eq!(worker.line(), "ready");
    }
    workers.iter_mut().for_each(|worker| worker.tell("go"));
    for worker in &workers {
        assert_eq!(worker.line(), "done");
    }
    let entries = listed(FileStore::open(path).await.unwrap().entries(&user()).await.unwrap());
    assert_eq!(entries.len(), 3);
    assert!([1, 2, 3].iter().all(|who| entries.contains(&numbered(*who, 300))), "the last of each");
}

// B35, B41: what is there afterwards is whole, and nobody who was entered is missing.
#[tokio::test]
async fn kill_9_leaves_the_old_list_or_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let store = FileStore::open(path).await.unwrap();
    let mut entered = [0, 0];
    for _ in 0..30 {
        let start = |who: usize| child::start(&["enter", path, &who.to_string(), &(entered[who] + 1).to_string()]);
        let (first, second) = (start(0), start(1));
        // Both are at it, each in the other's way.
        for worker in [&first, &second] {
            worker.line();
        }
        wait_for_some_random_moment(&first);
        let first = first.kill();
        for _ in 0..3 {
            second.line();
        }
        let second = second.kill();
        let entries = listed(store.entries(&user()).await.unwrap());
        for (who, said) in [first, second].into_iter().enumerate() {
            let of_this = |number| numbered(who as u64, number);
            let before = entered[who];
            let next = (before + 1..).take_while(|number| entries.contains(&of_this(*number))).count() as u64;
            entered[who] += next;
            assert!(next > 0, "the first was answered");
            if let Some(answered) = said.last() {
                let answered: u64 = answered.parse().unwrap();
                assert!([answered, answered + 1].contains(&entered[who]), "{} of {answered}", entered[who]);
            }
            let order: Vec<_> = entries.iter().filter(|key| key.digest()[7] == who as u8).copied().collect();
            assert_eq!(order, (1..=entered[who]).map(of_this).collect::<Vec<_>>());
        }
    }
    assert!(!folder.path().join("corrupt").exists(), "nothing was found to be corrupt");
}

#[tokio::test]
async fn lists_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    store.enter(&user(), &numbered(0, 1), NOW).await.unwrap();
    let list = user_file(folder.path(), &user());
    let shard = list.parent().unwrap();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(shard), mode(shard.parent().unwrap())), (0o700, 0o700));
    for path in [&list, &shard.join("lock"), &folder.path().join("users/lock"), &folder.path().join("users/whole")] {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
    // And are the store's own: a folder that has them is one of sessions alone.
    let loose = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), loose).unwrap();
    FileStore::open(folder.path()).await.unwrap();
    assert_eq!(mode(folder.path()), 0o700);
}

// B41: a list that is empty is no file, however it got empty.
#[tokio::test]
async fn nothing_is_left_of_who_left() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let list = user_file(folder.path(), &user());
    let enter = async |key| store.enter(&user(), &key, NOW).await.unwrap();
    let signed_in = async |end| {
        let key = Key::random().unwrap();
        enter(key).await;
        write(&store, &key, &sign_in(create_until(end), &user(), NOW)).await;
        key
    };
    enter(numbered(0, 1)).await;
    assert!(list.exists());
    store.leave(&user(), &[numbered(0, 1)]).await.unwrap();
    assert!(!list.exists(), "taken out");

    let key = signed_in(NOW + ENTRY_GRACE * 9).await;
    store.delete(&key).await.unwrap();
    assert!(!list.exists(), "deleted");

    signed_in(NOW + Duration::from_secs(1)).await;
    let soon = NOW + Duration::from_secs(2);
    assert_eq!(store.delete_expired(soon).await.unwrap(), 1);
    assert!(!list.exists(), "expired, also within a minute");

    enter(numbered(0, 2)).await;
    store.delete_expired(soon).await.unwrap();
    assert!(list.exists(), "its session is about to come");
    store.delete_expired(NOW + ENTRY_GRACE).await.unwrap();
    assert!(!list.exists(), "it never came");
}

// B41: by a process that was killed between the two.
#[tokio::test]
async fn the_entry_of_a_session_that_ended_without_it_goes_too() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let (signed_out, deleted, live) = (Key::random().unwrap(), Key::random().unwrap(), Key::random().unwrap());
    for key in [&signed_out, &deleted, &live] {
        store.enter(&user(), key, NOW).await.unwrap();
        write(&store, key, &sign_in(create(), &user(), NOW)).await;
    }
    let before = fs::read(user_file(folder.path(), &user())).unwrap();
    store.delete(&deleted).await.unwrap();
    let mut change = tests::records::update();
    change.sign = Some(session_runtime::store::Sign::Out);
    write(&store, &signed_out, &change).await;
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [live]);
    fs::write(user_file(folder.path(), &user()), &before).unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [signed_out, deleted, live]);

    let later = NOW + ENTRY_GRACE;
    store.delete_expired(later).await.unwrap();
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [signed_out, live], "clean-up sees to what was deleted");
    // Who signed out goes with the record, or once the list has grown.
    let more = (1..=7).map(|number| numbered(0, number)).collect::<Vec<_>>();
    for key in &more {
        store.enter(&user(), key, later).await.unwrap();
    }
    assert_eq!(listed(store.entries(&user()).await.unwrap()), [&[live], &more[..]].concat());
    store.leave(&user(), &more).await.unwrap();
    fs::write(user_file(folder.path(), &user()), before).unwrap();
    for key in [&signed_out, &live] {
        store.delete(key).await.unwrap();
    }
    store.delete_expired(later).await.unwrap();
    assert!(store.entries(&user()).await.unwrap().is_empty());
}

/// Where nobody cleans up, the gone go all the same.
#[tokio::test]
async fn a_list_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let mut now = NOW;
    for number in 0..100 {
        now = now + ENTRY_GRACE;
        store.enter(&user(), &numbered(0, number), now).await.unwrap();
        assert!(store.entries(&user()).await.unwrap().len() <= 9, "after {number}");
    }
}

// B16, B35
#[tokio::test]
async fn cleaning_up_lists_is_as_careful() {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let users: Vec<_> = (0..60_u8).map(|number| User::new([number])).collect();
    for user in &users {
        store.enter(user, &numbered(0, 1), NOW).await.unwrap();
    }
    let list = |user| user_file(folder.path(), user);
    let shard = list(&users[0]).parent().unwrap().to_owned();
    let temporary = |name: &str, age| {
        let path = shard.join(name);
        let file = File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        path
    };
    let (old, young) = (temporary("0123.tmp", 3_600), temporary("4567.tmp", 5));
    let strangers = [shard.join("README"), folder.path().join("users/README")];
    for stranger in &strangers {
        fs::write(stranger, "not yours").unwrap();
    }
    // A shard that is busy is left for the next time.
    let lock = File::open(shard.join("lock")).unwrap();
    lock.lock().unwrap();
    store.delete_expired(NOW + ENTRY_GRACE).await.unwrap();
    for user in &users {
        assert_eq!(list(user).exists(), list(user).starts_with(&shard));
    }
    assert!(old.exists());
    drop(lock);
    store.delete_expired(NOW + ENTRY_GRACE).await.unwrap();
    assert!(!list(&users[0]).exists() && !old.exists() && young.exists());
    assert!(strangers.iter().all(|stranger| fs::read(stranger).unwrap() == b"not yours"));
}

#[tokio::test]
async fn a_folder_that_vanishes_takes_the_lists_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions");
    let store = FileStore::open(&path).await.unwrap();
    for _ in 0..3 {
        let key = Key::random().unwrap();
        store.enter(&user(), &key, NOW).await.unwrap();
        write(&store, &key, &sign_in(create(), &user(), NOW)).await;
        fs::remove_dir_all(&path).unwrap();
        store.delete_expired(NOW).await.unwrap();
        store.delete(&key).await.unwrap();
        store.leave(&user(), &[key]).await.unwrap();
        assert!(store.entries(&user()).await.unwrap().is_empty());
        assert_eq!(load(&store, &key).await, None);
        assert!(!file(&path, &key).exists());
    }
}
