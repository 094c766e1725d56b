//! A program that can't be left behind: it ends when its test does, by whatever end.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use super::wait::until;

/// The parent of the program, which starts and kills it when told so. As soon as nobody is there any more to tell it
/// anything, it kills the program and removes the folder. That nobody reads what it says must not end it before.
const WATCH: &str = r#"
trap '' PIPE
folder=$1; shift
while read -r order; do
  case $order in
    start) "$@" >>"$folder/log" 2>&1 & program=$!; echo $program ;;
    kill) kill -KILL $program; wait; program=; echo killed ;;
  esac
done
[ -z "$program" ] || kill -KILL $program
wait
rm -rf "$folder"
"#;

/// A program with a folder of its own, where its output goes to `log`.
pub(crate) struct Process {
    watch: Child,
    answers: BufReader<ChildStdout>,
    pid: Option<u32>,
}

impl Process {
    /// Watches over the folder from now on. The program does not run yet.
    pub(crate) fn new(folder: &Path, program: &Path, arguments: &[String]) -> Self {
        let mut watch = Command::new("sh")
            .args(["-c", WATCH, "watch"])
            .arg(folder)
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // What ends the test with all its group must leave it alive to clean up.
            .process_group(0)
            .spawn()
            .unwrap();
        let answers = BufReader::new(watch.stdout.take().unwrap());
        Self { watch, answers, pid: None }
    }

    pub(crate) fn start(&mut self) {
        assert!(self.pid.is_none(), "it runs already");
        self.pid = Some(self.order("start").parse().unwrap());
    }

    /// `kill -9`; it is gone when this returns. Does nothing to a program that does not run.
    pub(crate) fn kill(&mut self) {
        if self.pid.take().is_some() {
            self.order("kill");
        }
    }

    /// Sends `STOP` or `CONT`, and waits until the program has stopped or goes on.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid.expect("it runs");
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().unwrap().success());
        let stopped = signal == "STOP";
        until("a signal arrives", || (state(pid) == Some('T')).eq(&stopped).then_some(()));
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Whether it runs, and has not been stopped by a signal.
    pub(crate) fn is_up(&self) -> bool {
        self.pid.and_then(state).is_some_and(|state| !"TZX".contains(state))
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&self) -> bool {
        self.pid.is_some_and(|pid| state(pid).is_none_or(|state| "ZX".contains(state)))
    }

    fn order(&mut self, order: &str) -> String {
        writeln!(self.watch.stdin.as_ref().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }
}

impl Drop for Process {
    /// The program is gone afterwards, and its folder too.
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        let _ = self.watch.wait();
    }
}

/// Such as `S` for sleeping, `T` for stopped, `Z` for ended; None if there is no such process.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name, which is in parentheses and may contain any of these.
    stat.rsplit_once(") ")?.1.chars().next()
}
