//! The scripts that run on the server. Each uses only the one key that it is given, so that it runs on a cluster too.

use std::sync::LazyLock;

use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::connect::{Link, Wait};

/// A script, and the hash under which servers cache it.
pub(super) struct Script {
    pub(super) text: &'static str,
    hash: LazyLock<String>,
}

macro_rules! script {
    ($text:literal) => {
        Script { text: $text, hash: LazyLock::new(|| redis::Script::new($text).get_hash().to_owned()) }
    };
}

/// Writes a value to a key that holds nothing. Arguments: the value, its time to live, a channel and a message. Answers as
/// [`SWAP`] does.
pub(super) static CREATE: Script = script!(
    "if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
redis.pcall('PUBLISH', ARGV[3], ARGV[4])
return 1
end
return redis.call('GET', KEYS[1]) or 0"
);

/// Replaces a value that begins with this revision. Arguments: the revision, the new value, its time to live, and optionally a
/// channel and a message to publish. Answers 1 if it has replaced the value. Otherwise answers the key's current value, or 0 if
/// there is none.
///
/// Publishes by `pcall`, so that the write succeeds even if the user may not publish.
///
/// `GETRANGE` answers an empty string for an absent key, and also for an empty value, which is damaged.
pub(super) static SWAP: Script = script!(
    "if redis.call('GETRANGE', KEYS[1], 0, 7) == ARGV[1] and (ARGV[1] ~= '' or redis.call('EXISTS', KEYS[1]) == 1) then
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if ARGV[4] then redis.pcall('PUBLISH', ARGV[4], ARGV[5]) end
return 1
end
return redis.call('GET', KEYS[1]) or 0"
);

/// Removes a value that begins with this revision. Arguments: the revision, and optionally a channel and a message to publish.
/// Answers as [`SWAP`] does.
pub(super) static DELETE: Script = script!(
    "if redis.call('GETRANGE', KEYS[1], 0, 7) == ARGV[1] and redis.call('DEL', KEYS[1]) == 1 then
if ARGV[2] then redis.pcall('PUBLISH', ARGV[2], ARGV[3]) end
return 1
end
return redis.call('GET', KEYS[1]) or 0"
);

/// Answers the value of the key. Writes the same value again, so that `WAIT` covers all earlier writes to the key. If the key
/// holds nothing, writes an empty value and removes it.
pub(super) static REPEAT: Script = script!(
    "local value = redis.call('GET', KEYS[1])
if value then
redis.call('SET', KEYS[1], value, 'KEEPTTL')
else
redis.call('SET', KEYS[1], '', 'PX', 1000)
redis.call('DEL', KEYS[1])
end
return value"
);

/// Removes a key that does not hold a string, which cannot be a store's value.
pub(super) static DISCARD: Script = script!(
    "if redis.call('TYPE', KEYS[1]).ok ~= 'string' then return redis.call('DEL', KEYS[1]) end
return 0"
);

/// Loads the scripts that most requests use into the server, so that requests need to send only the hash.
pub(super) async fn load(link: &Link) -> RedisResult<()> {
    for script in [&CREATE, &SWAP, &DELETE] {
        link.ask(redis::cmd("SCRIPT").arg("LOAD").arg(script.text)).await?;
    }
    Ok(())
}

/// Runs `script` on `key`.
pub(super) async fn run(link: &Link, script: &Script, key: &str, arguments: &[&[u8]]) -> RedisResult<Value> {
    match link.ask(&command("EVALSHA", &script.hash, key, arguments)).await {
        Err(error) if is_unknown(&error) => link.ask(&command("EVAL", script.text, key, arguments)).await,
        answer => answer,
    }
}

/// Runs `script` on `key`. Returns its answer, and how many replicas confirmed its write.
pub(super) async fn run_and_wait(
    link: &Link,
    script: &Script,
    key: &str,
    arguments: &[&[u8]],
    wait: Wait,
) -> RedisResult<(Value, u32)> {
    // Sends the script's text rather than its hash: if the server did not know the hash, it would still execute `WAIT`.
    link.ask_and_wait(command("EVAL", script.text, key, arguments), wait).await
}

/// Returns whether the server does not know the script, because it was restarted or has just become the master. `EVAL` then runs
/// the script, and the server caches it.
fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

fn command(name: &str, script: &str, key: &str, arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(1).arg(key);
    for argument in arguments {
        command.arg(*argument);
    }
    command
}
