//! [`Config`] from environment variables: which are ours, and what is said of those that only look so.

use std::ffi::OsString;

use zeroize::Zeroizing;

use super::{Config, names, site::Site};
use crate::{error::Error, words::Quoted};

/// What the names of variables begin with unless something else is said.
pub(super) const PREFIX: &str = "SESSION_";

/// What `option` is called in the environment.
pub(super) fn variable(prefix: &str, option: &str) -> String {
    format!("{prefix}{}", option.to_ascii_uppercase())
}

/// What the variables that begin with `prefix` say.
pub(crate) fn read<N, V>(prefix: &str, variables: impl IntoIterator<Item = (N, V)>) -> Result<Config, Error>
where
    N: Into<OsString>,
    V: Into<OsString>,
{
    if prefix.is_empty() {
        return Err(Error::setup(
            "the prefix of variables is empty, so each variable would be an option; give one such as `SHOP_SESSION_`",
        ));
    }
    let mut config = Config::default();
    for (name, value) in variables {
        // A name that is no text is none of ours.
        let Ok(name) = name.into().into_string() else { continue };
        let Some(rest) = name.strip_prefix(prefix).filter(|rest| !is_foreign(rest)) else { continue };
        let Some(&option) = Config::OPTIONS.iter().find(|option| variable("", option) == rest) else {
            return Err(unknown(prefix, &name, rest));
        };
        let site = Site::Variable(&name);
        let value = Zeroizing::new(
            value.into().into_string().map_err(|_| site.wrong("it holds bytes that are no text; set it again"))?,
        );
        // Rather than to guess whether it was meant to be unset.
        if value.trim().is_empty() && option != "keys" {
            return Err(site.wrong("it is empty; give it a value, or unset it"));
        }
        config.set(option, &value, site)?;
    }
    Ok(config)
}

/// Whether the variable is another program's: X11 session managers set theirs, and Kubernetes several for a service that is
/// called `session` (`SESSION_SERVICE_HOST`, `SESSION_PORT_6379_TCP`). The derive reads `SESSION_LOCK` as it compiles. No
/// option has such words.
fn is_foreign(rest: &str) -> bool {
    matches!(rest, "MANAGER" | "LOCK") || rest.split('_').any(|word| matches!(word, "SERVICE" | "PORT"))
}

fn unknown(prefix: &str, name: &str, rest: &str) -> Error {
    let written = |option: &str| variable(prefix, option);
    let instead = names::instead(rest, written).unwrap_or_else(|| {
        format!(
            "{}; if it is another program's, read ours under another prefix: \
             `.variables(\"SHOP_SESSION_\", std::env::vars_os())`",
            names::all(written)
        )
    });
    Error::setup(format!("{} is no option of sessions; {instead}", Quoted(name)))
}
