//! A second process: see `store_child`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_store_child");

/// What has to come within this time, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Worker {
    child: Child,
    lines: Receiver<String>,
}

impl Worker {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            // A line without an end was cut by the kill.
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        Self { child, lines }
    }

    /// The next line it says.
    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Ends it as `kill -9` does, and returns all that it said and nobody heard.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.lines.iter().collect()
    }
}

/// What a child says that ends by itself, as it should.
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

/// A child run by a shell after `preparation`, in which `$1` is the task's folder and what is mounted disappears with
/// it; or why that cannot be done here.
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

/// Says loudly that something was not tested.
pub(crate) fn skip(test: &str, why: &str) {
    eprintln!("\n*** NOT TESTED: {test}, since {why} ***\n");
}
