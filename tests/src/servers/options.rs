//! A server's settings, and the URLs that give them to a store.

use std::{fmt::Write as _, path::Path};

use super::tls::{Certificates, Files};

/// A server's settings. By default, clients need no password and no TLS.
///
/// ```
/// use tests::servers::Options;
///
/// let protected = Options::default().user("ada", "p@ss").config("maxclients 50");
/// ```
#[derive(Clone, Default)]
pub struct Options {
    user: Option<String>,
    password: Option<String>,
    pub(super) tls: Option<Certificates>,
    lines: Vec<String>,
    pub(super) arguments: Vec<String>,
}

impl Options {
    /// Sets the default user's password (`requirepass`).
    #[must_use]
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Adds an ACL user who may do everything, and turns the default user off.
    #[must_use]
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.user = Some(user.into());
        self.password(password)
    }

    /// Turns on TLS, for clients and between servers. All servers with a clone of these options share a certificate authority.
    /// Works only with [`Kind::Redis`](super::Kind::Redis). Reports a missing `openssl` and returns `None`.
    #[must_use]
    pub fn tls(mut self) -> Option<Self> {
        self.tls = Some(Certificates::make()?);
        Some(self)
    }

    /// Adds a line of configuration, as in `redis.conf`.
    #[must_use]
    pub fn config(mut self, line: impl Into<String>) -> Self {
        self.lines.push(line.into());
        self
    }

    /// Starts a sentinel, which watches over other servers, instead of a data server.
    pub(super) fn sentinel(mut self) -> Self {
        self.arguments.push("--sentinel".into());
        self
    }

    /// Returns the content of `redis.conf`.
    pub(super) fn file(&self, folder: &Path, port: u16, tls: Option<&Files>) -> String {
        let mut file = format!(
            "bind 127.0.0.1\nunixsocket {}\ndir {}\nsave \"\"\nappendonly no\nrepl-diskless-sync-delay 0\n",
            quoted(&socket(folder)),
            quoted(&folder.display().to_string()),
        );
        let mut line = |line: String| writeln!(file, "{line}").unwrap();
        match tls {
            None => line(format!("port {port}")),
            Some(tls) => {
                line(format!("port 0\ntls-port {port}\ntls-auth-clients no\ntls-replication yes"));
                line(format!("tls-cert-file {}", quoted(&tls.certificate.display().to_string())));
                line(format!("tls-key-file {}", quoted(&tls.key.display().to_string())));
                line(format!("tls-ca-cert-file {}", quoted(&tls.authority.display().to_string())));
            }
        }
        match (&self.user, &self.password) {
            (Some(user), Some(password)) => {
                line(format!("user default off\nuser {user} on {} ~* &* +@all", quoted(&format!(">{password}"))));
            }
            (None, Some(password)) => line(format!("requirepass {}", quoted(password))),
            (_, None) => {}
        }
        self.lines.iter().for_each(|extra| line(extra.clone()));
        file
    }

    /// Returns the scheme of a URL: `redis` or, with TLS, `rediss`, and then `rest`.
    pub(super) fn scheme(&self, rest: &str) -> String {
        format!("redis{}{rest}", if self.tls.is_some() { "s" } else { "" })
    }

    /// Returns the `AUTH` command, if a client needs one.
    pub(super) fn authentication(&self) -> Option<Vec<&str>> {
        let password = self.password.as_deref()?;
        Some(["AUTH"].into_iter().chain(self.user.as_deref()).chain([password]).collect())
    }

    /// Returns the user and password for a URL, up to the host.
    pub(super) fn user_info(&self) -> String {
        match &self.password {
            None => String::new(),
            Some(password) => format!("{}:{}@", escaped(self.user.as_deref().unwrap_or_default()), escaped(password)),
        }
    }

    /// Returns the user and password as a query, for a URL without a host.
    pub(super) fn query(&self) -> String {
        let user = self.user.iter().map(|user| format!("user={}", escaped(user)));
        let password = self.password.iter().map(|password| format!("pass={}", escaped(password)));
        let parts: Vec<_> = user.chain(password).collect();
        if parts.is_empty() { String::new() } else { format!("?{}", parts.join("&")) }
    }
}

/// Returns the path of a server's Unix socket. Every server has one; it does not use TLS.
pub(super) fn socket(folder: &Path) -> String {
    folder.join("redis.sock").display().to_string()
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Percent-encodes a value for any part of a URL.
fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => escaped.push(byte.into()),
            _ => write!(escaped, "%{byte:02X}").unwrap(),
        }
    }
    escaped
}
