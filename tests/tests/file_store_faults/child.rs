//! Starts a second process, `file_child`.

use std::process::{Command, Stdio};

use tests::worker::Worker;

const PROGRAM: &str = env!("CARGO_BIN_EXE_file_child");

pub(crate) fn start(arguments: &[&str]) -> Worker {
    Worker::start(&mut command(arguments))
}

/// Returns the output of a child that ends by itself without an error.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}: {said}{wrong}", output.status);
    said.trim().to_owned()
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments);
    command
}

/// Returns a command that runs `preparation` in a shell, and then the child. In `preparation`, `$folder` is the second of
/// `arguments`, the folder that the child uses. Both run in a mount namespace of their own, so the mounts disappear with the
/// child. If that is impossible, the error says why.
pub(crate) fn behind_mounts(preparation: &str, arguments: &[&str]) -> Result<Command, String> {
    let ways: [&[&str]; 2] = [&["-m"], &["-rm"]];
    let script = format!("folder=$3; {preparation} && exec \"$@\"");
    for way in ways {
        let attempt = Command::new("unshare")
            .args(way)
            .args(["sh", "-c", "mount -t tmpfs tmpfs /tmp"])
            .stderr(Stdio::null())
            .status();
        if attempt.is_ok_and(|status| status.success()) {
            let mut command = Command::new("unshare");
            command.args(way).args(["sh", "-c", &script, "sh", PROGRAM]).args(arguments);
            return Ok(command);
        }
    }
    Err("this user may not mount anything, not even in a namespace of its own".into())
}

/// Prints that something was not tested.
pub(crate) fn skip(test: &str, why: &str) {
    eprintln!("\n*** NOT TESTED: {test}, since {why} ***\n");
}
