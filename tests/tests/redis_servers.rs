//! Tests the helpers that start servers for the tests of the Redis store, with each kind of server. No server is left
//! running.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{BufRead as _, BufReader, ErrorKind},
    net::TcpStream,
    panic,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use redis::{Client, Connection, RedisResult, Value};
use tests::{
    require,
    servers::{Cluster, Kind, Options, PATIENCE, Proxy, RedisServer, Sentinels, prefix, shared, shared_cluster},
};

/// Runs a test with each kind of server.
macro_rules! with_every_kind {
    ($($(#[$meta:meta])* fn $name:ident($kind:ident) $body:block)*) => {$(
        $(#[$meta])*
        mod $name {
            use super::*;

            fn test($kind: Kind) -> Option<()> $body

            #[test]
            fn redis_6() {
                test(Kind::Redis6);
            }

            #[test]
            fn redis() {
                test(Kind::Redis);
            }

            #[test]
            fn redis_8() {
                test(Kind::Redis8);
            }

            #[test]
            fn valkey() {
                test(Kind::Valkey);
            }
        }
    )*};
}

/// Opens a connection as a store would, with a long timeout for answers.
fn connect(url: &str) -> RedisResult<Connection> {
    let connection = Client::open(url)?.get_connection_with_timeout(PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
}

fn run(connection: &mut Connection, command: &str) -> RedisResult<Value> {
    let mut words = command.split(' ');
    let mut command = redis::cmd(words.next().unwrap());
    words.for_each(|word| {
        command.arg(word);
    });
    command.query(connection)
}

fn code(answer: RedisResult<Value>) -> String {
    answer.unwrap_err().code().unwrap_or_default().to_owned()
}

fn text(value: &str) -> RedisResult<Value> {
    Ok(Value::BulkString(value.into()))
}

fn is_running(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Polls until the condition holds.
fn until(mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "the condition did not hold in time");
        thread::sleep(Duration::from_millis(5)); // polls
    }
}

with_every_kind! {
    fn a_server_answers_and_a_restart_empties_it(kind) {
        let server = RedisServer::start(kind, Options::default())?;
        let mut connection = connect(&server.url()).unwrap();
        run(&mut connection, "SET key value").unwrap();
        assert_eq!(run(&mut connect(&server.unix_url()).unwrap(), "GET key"), text("value"));
        assert_eq!(run(&mut connect(&server.url_with_db(3)).unwrap(), "GET key"), Ok(Value::Nil));
        let swapped = run(&mut connection, "SET key value IFEQ value");
        assert_eq!(swapped.is_ok(), kind.has_ifeq(), "{swapped:?}");

        let (pid, addr) = (server.pid().unwrap(), server.addr());
        server.kill();
        assert!(!is_running(pid) && !server.is_up() && server.pid().is_none());
        assert!(run(&mut connection, "PING").is_err());
        assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);

        server.restart();
        assert_eq!(server.addr(), addr);
        assert_eq!(run(&mut connect(&server.url()).unwrap(), "GET key"), Ok(Value::Nil));
        Some(())
    }

    fn a_frozen_server_is_silent_and_catches_up_when_thawed(kind) {
        let server = RedisServer::start(kind, Options::default())?;
        let mut connection = connect(&server.url()).unwrap();
        connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        server.freeze();
        assert!(!server.is_up());
        assert!(run(&mut connection, "INCR count").unwrap_err().is_timeout());
        server.thaw();
        assert!(server.is_up());
        until(|| server.ask::<Option<u32>>(&["GET", "count"]).unwrap() == Some(1));
        Some(())
    }

    fn a_paused_server_answers_later(kind) {
        let server = RedisServer::start(kind, Options::default())?;
        let mut connection = connect(&server.url()).unwrap();
        let from = Instant::now();
        server.pause(Duration::from_millis(200));
        run(&mut connection, "PING").unwrap();
        // The resolution of the server's clock is coarse, so the pause may be shorter than 200 milliseconds.
        assert!(from.elapsed() >= Duration::from_millis(150));
        Some(())
    }

    fn a_full_server_refuses_writes(kind) {
        let server = RedisServer::start(kind, Options::default())?;
        let mut connection = connect(&server.url()).unwrap();
        run(&mut connection, "HSET key field value").unwrap();
        server.fill();
        assert_eq!(code(run(&mut connection, "HSET key field other")), "OOM");
        assert_eq!(run(&mut connection, "HGET key field"), text("value"));
        server.make_room();
        assert_eq!(run(&mut connection, "DEL key"), Ok(Value::Int(1)));
        assert_eq!(run(&mut connection, "HSET key field other"), Ok(Value::Int(1)));
        Some(())
    }

    fn a_demoted_server_refuses_writes(kind) {
        let server = RedisServer::start(kind, Options::default())?;
        let mut connection = connect(&server.url()).unwrap();
        run(&mut connection, "SET key value").unwrap();
        server.read_only();
        assert_eq!(code(run(&mut connection, "SET key other")), "READONLY");
        assert_eq!(run(&mut connection, "GET key"), text("value"));
        server.writable();
        assert_eq!(run(&mut connection, "SET key other"), Ok(Value::Okay));
        Some(())
    }

    fn a_server_refuses_clients_without_its_password(kind) {
        for options in [Options::default().password("p@ss \"word\""), Options::default().user("ada", "?&/:\\")] {
            let server = RedisServer::start(kind, options)?;
            for url in [server.url(), server.url_with_db(2), server.unix_url()] {
                assert_eq!(run(&mut connect(&url).unwrap(), "SET key value"), Ok(Value::Okay), "{url}");
            }
            let stranger = format!("redis://{}", server.addr());
            assert_eq!(code(run(&mut connect(&stranger).unwrap(), "GET key")), "NOAUTH");
            let wrong = format!("redis://ada:guess@{}", server.addr());
            assert!(connect(&wrong).is_err());
        }
        Some(())
    }

    fn a_server_counts_commands(kind) {
        let server = RedisServer::start(kind, Options::default())?;
        let mut connection = connect(&server.url()).unwrap();
        server.reset_command_stats();
        assert_eq!(server.command_stats().all().len(), 0);
        run(&mut connection, "HSET key field value").unwrap();
        run(&mut connection, "HGETALL key").unwrap();
        run(&mut connection, "HGETALL other").unwrap();
        let stats = server.command_stats();
        assert_eq!((stats.calls("hset"), stats.calls("hgetall"), stats.calls("hget"), stats.all().len()), (1, 2, 0, 2));
        Some(())
    }

    fn tests_share_a_server_under_different_prefixes(kind) {
        let (server, same) = (shared(kind)?, shared(kind)?);
        assert_eq!(server.url(), same.url());
        let (key, other) = (format!("{}key", prefix()), format!("{}key", prefix()));
        server.ask::<String>(&["SET", &key, "value"]).unwrap();
        assert_eq!(same.ask::<Option<String>>(&["GET", &key]), Ok(Some("value".into())));
        assert_eq!(same.ask::<Option<String>>(&["GET", &other]), Ok(None));
        Some(())
    }

    fn a_cluster_survives_the_loss_of_a_primary(kind) {
        let cluster = Cluster::start(kind)?;
        let keys = ["a", "b", "c", "d", "e", "f"];
        for key in keys {
            let primary = cluster.primary_of(key);
            primary.ask::<String>(&["SET", key, key]).unwrap();
        }
        copied(cluster.nodes(), 2 * keys.len());
        let other = keys.iter().find(|key| cluster.primary_of(key).port() != cluster.primary_of("a").port()).unwrap();
        assert_eq!(code(cluster.primary_of("a").ask(&["GET", other])), "MOVED");

        let killed = cluster.kill_primary_of("a");
        assert!(!killed.is_up());
        cluster.wait_failed_over();
        assert_ne!(cluster.primary_of("a").port(), killed.port());
        for key in keys {
            assert_eq!(cluster.primary_of(key).ask::<String>(&["GET", key]), Ok(key.into()));
        }
        cluster.heal();
        assert_eq!(killed.info("replication", "role").as_deref(), Some("slave"));
        Some(())
    }

    fn sentinels_replace_a_primary(kind) {
        let sentinels = Sentinels::start(kind)?;
        let first = sentinels.primary();
        first.ask::<String>(&["SET", "key", "value"]).unwrap();
        copied(sentinels.servers(), 2);
        let killed = sentinels.kill_primary();
        assert_eq!(killed.port(), first.port());
        sentinels.wait_failed_over();
        let second = sentinels.primary();
        assert_ne!(second.port(), first.port());
        assert_eq!(second.ask::<String>(&["GET", "key"]), Ok("value".into()));
        assert_eq!(second.ask::<String>(&["SET", "key", "other"]), Ok("OK".into()));
        Some(())
    }
}

/// Waits until these servers together hold this many keys. `WAIT` covers only the connection that wrote.
fn copied(servers: &[RedisServer], keys: usize) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while servers.iter().map(|server| server.ask::<usize>(&["DBSIZE"]).unwrap()).sum::<usize>() < keys {
        assert!(std::time::Instant::now() < deadline, "the replicas do not have all keys");
        std::thread::yield_now();
    }
}

