//! A program that can't be left behind: it ends when its test does, even if the test is killed.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
};

use super::wait::until;

/// The script of the watcher, the program's parent, which starts and kills the program on command. When the watcher's standard
/// input closes, the watcher kills the program and removes the folder. The watcher ignores SIGPIPE. Otherwise a closed
/// output could end it before it has killed the program and removed the folder.
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

/// A program with a folder of its own. The file `log` in the folder has the program's output.
pub(crate) struct Process {
    watch: Child,
    answers: BufReader<ChildStdout>,
    pid: Option<u32>,
}

impl Process {
    /// Starts the watcher, which from now on owns the folder. The program does not run yet.
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
            // A signal that ends the test's process group must not end the watcher, which still has to clean up.
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

    /// Kills the program (`kill -9`), and returns when it has ended. Does nothing if the program is not running.
    pub(crate) fn kill(&mut self) {
        if self.pid.take().is_some() {
            self.order("kill");
        }
    }

    /// Sends `STOP` or `CONT`, and waits until the program has stopped or resumed.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid.expect("it runs");
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().unwrap().success());
        let stopped = signal == "STOP";
        until("a signal arrives", || (state(pid) == Some('T')).eq(&stopped).then_some(()));
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Returns whether the program is running and not stopped by a signal.
    pub(crate) fn is_up(&self) -> bool {
        self.pid.and_then(state).is_some_and(|state| !"TZX".contains(state))
    }

    /// Returns whether the program has ended by itself.
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
    /// Ends the program and removes its folder.
    fn drop(&mut self) {
        drop(self.watch.stdin.take());
        let _ = self.watch.wait();
    }
}

/// Returns the state, such as `S` for sleeping, `T` for stopped, `Z` for ended; `None` if there is no such process.
fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Skips the name, which is in parentheses and may contain any of these letters.
    stat.rsplit_once(") ")?.1.chars().next()
}
