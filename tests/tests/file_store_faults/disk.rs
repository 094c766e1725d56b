//! A disk that is full or read-only.

use std::process::Command;

use crate::child::{behind_mounts, command, run, skip};

// B32: a write that fails names its path and the remedy, and leaves the old value; writes work again when there is space.
#[test]
fn a_full_disk_does_not_damage_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    match behind_mounts("mount -t tmpfs -o size=256k,mode=700 tmpfs \"$folder\"", &["full-disk", path]) {
        Ok(mut child) => assert_eq!(run(&mut child), "done"),
        Err(why) => skip("a full disk", &why),
    }
}

#[test]
fn a_limit_on_file_sizes_does_not_damage_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let child = command(&["small-files", folder.path().to_str().unwrap()]);
    let mut shell = Command::new("sh");
    // `ulimit` counts blocks of 512 bytes. Without the trap, a signal would end the process.
    shell
        .args(["-c", "trap '' XFSZ; ulimit -f 64 && exec \"$@\"", "sh"])
        .arg(child.get_program())
        .args(child.get_args());
    assert_eq!(run(&mut shell), "done");
}

// B32, S20
#[test]
fn a_disk_that_becomes_read_only_still_serves_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    match behind_mounts("mount --bind \"$folder\" \"$folder\"", &["read-only", path]) {
        Ok(mut child) => assert_eq!(run(&mut child), "done"),
        Err(why) => skip("a read-only disk", &why),
    }
}
