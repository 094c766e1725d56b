//! Reads [`Config`] from environment variables that begin with a prefix, and explains unknown names.

use std::ffi::OsString;

use zeroize::Zeroizing;

use super::{Config, names, site::Site};
use crate::{error::Error, words::Quoted};

/// The default prefix of variables.
pub(super) const PREFIX: &str = "SESSION_";

/// Returns the name of `option` in the environment.
pub(super) fn variable(prefix: &str, option: &str) -> String {
    format!("{prefix}{}", option.to_ascii_uppercase())
}

/// Reads the variables that begin with `prefix`.
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
        // A name that is not valid Unicode is not one of ours.
        let Ok(name) = name.into().into_string() else { continue };
        let Some(rest) = name.strip_prefix(prefix).filter(|rest| !is_foreign(rest)) else { continue };
        let Some(&option) = Config::OPTIONS.iter().find(|option| variable("", option) == rest) else {
            return Err(unknown(prefix, &name, rest));
        };
        let site = Site::Variable(&name);
        let value = Zeroizing::new(
            value.into().into_string().map_err(|_| site.wrong("it holds bytes that are not text; set it again"))?,
        );
        // An empty variable is an error: it may be a mistake, or it may be meant to unset the option. `KeyRing` rejects empty
        // keys itself.
        if value.trim().is_empty() && option != "keys" {
            return Err(site.wrong("it is empty; give it a value, or unset it"));
        }
        config.set(option, &value, site)?;
    }
    Ok(config)
}

/// Returns whether a variable with this name after its prefix is not meant as an option. X11 session managers set
/// `SESSION_MANAGER`. Kubernetes sets several variables for a service with the name `session` (`SESSION_SERVICE_HOST`,
/// `SESSION_PORT_6379_TCP`). The derive reads `SESSION_LOCK`. No option's name contains these words.
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
    Error::setup(format!("{} is not a session option; {instead}", Quoted(name)))
}
