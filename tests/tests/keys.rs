//! Keys from a variable, a text or a file, which several processes may create concurrently. `key_files` tests permissions.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
    sync::Barrier,
};

use session_runtime::{Error, KeyRing};

const KEY: &str = "aae24849842d7082b66f57ce8270bd04da2c39ffb97df22803c270983032c4e5";
const OLD: &str = "ZwMetrC/g9augPqGLXxCTvxnRb1LAQSjCvJ8dbRF/vk=";

fn refused(path: &Path) -> String {
    let error = KeyRing::open(path).unwrap_err();
    assert!(error.is_setup());
    error.to_string()
}

/// Returns the ring's debug output, in which equal keys look equal.
fn shown(ring: Result<KeyRing, Error>) -> String {
    format!("{:?}", ring.unwrap())
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// Returns a command that reads keys and prints the result.
fn child(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keys_child"));
    command.args(arguments).env_remove("TEST_KEYS").stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn answer(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap().trim_end().to_owned()
}

// S45
#[test]
fn keys_come_from_a_variable() {
    let from = |value: &str| answer(&child(&["env", "TEST_KEYS"]).env("TEST_KEYS", value).output().unwrap());
    let one = from(KEY);
    assert!(one.starts_with("KeyRing { current: \"") && one.ends_with("previous: [] }"), "{one}");
    let two = from(&format!("{KEY} {OLD}@2027-01-31"));
    assert_eq!(two.split(", previous").next(), one.split(", previous").next());
    assert!(!two.ends_with("[] }"), "{two}");

    assert_eq!(from(""), "the variable TEST_KEYS holds no key; write one made with `openssl rand -hex 32`");
    assert!(
        from("hunter2").starts_with("the 1st key of the variable TEST_KEYS has 5 bytes and needs at least 32; make")
    );
    assert_eq!(
        answer(&child(&["env", "TEST_KEYS"]).output().unwrap()),
        "the variable TEST_KEYS is not set; set it to a key made with `openssl rand -hex 32`"
    );
}

// F30, S45, S49
#[test]
fn keys_come_from_a_text() {
    let parsed = format!("{KEY}\n {OLD}@2027-01-31\n").parse::<KeyRing>();
    let shown = shown(parsed);
    assert!(shown.starts_with("KeyRing { current: \"") && !shown.ends_with("previous: [] }"), "{shown}");
    for (text, said) in [
        ("", "the text holds no key; write one made with `openssl rand -hex 32`"),
        ("hunter2hunter2", "the 1st key of the text has 10 bytes and needs at least 32; make a good one"),
        (&format!("{KEY},{KEY}"), "the 2nd key of the text is the 1st again; remove one of them"),
        (&KEY[1..], "the 1st key of the text has an odd number of hexadecimal digits"),
    ] {
        let error = text.parse::<KeyRing>().unwrap_err();
        assert!(error.is_setup() && error.to_string().starts_with(said), "{error}");
        assert!(!format!("{error:?}").contains("hunter2") && !format!("{error:?}").contains(&KEY[1..9]), "{error:?}");
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_refused() {
    let value = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\xfe");
    let value: &std::ffi::OsStr = value;
    let answer = answer(&child(&["env", "TEST_KEYS"]).env("TEST_KEYS", value).output().unwrap());
    assert!(answer.starts_with("the variable TEST_KEYS holds bytes that are not text"), "{answer}");
}

#[test]
fn the_first_use_creates_a_file_with_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/deep/keys");
    let ring = shown(KeyRing::open_or_create(&path));
    assert_eq!(ring, shown(KeyRing::open_or_create(&path)));
    let text = fs::read_to_string(&path).unwrap();
    let key = text.lines().find(|line| !line.starts_with('#')).unwrap();
    assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{text}");
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left in the folder");
    #[cfg(unix)]
    {
        let mode =
            |path: &Path| std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(mode(&folder.path().join("new")), 0o700);
    }
}

#[test]
fn concurrent_first_uses_agree_on_one_key() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/keys");
        let barrier = Barrier::new(8);
        let rings: Vec<String> = std::thread::scope(|scope| {
            let open = || {
                barrier.wait();
                shown(KeyRing::open_or_create(&path))
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(rings.iter().all(|ring| *ring == rings[0]), "{rings:?}");
        assert_eq!(fs::read_dir(folder.path().join("new")).unwrap().count(), 1);
    }
}

#[test]
fn concurrent_processes_agree_on_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/keys");
    let start = || child(&["file", path.to_str().unwrap()]).stdin(Stdio::piped()).spawn().unwrap();
    let mut children: Vec<_> = (0..8).map(|_| start()).collect();
    children.iter_mut().for_each(|child| drop(child.stdin.take()));
    let rings: Vec<_> = children.into_iter().map(|child| answer(&child.wait_with_output().unwrap())).collect();
    assert!(rings.iter().all(|ring| *ring == shown(KeyRing::open_or_create(&path))), "{rings:?}");
}

// S45
#[test]
fn a_file_may_hold_several_keys_and_comments() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    write(&path, &format!("# since May\n{KEY}\n\n# until the end of January\n{OLD}@2027-01-31 # then gone\n"));
    let ring = shown(KeyRing::open(&path));
    write(&path, &format!("{KEY},{OLD}"));
    assert_eq!(ring, shown(KeyRing::open(&path)));
}

#[test]
fn a_bad_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    for (text, what) in [
        ("", "holds no key; write one made with `openssl rand -hex 32`".to_owned()),
        ("# nothing\n", "holds no key".to_owned()),
        ("changeme", "looks like words or a placeholder".to_owned()),
        (&KEY[..60], "has 30 bytes and needs at least 32".to_owned()),
        (&format!("{KEY}\n{KEY}"), "the 2nd key of the file".to_owned()),
        (&"#".repeat(65 * 1024), "is larger than 64 KiB".to_owned()),
    ] {
        write(&path, text);
        let sentence = refused(&path);
        assert!(sentence.contains(&what) && sentence.contains("keys\""), "{sentence}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::write(&path, b"\xff\xfe").unwrap();
    assert!(refused(&path).contains("holds bytes that are not text"));
    assert!(refused(folder.path()).contains("is a folder; name a file in it"));
    assert!(refused(&path.join("below")).contains("cannot be"), "{}", refused(&path.join("below")));
}

#[test]
fn generated_rings_differ_and_clones_do_not() {
    let ring = KeyRing::generate();
    assert_eq!(format!("{ring:?}"), format!("{:?}", ring.clone()));
    assert_ne!(format!("{ring:?}"), format!("{:?}", KeyRing::generate()));
}

// B12
#[test]
fn debug_shows_no_key() {
    let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&KEY[2 * at..2 * at + 2], 16).unwrap()).collect();
    let shown = format!("{:?}", KeyRing::from_bytes(&bytes).unwrap());
    for at in 0..=KEY.len() - 8 {
        assert!(!shown.contains(&KEY[at..at + 8]), "{shown}");
    }
}