#[test]
fn sentinels_fail_over_when_asked() {
    let Some(sentinels) = Sentinels::start(Kind::Redis) else { return };
    let first = sentinels.primary();
    sentinels.failover();
    let second = sentinels.primary();
    assert_ne!(second.port(), first.port());
    assert_eq!(second.ask::<String>(&["SET", "key", "value"]), Ok("OK".into()));
    sentinels.heal();
    assert_eq!(first.ask::<Option<String>>(&["GET", "key"]), Ok(Some("value".into())));
    assert_eq!(sentinels.primary().port(), second.port());
    assert_eq!(sentinels.url().matches("127.0.0.1").count(), 3);
}

#[test]
fn a_cluster_can_be_shared() {
    let (Some(cluster), Some(same)) = (shared_cluster(Kind::Redis), shared_cluster(Kind::Redis)) else { return };
    assert_eq!(cluster.url(), same.url());
    assert_eq!(cluster.url().matches("127.0.0.1").count(), cluster.nodes().len());
}

#[test]
fn a_server_with_tls_refuses_plain_connections() {
    let Some(options) = Options::default().password("secret").tls() else { return };
    let Some(server) = RedisServer::start(Kind::Redis, options) else { return };
    let Some(program) = require::program("redis-cli") else { return };
    assert_eq!(server.url(), format!("rediss://:secret@{}", server.addr()));
    let ping = |trust: &[&str]| {
        let port = server.port().to_string();
        let mut command = Command::new(&program);
        command.args(["-p", &port, "-a", "secret"]).args(trust).arg("PING").env_remove("REDISCLI_AUTH");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let authority = server.authority().to_str().unwrap();
    assert_eq!(ping(&["--tls", "--cacert", authority]), "PONG\n");
    assert_eq!(ping(&["--tls"]), "", "without the authority, the client does not trust the server");
    assert_eq!(ping(&[]), "", "the server refuses a plain connection");
    assert_eq!(server.ask::<String>(&["PING"]), Ok("PONG".into()));
}

#[test]
fn a_proxy_counts_round_trips() {
    let Some(server) = shared(Kind::Redis) else { return };
    let proxy = Proxy::start(server.addr());
    let mut connection = connect(&server.url_through(&proxy)).unwrap();
    let greeting = proxy.round_trips();
    assert_eq!((run(&mut connection, "PING").is_ok(), proxy.round_trips() - greeting), (true, 1));
    let mut pipeline = redis::pipe();
    (0..100).for_each(|_| {
        pipeline.cmd("PING");
    });
    pipeline.exec(&mut connection).unwrap();
    assert_eq!((proxy.round_trips() - greeting, proxy.connections()), (2, 1));
}

#[test]
fn a_proxy_can_lose_requests_and_answers() {
    let Some(server) = shared(Kind::Redis) else { return };
    let proxy = Proxy::start(server.addr());
    let url = server.url_through(&proxy);
    let key = format!("{}count", prefix());
    let increment = |connection: &mut Connection| run(connection, &format!("INCR {key}"));
    let count = || server.ask::<Option<u32>>(&["GET", &key]).unwrap();

    let mut connection = connect(&url).unwrap();
    proxy.swallow_next_request();
    assert!(increment(&mut connection).unwrap_err().is_connection_dropped());
    assert_eq!((count(), proxy.swallowed()), (None, 1));

    let mut connection = connect(&url).unwrap();
    proxy.swallow_next_answer();
    assert!(increment(&mut connection).unwrap_err().is_connection_dropped());
    assert_eq!((count(), proxy.swallowed()), (Some(1), 2));

    let mut connection = connect(&url).unwrap();
    assert_eq!(increment(&mut connection), Ok(Value::Int(2)));
    proxy.cut();
    assert!(increment(&mut connection).is_err());
    assert_eq!((count(), proxy.connections()), (Some(2), 3));
}

#[test]
fn a_proxy_can_refuse_delay_and_redirect() {
    let Some(server) = shared(Kind::Redis) else { return };
    let proxy = Proxy::start(server.addr());
    let url = server.url_through(&proxy);
    let mut connection = connect(&url).unwrap();
    proxy.refuse();
    assert!(run(&mut connection, "PING").is_err() && connect(&url).is_err());
    proxy.accept();
    let mut connection = connect(&url).unwrap();
    proxy.delay(Duration::from_millis(100));
    let from = Instant::now();
    run(&mut connection, "PING").unwrap();
    assert!(from.elapsed() >= Duration::from_millis(100));
    proxy.delay(Duration::ZERO);
    let Some(other) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    proxy.lead_to(other.addr());
    let port = |connection: &mut Connection| redis::cmd("CONFIG").arg("GET").arg("port").query(connection).unwrap();
    let ports: [Vec<String>; 2] = [port(&mut connection), port(&mut connect(&url).unwrap())];
    assert_eq!(ports.map(|port| port[1].clone()), [server.port(), other.port()].map(|port| port.to_string()));
    let addr = proxy.addr();
    drop(proxy);
    until(|| TcpStream::connect(addr).is_err());
}

#[test]
fn nothing_is_left_when_a_test_panics() {
    let Some(server) = RedisServer::start(Kind::Redis, Options::default()) else { return };
    let (pid, folder) = (server.pid().unwrap(), server.folder().to_owned());
    assert!(is_running(pid) && folder.exists());
    let test = thread::Builder::new().name("a test that fails".into()).spawn(move || {
        server.freeze();
        // Not `panic!`, whose message would look like a failure.
        panic::resume_unwind(Box::new(server.pid()))
    });
    assert!(test.unwrap().join().is_err());
    assert!(!is_running(pid) && !folder.exists());
}

#[test]
fn nothing_is_left_when_the_tests_are_killed() {
    if require::program("redis-server").is_none() {
        return;
    }
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_server_child")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let (pid, folder) = (lines.next().unwrap().parse().unwrap(), lines.next().unwrap());
    assert!(is_running(pid) && Path::new(&folder).exists());
    child.kill().unwrap();
    child.wait().unwrap();
    until(|| !is_running(pid) && !Path::new(&folder).exists());
}
