//! One server: its start, its addresses, and commands that a test sends behind the store's back.

use std::{
    fs,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use redis::{FromRedisValue, Parser, RedisResult, cmd, from_redis_value};

use super::{
    Kind, Options, Proxy,
    options::socket,
    ports::{self, Port},
    process::Process,
    tls::Files,
    wait::until,
};

/// A server of a test's own. It ends when this value is dropped.
///
/// ```no_run
/// use tests::servers::{Kind, Options, RedisServer};
///
/// let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return Ok(()) };
/// let pong: String = server.ask(&["PING"])?;
/// # Ok::<(), redis::RedisError>(())
/// ```
pub struct RedisServer {
    kind: Kind,
    options: Options,
    folder: PathBuf,
    port: Port,
    tls: Option<Files>,
    process: Mutex<Process>,
}

impl RedisServer {
    /// Starts a server and waits until it answers. Reports a missing program and returns `None`.
    pub fn start(kind: Kind, options: Options) -> Option<Self> {
        let program = kind.program()?;
        for port in ports::free() {
            let server = Self::new(kind, options.clone(), &program, port);
            server.process().start();
            if server.answers() {
                return Some(server);
            }
        }
        panic!("every port is taken");
    }

    fn new(kind: Kind, options: Options, program: &Path, port: Port) -> Self {
        assert!(options.tls.is_none() || kind == Kind::Redis, "only the system's Redis is built with TLS");
        let folder = tempfile::Builder::new().prefix("redis-").tempdir().unwrap();
        // From here on, the process removes the folder, even if nothing is dropped.
        let folder = folder.keep();
        let tls = options.tls.as_ref().map(|tls| tls.write(&folder));
        let configuration = folder.join("redis.conf");
        fs::write(&configuration, options.file(&folder, port.number, tls.as_ref())).unwrap();
        let mut arguments = vec![configuration.display().to_string()];
        arguments.extend(options.arguments.clone());
        let process = Mutex::new(Process::new(&folder, program, &arguments));
        Self { kind, options, folder, port, tls, process }
    }

    /// Waits until the server answers. Returns false if another program uses the server's port.
    pub(super) fn answers(&self) -> bool {
        until("a server answers", || {
            if self.process().has_ended() {
                let log = self.log();
                assert!(log.contains("in use"), "the server has ended: {log}");
                return Some(false);
            }
            self.ask::<String>(&["PING"]).is_ok_and(|answer| answer == "PONG").then_some(true)
        })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the address on which the server listens, with TLS if its [`Options`] say so.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port.number).into()
    }

    pub fn port(&self) -> u16 {
        self.port.number
    }

    /// Returns the URL with user and password, and with `rediss` for TLS: `redis://ada:secret@127.0.0.1:12345`.
    pub fn url(&self) -> String {
        self.url_at(self.addr())
    }

    /// Returns the URL of one of the databases 0 to 15.
    pub fn url_with_db(&self, database: u8) -> String {
        format!("{}/{database}", self.url())
    }

    /// Returns the URL of a proxy in front of the server. TLS works too, since the host stays 127.0.0.1.
    pub fn url_through(&self, proxy: &Proxy) -> String {
        self.url_at(proxy.addr())
    }

    /// Returns the URL of the Unix socket, which never speaks TLS.
    pub fn unix_url(&self) -> String {
        format!("redis+unix://{}{}", socket(&self.folder), self.options.query())
    }

    /// Returns the path of the certificate authority's certificate, in PEM.
    ///
    /// # Panics
    /// Panics if the server has no TLS.
    pub fn authority(&self) -> &Path {
        &self.tls.as_ref().expect("a server with TLS").authority
    }

    /// Returns the process id; `None` after the server was killed.
    pub fn pid(&self) -> Option<u32> {
        self.process().pid()
    }

    /// Returns whether the server can answer: it was neither killed nor frozen.
    pub fn is_up(&self) -> bool {
        self.process().is_up()
    }

    /// Returns the server's folder, which is removed with the server.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the server's output so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Executes one command over a new connection to the Unix socket, which no proxy sees. It is an error if the answer takes
    /// longer than ten seconds.
    pub fn ask<T: FromRedisValue>(&self, command: &[&str]) -> RedisResult<T> {
        let mut stream = UnixStream::connect(socket(&self.folder))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut answer = |command: &[&str]| {
            let mut request = cmd(command[0]);
            request.arg(&command[1..]);
            stream.write_all(&request.get_packed_command())?;
            Parser::new().parse_value(&mut stream)?.extract_error()
        };
        if let Some(authentication) = self.options.authentication() {
            answer(&authentication)?;
        }
        Ok(from_redis_value(answer(command)?)?)
    }

    /// Executes a command that can't fail.
    pub(super) fn tell(&self, command: &[&str]) {
        self.ask::<redis::Value>(command).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    }

    pub(super) fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url_at(&self, addr: SocketAddr) -> String {
        format!("{}://{}{addr}", self.options.scheme(""), self.options.user_info())
    }
}
