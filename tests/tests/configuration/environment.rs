//! Settings from environment variables, among the variables of other programs. In some tests, a child process reads its real
//! environment.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
    process::Command,
};

use session_runtime::Sessions;

use crate::{KEY, Shop, refused, with};

/// Returns the output of a process with this environment.
fn child(variables: &[(&str, &OsStr)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_settings_child"));
    command.env_clear().envs(variables.iter().copied());
    let output = command.output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn the_environment_configures_the_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("file:{}/sessions", folder.path().display());
    let said = child(&[
        ("SESSION_STORE", store.as_ref()),
        ("SESSION_KEYS", KEY.as_ref()),
        ("SESSION_IDLE", "7m".as_ref()),
        ("SESSION_ABSOLUTE", "9h".as_ref()),
        // Variables of other programs.
        ("SESSION_MANAGER", "local/host:@/tmp/.ICE-unix/1".as_ref()),
        ("SESSION_LOCK", "update".as_ref()),
        ("XDG_SESSION_ID", "3".as_ref()),
        ("SESSIONNAME", "Console".as_ref()),
    ]);
    assert!(said.starts_with("open: ") && said.contains("idle: 420s, absolute: 32400s"), "{said}");
    assert!(folder.path().join("sessions").is_dir());

    let file = folder.path().join("keys");
    let said = child(&[("SESSION_STORE", "memory:".as_ref()), ("SESSION_KEYS_FILE", file.as_ref())]);
    // F25: a mistyped path creates no key.
    assert!(said.starts_with(&format!("SESSION_KEYS_FILE: there is no key file {file:?}; correct the path")), "{said}");
    assert!(!file.exists());
    std::fs::write(&file, KEY).unwrap();
    let said = child(&[("SESSION_STORE", "memory:".as_ref()), ("SESSION_KEYS_FILE", file.as_ref())]);
    assert!(said.starts_with("open: "), "{said}");
}

// F26
#[test]
fn blanks_and_line_breaks_around_a_variable_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("keys"), format!("{KEY}\n")).unwrap();
    let said = child(&[
        ("SESSION_STORE", format!(" file:{}\n", path("sessions").display()).as_ref()),
        ("SESSION_KEYS_FILE", format!("{}\r\n", path("keys").display()).as_ref()),
        ("SESSION_APP", "shop\n".as_ref()),
        ("SESSION_COOKIE", "__Secure-shop\n".as_ref()),
        ("SESSION_PATH", "/shop\n".as_ref()),
        ("SESSION_DOMAIN", "example.com\n".as_ref()),
        ("SESSION_IDLE", "7m\n".as_ref()),
        ("SESSION_SECURE", "true\n".as_ref()),
        ("SESSION_SAME_SITE", "lax\n".as_ref()),
        ("SESSION_MAX_BYTES", "5000\n".as_ref()),
        ("SESSION_CLEAN_EVERY", "never\n".as_ref()),
    ]);
    assert!(said.starts_with("open: ") && said.contains("idle: 420s"), "{said}");
    assert!(with(&["SESSION_MAX_PER_USER=5, refuse\n"]).is_ok());
    let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert!(names.iter().all(|name| name == "keys" || name == "sessions"), "{names:?}");
}

// F26: a control character within a value would become part of a name.
#[tokio::test]
async fn a_control_character_within_a_value_is_refused() {
    for (line, expected) in [
        (
            "SESSION_STORE=file:a\nb",
            "SESSION_STORE: the store's URL has a line break or another control character in it",
        ),
        (
            "SESSION_KEYS_FILE=a\nb",
            "SESSION_KEYS_FILE: `a\\nb` has a line break or another control character in it; remove it",
        ),
        ("SESSION_APP=a\tb", "SESSION_APP: `a\\tb` has a line break or another control character in it; remove it"),
    ] {
        let said = with(&[line]).unwrap_err();
        assert!(said.starts_with(expected), "{said}");
    }
    let said = Sessions::<Shop>::builder().keys(session_runtime::KeyRing::generate()).app("shop\n");
    let said = said.store(session_runtime::MemoryStore::new()).build().unwrap_err().to_string();
    assert!(said.starts_with("`app` of the `Shop` sessions is \"shop\\n\", but the name of an application"), "{said}");
}

#[test]
fn missing_variables_are_named_with_an_example() {
    assert_eq!(
        child(&[("SESSION_KEYS", KEY.as_ref())]),
        "the variable SESSION_STORE is not set; set it to where the `Shop` sessions are kept, such as `file:sessions` or \
         `redis://localhost`"
    );
    // The missing key is reported before the store is contacted.
    assert_eq!(
        child(&[("SESSION_STORE", "redis://127.0.0.1:1".as_ref())]),
        "the variable SESSION_KEYS is not set; set it to a key made with `openssl rand -hex 32`"
    );
    // S45
    let said = child(&[("SESSION_STORE", "memory:".as_ref()), ("SESSION_KEYS", "hunter2".as_ref())]);
    assert!(said.starts_with("the 1st key of the variable SESSION_KEYS has 5 bytes"), "{said}");
    let said = child(&[("SESSION_IDEL", "5m".as_ref())]);
    assert_eq!(said, "`SESSION_IDEL` is not a session option; did you mean SESSION_IDLE?");
    let said = child(&[("SESSION_KEYS", OsStr::from_bytes(b"\xff\xfe"))]);
    assert_eq!(said, "SESSION_KEYS: it holds bytes that are not text; set it again");
}

