//! PostgreSQL and MariaDB servers of a test's own, on a free port of 127.0.0.1, in a temporary folder, with their default
//! contents. A server ends when its value is dropped, and at the latest with the test's process.
//!
//! Starting one takes seconds, so the tests of a binary share one of each kind ([`shared`]) and use different table names
//! ([`table`]). Tests that damage a server start their own. All of this blocks the calling thread.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, id},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    require,
    servers::{
        ports::{self, Port},
        process::Process,
        tls::Certificates,
        wait::until,
    },
};

/// A kind of database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Version 15 on Debian 12.
    Postgres,
    /// Version 10.11 on Debian 12.
    MariaDb,
}

impl Engine {
    pub const ALL: [Self; 2] = [Self::Postgres, Self::MariaDb];

    /// Returns the paths of the server, of the program that creates its data folder, and of a client. Reports a missing program
    /// and returns `None`.
    fn programs(self) -> Option<[PathBuf; 3]> {
        let names = match self {
            Self::Postgres => ["postgres", "initdb", "psql"],
            Self::MariaDb => ["mariadbd", "mariadb-install-db", "mariadb"],
        };
        let mut programs = names.map(require::program).into_iter();
        Some([programs.next()??, programs.next()??, programs.next()??])
    }

    /// Returns the user that runs the server when the tests run as root, since neither server agrees to run as root.
    fn user(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MariaDb => "mysql",
        }
    }
}

/// A server of a test's own. It ends when this value is dropped.
///
/// ```no_run
/// use tests::databases::{DatabaseServer, Engine};
///
/// let Some(server) = DatabaseServer::start(Engine::Postgres) else { return };
/// assert_eq!(server.ask("SELECT 1"), "1");
/// ```
pub struct DatabaseServer {
    engine: Engine,
    folder: PathBuf,
    port: Port,
    client: PathBuf,
    process: Mutex<Process>,
}

impl DatabaseServer {
    /// Starts a server and waits until it answers. Reports a missing program and returns `None`.
    pub fn start(engine: Engine) -> Option<Self> {
        let [server, install, client] = engine.programs()?;
        for port in ports::free() {
            // A server that fails to get its port removes its folder, so each attempt gets a new one.
            let folder = Self::install(engine, &install);
            let data = folder.join("data").display().to_string();
            let arguments = Self::command(engine, &server, &folder, &data, port.number);
            let process = Process::new(&folder, Path::new(&arguments[0]), &arguments[1..]);
            let server = Self { engine, folder, port, client: client.clone(), process: Mutex::new(process) };
            server.process().start();
            if server.answers() {
                return Some(server);
            }
        }
        panic!("every port is taken");
    }

