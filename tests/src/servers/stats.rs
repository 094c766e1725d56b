//! Statistics that a server reports.

use std::collections::BTreeMap;

use super::RedisServer;

/// How often each command was executed, since the start or since [`RedisServer::reset_command_stats`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandStats(BTreeMap<String, u64>);

impl CommandStats {
    /// Returns how often this command was executed. Names are in lower case, with `|` before a subcommand: `hset`, `config|get`.
    pub fn calls(&self, command: &str) -> u64 {
        self.0.get(command).copied().unwrap_or_default()
    }

    /// Returns all commands that were executed, and how often.
    pub fn all(&self) -> &BTreeMap<String, u64> {
        &self.0
    }
}

impl RedisServer {
    /// Returns the commands of all clients, without those that query the statistics. A command that a script calls counts in
    /// addition to the script. Use a server of the test's own.
    pub fn command_stats(&self) -> CommandStats {
        let info: String = self.ask(&["INFO", "commandstats"]).unwrap();
        CommandStats(info.lines().filter_map(parse).filter(|(command, _)| !OWN.contains(command)).map(own).collect())
    }

    /// Returns one field of a section of `INFO`, such as `master_link_status` of `replication`; `None` if the field is missing or
    /// the server does not answer.
    pub fn info(&self, section: &str, field: &str) -> Option<String> {
        let info: String = self.ask(&["INFO", section]).ok()?;
        info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).map(str::to_owned)
    }

    /// Resets the counters to zero.
    pub fn reset_command_stats(&self) {
        self.tell(&["CONFIG", "RESETSTAT"]);
    }
}

/// The commands of the query itself. Redis 6.2 does not report the subcommand of `config`.
const OWN: [&str; 4] = ["info", "auth", "config|resetstat", "config"];

/// Parses `cmdstat_hset:calls=21,usec=175,usec_per_call=8.33,rejected_calls=0,failed_calls=0`.
fn parse(line: &str) -> Option<(&str, u64)> {
    let (command, numbers) = line.strip_prefix("cmdstat_")?.split_once(':')?;
    let calls = numbers.split(',').find_map(|number| number.strip_prefix("calls="))?;
    Some((command, calls.parse().ok()?))
}

fn own((command, calls): (&str, u64)) -> (String, u64) {
    (command.to_owned(), calls)
}