/// An empty variable is an error rather than the default: to get the default, a user leaves the variable unset.
#[test]
fn an_empty_variable_is_refused() {
    for line in ["SESSION_STORE=", "SESSION_IDLE=", "SESSION_DOMAIN= ", "SESSION_APP="] {
        let name = line.split('=').next().unwrap();
        assert_eq!(with(&[line]).unwrap_err(), format!("{name}: it is empty; give it a value, or unset it"));
    }
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    let builder = with(&[
        "SESSION_MANAGER=local/host",
        // Kubernetes sets these for services named `session` and `session-store`.
        "SESSION_SERVICE_HOST=10.0.0.1",
        "SESSION_SERVICE_PORT=6379",
        "SESSION_SERVICE_PORT_REDIS=6379",
        "SESSION_PORT=tcp://10.0.0.1:6379",
        "SESSION_PORT_6379_TCP_ADDR=10.0.0.1",
        "SESSION_STORE_SERVICE_HOST=10.0.0.1",
        "SESSION_STORE_PORT_6379_TCP=tcp://10.0.0.1:6379",
        "session_idle=x",
        "SESSIONS=x",
        "MY_SESSION_IDEL=x",
    ]);
    assert!(builder.is_ok());
    // A variable whose name is not text is not one of ours.
    let strange = OsString::from(OsStr::from_bytes(b"SESSION_\xff"));
    assert!(Sessions::<Shop>::builder().variables("SESSION_", [(strange, "x")]).is_ok());
    assert!(with(&["SESSION_=x"]).unwrap_err().starts_with("`SESSION_` is not a session option"));
}

// An application with several kinds of sessions can give each kind a prefix of its own, and share the other settings.
#[tokio::test]
async fn variables_under_a_second_prefix_override_those_under_the_first() {
    let variables = [
        ("SESSION_STORE", "memory:"),
        ("SESSION_KEYS", KEY),
        ("SESSION_IDLE", "10m"),
        ("ADMIN_SESSION_IDLE", "5m"),
        ("ADMIN_SESSION_COOKIE", "__Host-admin"),
    ];
    let builder = Sessions::<Shop>::builder().variables("SESSION_", variables).unwrap();
    assert!(format!("{:?}", builder.open().await.unwrap()).contains("idle: 600s"));
    let builder = Sessions::<Shop>::builder().variables("SESSION_", variables).unwrap();
    let builder = builder.variables("ADMIN_SESSION_", variables).unwrap();
    assert!(format!("{:?}", builder.open().await.unwrap()).contains("idle: 300s"));

    let error = Sessions::<Shop>::builder().variables("", variables).unwrap_err();
    assert!(error.to_string().starts_with("the prefix of variables is empty"), "{error}");
    // If no prefix gives a store, the error names the variable under the first prefix.
    let builder = Sessions::<Shop>::builder().variables("SESSION_", [("X", "x")]).unwrap();
    let error = builder.variables("ADMIN_SESSION_", [("X", "x")]).unwrap().open().await.unwrap_err();
    assert!(error.to_string().starts_with("the variable SESSION_STORE is not set"), "{error}");
}

#[tokio::test]
async fn keys_and_a_key_file_exclude_each_other() {
    let key = format!("SESSION_KEYS={KEY}");
    let said = refused(&["SESSION_STORE=memory:", &key, "SESSION_KEYS_FILE=keys"]).await;
    assert_eq!(said, "SESSION_KEYS: there is a key file as well; keep one of the two");
    let folder = tempfile::tempdir().unwrap();
    let said = refused(&["SESSION_STORE=memory:", &format!("SESSION_KEYS_FILE={}", folder.path().display())]).await;
    assert!(
        said.starts_with("SESSION_KEYS_FILE: the key file ") && said.ends_with("is a folder; name a file in it"),
        "{said}"
    );
}

#[tokio::test]
async fn the_url_of_the_store_can_be_in_a_file() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let (key, named) = (format!("SESSION_KEYS={KEY}"), format!("SESSION_STORE_FILE={}", file.display()));
    let said = refused(&[&key, &named]).await;
    assert!(said.starts_with("SESSION_STORE_FILE: there is no store file "), "{said}");
    std::fs::write(&file, "\n").unwrap();
    let said = refused(&[&key, &named]).await;
    assert!(said.ends_with("holds no text; put the URL of the store into it"), "{said}");
    // No message shows the password.
    std::fs::write(&file, "teapot://shop:velvet@db/shop\n").unwrap();
    let said = refused(&[&key, &named]).await;
    assert!(said.starts_with("SESSION_STORE_FILE: ") && !said.contains("velvet"), "{said}");
    // A mounted file may end with a line break.
    std::fs::write(&file, "memory:\n").unwrap();
    with(&[&key, &named]).unwrap().open().await.unwrap();
    let said = refused(&[&key, &named, "SESSION_STORE=memory:"]).await;
    assert_eq!(said, "SESSION_STORE: there is a store file as well; keep one of the two");
    let said = with(&[&key, &named]).unwrap().build().unwrap_err().to_string();
    assert!(said.contains("from SESSION_STORE_FILE, is not open yet"), "{said}");
    // The permissions are checked as for a key file.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    let said = refused(&[&key, &named]).await;
    assert!(said.contains("other users may write to the store file"), "{said}");
}