    /// Creates a folder for a server, with `data` in it.
    fn install(engine: Engine, install: &Path) -> PathBuf {
        let folder = tempfile::Builder::new().prefix("database-").tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        // The server's user needs access to the folder.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if is_root() {
            run(Command::new("chown").arg(engine.user()).arg(folder.path()).arg(&data));
        }
        let data = data.display().to_string();
        let install = install.display().to_string();
        let mut command = as_user(
            engine,
            &match engine {
                Engine::Postgres => vec![install, "-D".into(), data.clone(), "-A".into(), "trust".into()]
                    .into_iter()
                    .chain(["-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"].map(str::to_owned))
                    .collect(),
                Engine::MariaDb => vec![
                    install,
                    "--no-defaults".into(),
                    format!("--datadir={data}"),
                    "--auth-root-authentication-method=normal".into(),
                ],
            },
        );
        // A MariaDB server that starts removes the temporary tables of all servers that share its temporary folder.
        run(command.env("TMPDIR", folder.path()));
        // From here on, the process removes the folder.
        folder.keep()
    }

    fn command(engine: Engine, server: &Path, folder: &Path, data: &str, port: u16) -> Vec<String> {
        let (server, folder) = (server.display().to_string(), folder.display().to_string());
        match engine {
            Engine::Postgres => prefixed(engine)
                .into_iter()
                .chain([server, "-D".into(), data.into(), "-p".into(), port.to_string(), "-k".into(), folder])
                .chain(
                    ["listen_addresses=127.0.0.1", "max_connections=400", "fsync=off", "full_page_writes=off"]
                        .into_iter()
                        .flat_map(|option| ["-c".to_owned(), option.to_owned()]),
                )
                .collect(),
            Engine::MariaDb => prefixed(engine)
                .into_iter()
                .chain([
                    server,
                    "--no-defaults".into(),
                    format!("--datadir={data}"),
                    format!("--port={port}"),
                    format!("--tmpdir={folder}"),
                    format!("--socket={folder}/mariadb.sock"),
                    "--bind-address=127.0.0.1".into(),
                    "--max-connections=400".into(),
                    "--innodb-flush-log-at-trx-commit=2".into(),
                    "--skip-log-bin".into(),
                ])
                .collect(),
        }
    }

    /// Waits until the server answers. Returns false if another program uses the server's port.
    fn answers(&self) -> bool {
        until("a database server answers", || {
            if self.process().has_ended() {
                let log = self.log();
                assert!(log.contains("in use"), "the server has ended: {log}");
                return Some(false);
            }
            self.try_ask("SELECT 1").is_ok().then_some(true)
        })
    }

    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Returns the URL with user and database.
    pub fn url(&self) -> String {
        let port = self.port.number;
        match self.engine {
            Engine::Postgres => format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            Engine::MariaDb => format!("mysql://root@127.0.0.1:{port}/test"),
        }
    }

    /// Returns the URL of a proxy in front of the server. The proxy listens on this port.
    pub fn url_at(&self, port: u16) -> String {
        self.url().replace(&format!(":{}/", self.port.number), &format!(":{port}/"))
    }

    pub fn addr(&self) -> std::net::SocketAddr {
        (std::net::Ipv4Addr::LOCALHOST, self.port.number).into()
    }

    /// Turns on TLS in PostgreSQL, and returns the path of the certificate authority's certificate. Reports a missing `openssl`
    /// and returns `None`.
    pub fn encrypt(&self) -> Option<PathBuf> {
        let data = self.folder.join("data");
        let files = Certificates::make()?.write(&data);
        let mut mode = fs::metadata(&files.key).unwrap().permissions();
        mode.set_mode(0o600);
        fs::set_permissions(&files.key, mode).unwrap();
        if is_root() {
            run(Command::new("chown").arg(self.engine.user()).args([&files.key, &files.certificate]));
        }
        self.ask("ALTER SYSTEM SET ssl = on");
        self.ask("SELECT pg_reload_conf()");
        until("the server speaks TLS", || (self.ask("SHOW ssl") == "on").then_some(()));
        Some(files.authority)
    }

    /// Returns the server's folder, which also holds its socket.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the server's output so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Executes a statement in a new client, and returns its output: a line for each row.
    pub fn ask(&self, sql: &str) -> String {
        self.try_ask(sql).unwrap_or_else(|said| panic!("{sql}: {said}"))
    }

    fn try_ask(&self, sql: &str) -> Result<String, String> {
        let mut client = Command::new(&self.client);
        match self.engine {
            Engine::Postgres => client
                .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-c", sql])
                .args(["-p", &self.port.number.to_string(), "-h"])
                .arg(&self.folder),
            Engine::MariaDb => client
                .args([
                    "--no-defaults",
                    "--batch",
                    "--skip-column-names",
                    "--user=root",
                    "--database=test",
                    "--execute",
                    sql,
                ])
                .arg(format!("--socket={}", self.folder.join("mariadb.sock").display())),
        };
        let done = client.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    /// Kills the server (`kill -9`): connections break, and the port is closed. [`Self::restart`] recovers what was committed.
    pub fn kill(&self) {
        self.process().kill();
    }

    /// Starts the server again on the same port; kills it first if it is running.
    pub fn restart(&self) {
        self.kill();
        until("a database server is back", || {
            self.process().start();
            // A new server ends if the killed one has not released its port and files yet. It is then started again.
            let back = until("a database server answers", || {
                if self.process().has_ended() {
                    return Some(false);
                }
                self.try_ask("SELECT 1").is_ok().then_some(true)
            });
            if !back {
                self.kill();
            }
            back.then_some(())
        });
    }

    /// Stops all of the server's processes (`kill -STOP`): connections stay open, and nothing is answered until [`Self::thaw`].
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Resumes the server (`kill -CONT`), which now executes what it was sent in the meantime.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Returns the processor time that the server has taken so far, in seconds. The time of connections that have ended is not
    /// included.
    pub fn processor_time(&self) -> f64 {
        let pid = self.process().pid().expect("it runs").to_string();
        self.children().iter().chain([&pid]).map(|pid| processor_time(pid)).sum()
    }

    fn signal(&self, signal: &str) {
        self.process().signal(signal);
        for child in self.children() {
            let _ = Command::new("kill").args([&format!("-{signal}"), &child]).status();
        }
    }

    /// Returns the ids of the server's child processes. PostgreSQL has one for each connection.
    fn children(&self) -> Vec<String> {
        let pid = self.process().pid().expect("it runs");
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        children.split_whitespace().map(str::to_owned).collect()
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the server of this kind that all tests of a binary share: do not change it, and use a [`table`] of your own. Reports a
/// missing program and returns `None`.
pub fn shared(engine: Engine) -> Option<&'static DatabaseServer> {
    static SERVERS: [OnceLock<Option<DatabaseServer>>; Engine::ALL.len()] =
        [const { OnceLock::new() }; Engine::ALL.len()];
    engine.programs()?;
    SERVERS[engine as usize].get_or_init(|| DatabaseServer::start(engine)).as_ref()
}

/// Returns a name for the table of one test, different at each call.
pub fn table() -> String {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    format!("test_{}_{}", id(), CALLS.fetch_add(1, Ordering::Relaxed))
}

/// Returns the processor time of a process, or of `self`, in seconds.
pub fn processor_time(pid: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Skips the name, which is in parentheses. Fields 14 and 15 of the line count ticks of a hundredth of a second.
    let ticks = stat.rsplit_once(") ").map_or(String::new(), |(_, rest)| rest.to_owned());
    ticks.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

/// Returns the words to put before a command so that it runs as the server's user. There are none unless the test runs as root.
pub(crate) fn prefixed(engine: Engine) -> Vec<String> {
    if !is_root() {
        return Vec::new();
    }
    let user = engine.user();
    let setpriv = require::program("setpriv").expect("a part of util-linux").display().to_string();
    vec![setpriv, format!("--reuid={user}"), format!("--regid={user}"), "--clear-groups".into()]
}

fn as_user(engine: Engine, arguments: &[String]) -> Command {
    let all: Vec<_> = prefixed(engine).into_iter().chain(arguments.iter().cloned()).collect();
    let mut command = Command::new(&all[0]);
    // The server's user might have no access to the folder in which the test runs.
    command.args(&all[1..]).current_dir("/");
    command
}

fn run(command: &mut Command) {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}
