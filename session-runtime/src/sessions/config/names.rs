//! Explains unknown options.

use super::Config;
use crate::words::{nearest, plain};

/// Returns what to write instead of the unknown option `name`. `written` formats an option as in the place where `name` was
/// found.
pub(super) fn instead(name: &str, written: impl Fn(&str) -> String) -> Option<String> {
    if let Some((option, how)) = brought_along(name) {
        let how = how.replace("{absolute}", &written("absolute")).replace("{secure}", &written("secure"));
        return Some(format!("write {}{how}", written(option)));
    }
    nearest(name, Config::OPTIONS.iter().copied()).map(|meant| format!("did you mean {}?", written(meant)))
}

/// Lists all options, each formatted by `written`, as for [`instead`].
pub(super) fn all(written: impl Fn(&str) -> String) -> String {
    format!("there are {}", Config::OPTIONS.iter().map(|option| written(option)).collect::<Vec<_>>().join(", "))
}

/// Maps names from Flask, Flask-Session and other libraries to the option of this crate, and how to write it.
fn brought_along(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match plain(name).as_str() {
        "type" | "redis" | "redisurl" | "memcached" | "cachelib" | "mongodb" | "dynamodb" | "sqlalchemy"
        | "postgresql" | "backend" | "driver" | "engine" | "url" | "connection" | "database" | "databaseurl" => {
            ("store", ", such as `redis://localhost:6379`")
        }
        "filedir" | "files" | "folder" => ("store", ", such as `file:sessions`"),
        "keyprefix" | "prefix" => ("store", " with the prefix in it, such as `redis://localhost?prefix=shop:`"),
        "table" | "sqlalchemytable" | "postgresqltable" => {
            ("store", " with the table in it, such as `postgres://localhost/shop?table=sessions`")
        }
        "filethreshold" | "threshold" | "capacity" => ("store", " with it, such as `memory:?capacity=5000`"),
        "secret" | "key" | "secretkey" | "secrets" | "signingkey" | "cookiekey" => {
            ("keys", ", made with `openssl rand -hex 32`")
        }
        "secretkeyfallbacks" | "fallbacks" | "oldkeys" => ("keys", ", the new key first and the old ones behind it"),
        "secretfile" | "keyfile" => ("keys_file", ""),
        "urlfile" | "databaseurlfile" => ("store_file", ""),
        "maxage"
        | "timeout"
        | "ttl"
        | "expires"
        | "expiry"
        | "expire"
        | "lifetime"
        | "duration"
        | "permanentsessionlifetime"
        | "permanentlifetime" => ("idle", " (time since the last request) or {absolute} (time since the sign-in)"),
        "idletimeout" | "inactivity" | "rolling" | "sliding" => ("idle", ""),
        "absolutetimeout" | "maxlifetime" => ("absolute", ""),
        "permanent" => ("persistent", ""),
        "rememberme" => ("remember", ""),
        "refresheachrequest" => ("touch", ", how stale the idle deadline may get before a request moves it"),
        "name" | "cookiename" | "sid" => ("cookie", ""),
        "cookiedomain" => ("domain", ""),
        "cookiepath" => ("path", ""),
        "cookiehttponly" => ("http_only", ""),
        "cookiesecure" | "httpsonly" | "https" | "tls" => ("secure", ""),
        "http" | "insecure" | "allowhttp" | "allowinsecure" => {
            ("plain_http", ", beside {secure}, which is then `false`")
        }
        "cookiesamesite" => ("same_site", ""),
        "cookiepartitioned" | "chips" => ("partitioned", ""),
        "maxcookiesize" | "maxsize" => ("max_bytes", ""),
        "cleanupnrequests" | "cleanup" | "cleanupinterval" => ("clean_every", ", such as `10m`"),
        "maxsessions" | "sessionlimit" | "limit" | "concurrentsessions" | "maxdevices" => ("max_per_user", ""),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_this_crate_are_not_treated_as_names_of_other_libraries() {
        for option in Config::OPTIONS {
            assert_eq!(brought_along(option), None, "{option}");
        }
    }
}
