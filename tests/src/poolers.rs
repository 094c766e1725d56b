//! A PgBouncer of a test's own in front of PostgreSQL, on a free port of 127.0.0.1, in a temporary folder. It ends when its value
//! is dropped, and at the latest with the test's process. All of this blocks the calling thread.

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use crate::{
    databases::{DatabaseServer, Engine, prefixed},
    require,
    servers::{
        ports::{self, Port},
        process::Process,
        wait::until,
    },
};

/// A PgBouncer in transaction mode: between two transactions, a client may move to another server connection.
///
/// ```no_run
/// use tests::{databases::{Engine, shared}, poolers::{PgBouncer, SQLX}};
///
/// let Some(server) = shared(Engine::Postgres) else { return };
/// let Some(pooler) = PgBouncer::start(server, SQLX) else { return };
/// let url = format!("{}?statement-cache-capacity=0", pooler.url());
/// ```
pub struct PgBouncer {
    port: Port,
    _process: Process,
}

/// The configuration line that every client with `sqlx` needs.
pub const SQLX: &str = "ignore_startup_parameters = extra_float_digits";

impl PgBouncer {
    /// Starts a PgBouncer with this line in its configuration, and waits until it listens. Reports a missing program and returns
    /// `None`.
    pub fn start(server: &DatabaseServer, line: &str) -> Option<Self> {
        assert_eq!(server.engine(), Engine::Postgres);
        let program = require::program("pgbouncer")?;
        for port in ports::free() {
            let folder = tempfile::Builder::new().prefix("pgbouncer-").tempdir().unwrap();
            // When the test runs as root, PgBouncer runs as another user.
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            let folder = folder.keep();
            let configuration = folder.join("pgbouncer.ini");
            fs::write(&configuration, Self::configuration(server, port.number, line)).unwrap();
            let arguments: Vec<_> = prefixed(Engine::Postgres)
                .into_iter()
                .chain([program.display().to_string(), configuration.display().to_string()])
                .collect();
            let mut process = Process::new(&folder, Path::new(&arguments[0]), &arguments[1..]);
            process.start();
            let listens = until("PgBouncer listens", || {
                if process.has_ended() {
                    let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                    assert!(log.contains("in use"), "PgBouncer has ended: {log}");
                    return Some(false);
                }
                TcpStream::connect((Ipv4Addr::LOCALHOST, port.number)).is_ok().then_some(true)
            });
            if listens {
                return Some(Self { port, _process: process });
            }
        }
        panic!("every port is taken");
    }

    /// Returns a configuration with few server connections, which are used in turn, so that clients change connections often.
    fn configuration(server: &DatabaseServer, port: u16, line: &str) -> String {
        format!(
            "[databases]\npostgres = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n\
             server_round_robin = 1\n{line}\n",
            server.addr().port()
        )
    }

    /// Returns the URL with user and database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port.number)
    }
}
