//! What a server says that it has done.

use std::collections::BTreeMap;

use super::RedisServer;

/// How often each command was executed, since the start or since [`RedisServer::reset_command_stats`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandStats(BTreeMap<String, u64>);

impl CommandStats {
    /// How often this command was executed, in small letters, `|` before a subcommand: `hset`, `config|get`.
    pub fn calls(&self, command: &str) -> u64 {
        self.0.get(command).copied().unwrap_or_default()
    }

    /// Which were executed at all, and how often.
    pub fn all(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

impl RedisServer {
    /// What all clients together had executed, but for the questions of this very kind. What a script calls is counted
    /// besides the script. Wants a server of the test's own.
    pub fn command_stats(&self) -> CommandStats {
        let info: String = self.ask(&["INFO", "commandstats"]).unwrap();
        CommandStats(info.lines().filter_map(parse).filter(|(command, _)| !OWN.contains(command)).map(own).collect())
    }

    /// One field of a section of its `INFO`: `master_link_status` of `replication`. None if it says nothing of that, or
    /// nothing at all.
    pub fn info(&self, section: &str, field: &str) -> Option<String> {
        let info: String = self.ask(&["INFO", section]).ok()?;
        info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::to_owned)
    }

    /// Counts from zero.
    pub fn reset_command_stats(&self) {
        self.tell(&["CONFIG", "RESETSTAT"]);
    }
}

/// What asking takes. Redis 6.2 does not tell what a `config` was for.
const OWN: [&str; 4] = ["info", "auth", "config|resetstat", "config"];

/// From `cmdstat_hset:calls=21,usec=175,usec_per_call=8.33,rejected_calls=0,failed_calls=0`.
fn parse(line: &str) -> Option<(&str, u64)> {
    let (command, numbers) = line.strip_prefix("cmdstat_")?.split_once(':')?;
    let calls = numbers.split(',').find_map(|number| number.strip_prefix("calls="))?;
    Some((command, calls.parse().ok()?))
}

fn own((command, calls): (&str, u64)) -> (String, u64) {
    (command.to_owned(), calls)
}
