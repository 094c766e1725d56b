//! An example as a process of its own. It prints where it listens, and is killed when its value is dropped.

use std::{
    env,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long to wait for a process. Everything here is quick, except on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running server.
pub struct Program {
    child: Child,
    url: String,
    said: Arc<Mutex<String>>,
}

impl Program {
    /// Starts the example `name` as the README does, at an address of its own.
    pub fn example(name: &str) -> Self {
        Self::example_in(name, Path::new("."), "127.0.0.1:0")
    }

    /// Starts an example whose framework is not a default feature. It is built with all features and together with a test, as the
    /// tests are built. Its dependencies then have the same features as those of the tests, so they are built only once.
    pub fn example_of_framework(name: &str) -> Self {
        Self::example_with(name, &[])
    }

    /// Starts an example that is built like [`Program::example_of_framework`], with arguments.
    pub fn example_with(name: &str, arguments: &[&str]) -> Self {
        let like_tests = ["build", "--workspace", "--all-features", "--test", "examples", "--bin", name];
        let mut command = quiet(&built(&like_tests, name, |_| ()));
        Self::start(command.args(["--addr", "127.0.0.1:0"]).args(arguments))
    }

    /// Starts an example in a folder, to listen at an address.
    pub fn example_in(name: &str, folder: &Path, address: &str) -> Self {
        let mut command = quiet(&executable(name, |_| ()));
        Self::start(command.current_dir(folder).args(["--addr", address]))
    }

    /// Runs a command from [`quiet`], and waits until the program prints where it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let said = Arc::default();
        let lines = listen(child.stdout.take().unwrap(), &said);
        listen(child.stderr.take().unwrap(), &said);
        let mut program = Self { child, url: String::new(), said };
        program.url = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line.split(' ').find(|word| word.starts_with("http://")).unwrap().to_owned(),
            Err(_) => panic!("the program did not start: {}", program.said()),
        };
        program
    }

    /// Returns the address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Returns all output so far, of both streams.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Kills the process (`kill -9`).
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the process to close, as a system that shuts down would, and does not wait.
    pub fn ask_to_close(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits until the process has closed by itself.
    pub fn closed(mut self) -> ExitStatus {
        wait(&mut self.child).unwrap_or_else(|| panic!("the program did not close: {}", self.said()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a command whose output is read.
pub(crate) fn quiet(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Builds an example, if necessary. Cargo makes sure that only one process builds at a time.
pub(crate) fn executable(name: &str, options: impl FnOnce(&mut Command)) -> PathBuf {
    built(&["build", "--package", "examples", "--bin", name], name, options)
}

fn built(arguments: &[&str], name: &str, options: impl FnOnce(&mut Command)) -> PathBuf {
    let mut build = cargo(arguments);
    build.args(["--message-format", "json-render-diagnostics"]);
    options(&mut build);
    String::from_utf8(output(&mut build))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|message| message["target"]["name"] == name && message["executable"].is_string())
        .map(|message| message["executable"].as_str().unwrap().into())
        .expect("cargo says where it is")
}

/// Returns cargo's target folder, and the folder of its intermediate files.
pub(crate) fn folders() -> [PathBuf; 2] {
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]));
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    ["target_directory", "build_directory"].map(|name| metadata[name].as_str().unwrap().into())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stderr(Stdio::piped());
    // The outer Cargo describes this test's package in variables. Some dependencies are built again whenever these variables
    // change, and so is everything that depends on them.
    let describes = |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| name.starts_with(prefix));
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(describes)) {
        cargo.env_remove(name);
    }
    cargo
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Stores what the stream prints, and sends its lines.
fn listen(stream: impl Read + Send + 'static, said: &Arc<Mutex<String>>) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    let said = Arc::clone(said);
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            said.lock().unwrap().push_str(&format!("{line}\n"));
            let _ = sender.send(line);
        }
    });
    lines
}

pub(crate) fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait().unwrap() {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)), // polls
            ended => return ended,
        }
    }
}
