//! The scripts that run on the server. Each touches the one key that it is given, so that they run on a cluster too.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::connect::{Link, Wait};

/// A script and the hash that servers know it by.
pub(super) struct Script {
    text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! script {
    ($file:literal) => {
        Script {
            text: include_str!($file),
            hash: LazyLock::new(|| redis::Script::new(include_str!($file)).get_hash().to_owned()),
        }
    };
}

/// Applies a change to a session.
pub(super) static APPLY: Script = script!("script/apply.lua");
/// Stores a session that is not there yet.
pub(super) static CREATE: Script = script!("script/create.lua");
/// Removes a session so that replicas can be waited for.
pub(super) static DELETE: Script = script!("script/delete.lua");
/// Removes what is no readable session.
pub(super) static DISCARD: Script = script!("script/discard.lua");
/// Enters a session among a user's.
pub(super) static ENTER: Script = script!("script/enter.lua");
/// Takes entries out that stand for no session.
pub(super) static FORGET: Script = script!("script/forget.lua");

/// Makes the server know the scripts that requests need, so that no request has to send one.
pub(super) async fn load(link: &Link) -> RedisResult<()> {
    for script in [&CREATE, &APPLY, &ENTER] {
        link.ask(redis::cmd("SCRIPT").arg("LOAD").arg(script.text)).await?;
    }
    Ok(())
}

/// Runs `script` on `key`, with the arguments that `arguments` adds.
pub(super) async fn run(
    link: &Link,
    script: &Script,
    key: &str,
    arguments: impl Fn(&mut Cmd) + Send + Sync,
) -> RedisResult<Value> {
    match link.ask(&command("EVALSHA", &script.hash, key, &arguments)).await {
        Err(error) if is_unknown(&error) => link.ask(&command("EVAL", script.text, key, &arguments)).await,
        answer => answer,
    }
}

/// The same, sent once where that can be.
pub(super) async fn run_once(
    link: &Link,
    script: &Script,
    key: &str,
    arguments: impl Fn(&mut Cmd) + Send + Sync,
) -> RedisResult<Value> {
    match link.ask_once(&command("EVALSHA", &script.hash, key, &arguments)).await {
        Err(error) if is_unknown(&error) => link.ask_once(&command("EVAL", script.text, key, &arguments)).await,
        answer => answer,
    }
}

/// The same, and how many replicas confirmed what was written.
pub(super) async fn run_and_wait(
    link: &Link,
    script: &Script,
    key: &str,
    arguments: impl Fn(&mut Cmd) + Send + Sync,
    wait: Wait,
) -> RedisResult<(Value, u32)> {
    // By its text, so that the one round trip is enough on any server.
    link.ask_and_wait(command("EVAL", script.text, key, &arguments), wait).await
}

/// Whether the server does not know the script: it was restarted, or has just become the master. EVAL runs it and makes it
/// known.
fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

fn command(name: &str, script: &str, key: &str, arguments: &impl Fn(&mut Cmd)) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(1).arg(key);
    arguments(&mut command);
    command
}
