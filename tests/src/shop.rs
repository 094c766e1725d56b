//! The demonstration shop as visitors meet it: a process of its own, started in a folder, stopped when dropped.

use std::{
    env,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        mpsc::{self, Receiver},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Nothing here takes long; a machine that does other things besides may.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How the shop was built.
#[derive(Clone, Copy, Debug)]
pub enum Build {
    /// By the README's command.
    AsInReadme,
    /// With the stores that need features.
    WithAll,
}

/// The shop, open.
pub struct Shop {
    child: Child,
    url: String,
    said: Arc<Mutex<String>>,
}

impl Shop {
    /// Opens the shop in `folder`, at an address of its own.
    pub fn open(folder: &Path) -> Self {
        Self::with(folder, &[], &[])
    }

    /// The same with options and environment variables.
    pub fn with(folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::built(Build::AsInReadme, folder, options, environment)
    }

    /// The same on a server, or in a file that takes a feature, at this URL.
    pub fn on(folder: &Path, url: &str, environment: &[(&str, &str)]) -> Self {
        Self::built(Build::WithAll, folder, &["--store", url], environment)
    }

    fn built(build: Build, folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = build.command(folder, environment);
        let given = options.contains(&"--addr");
        let addr: &[&str] = if given { &[] } else { &["--addr", "127.0.0.1:0"] };
        let mut child = command.args(addr).args(options).spawn().unwrap();
        let said = Arc::default();
        let lines = listen(child.stdout.take().unwrap(), &said);
        listen(child.stderr.take().unwrap(), &said);
        let mut shop = Self { child, url: String::new(), said };
        shop.url = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line.split(' ').find(|word| word.starts_with("http://")).unwrap().to_owned(),
            Err(_) => panic!("the shop did not open: {}", shop.said()),
        };
        shop
    }

    /// Such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// What it has printed so far, to either stream.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to close, as a system that shuts down would, and does not wait.
    pub fn ask_to_close(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Waits until it has closed by itself.
    pub fn closed(mut self) -> ExitStatus {
        wait(&mut self.child).unwrap_or_else(|| panic!("the shop did not close: {}", self.said()))
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a shop that cannot open says, and its exit code.
pub fn refuses(folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    Build::AsInReadme.refuses(folder, options, environment)
}

impl Build {
    /// As [`refuses`].
    pub fn refuses(self, folder: &Path, options: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
        let mut child = self.command(folder, environment).args(options).spawn().unwrap();
        let Some(status) = wait(&mut child) else {
            child.kill().unwrap();
            panic!("the shop opened with {options:?} {environment:?}");
        };
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.code().unwrap(), said)
    }

    fn command(self, folder: &Path, environment: &[(&str, &str)]) -> Command {
        let mut command = Command::new(self.binary());
        command.current_dir(folder).env_remove("SESSION_KEYS").envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Builds the shop, if that is not done yet. Cargo sees to it that only one process does.
    fn binary(self) -> &'static Path {
        static BINARIES: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
        BINARIES[self as usize].get_or_init(|| {
            let mut build = cargo(&["build", "--package", "examples", "--bin", "shop"]);
            build.args(["--message-format", "json-render-diagnostics"]);
            if let Self::WithAll = self {
                // Built beside the other one, and of the same parts, but put where nobody builds another one.
                let [target, parts] = folders();
                build.args(["--features", "redis-tls,sqlite,postgres,mysql"]);
                build.arg("--target-dir").arg(target.join("shop-with-all")).env("CARGO_BUILD_BUILD_DIR", parts);
            }
            String::from_utf8(output(&mut build))
                .unwrap()
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap())
                .find(|message| message["target"]["name"] == "shop" && message["executable"].is_string())
                .map(|message| message["executable"].as_str().unwrap().into())
                .expect("cargo says where the shop is")
        })
    }
}

/// Where programs are built, and their parts.
fn folders() -> [PathBuf; 2] {
    let metadata = output(&mut cargo(&["metadata", "--no-deps", "--format-version", "1"]));
    let metadata: Value = serde_json::from_slice(&metadata).unwrap();
    ["target_directory", "build_directory"].map(|name| metadata[name].as_str().unwrap().into())
}

fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(arguments).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).stderr(Stdio::piped());
    cargo
}

fn output(command: &mut Command) -> Vec<u8> {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Keeps what the stream says, and sends its lines.
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

fn wait(child: &mut Child) -> Option<ExitStatus> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait().unwrap() {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)), // between two looks
            ended => return ended,
        }
    }
}
