//! Origins as browsers write them: scheme, host and port (RFC 6454, section 6.2).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{error::Error, words::Quoted};

/// The origin of a page, as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
    /// The origin as the request wrote it.
    pub(super) text: &'a str,
}

impl<'a> Address<'a> {
    /// Parses the value of an `Origin` header. `None` for `null` and for anything else that is not an origin.
    pub(super) fn of_origin(text: &'a str) -> Option<Self> {
        Self::split(text).and_then(|(address, rest)| rest.is_empty().then_some(address))
    }

    /// Returns the origin of the page at `url`.
    pub(super) fn of_page(url: &'a str) -> Option<Self> {
        Self::split(url).map(|(address, _)| address)
    }

    /// Splits `url` into its origin and the rest.
    fn split(url: &'a str) -> Option<(Self, &'a str)> {
        let (scheme, after) = url.split_once("://")?;
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(is_of_scheme) {
            return None;
        }
        let authority = after.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = host_and_port(authority)?;
        let (text, rest) = url.split_at_checked(scheme.len() + "://".len() + authority.len())?;
        Some((Self { scheme, host, port, text }, rest))
    }

    /// Returns whether a request to `host`, the value of a `Host` header, goes to this origin. The scheme is not compared:
    /// behind a proxy that ends TLS, the server does not know its own scheme.
    pub(super) fn is_at(&self, host: &str) -> bool {
        let (Some(default), Some((host, port))) = (default_port(self.scheme), host_and_port(host)) else {
            return false;
        };
        // Browsers omit the scheme's default port in both headers, but a proxy might add it.
        self.host.eq_ignore_ascii_case(host) && self.port.unwrap_or(default) == port.unwrap_or(default)
    }
}

/// An origin whose pages may do what this site's own pages may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trusted(Box<str>);

impl Trusted {
    /// Parses an origin from the application's settings.
    ///
    /// # Errors
    /// If it is not an origin. The message says what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |why: String| Error::setup(format!("{} cannot be a trusted origin: {why}", Quoted(text)));
        if text.contains('*') {
            return Err(wrong(
                "name each origin in full, since a wildcard would also trust hosts that you do not run".into(),
            ));
        }
        if text.eq_ignore_ascii_case("null") {
            return Err(wrong(
                "browsers send it for the pages of many origins, such as sandboxed frames of any site".into(),
            ));
        }
        if text.trim() != text || text.contains([' ', ',']) {
            return Err(wrong("pass one origin per call, without blanks, such as `https://app.example.com`".into()));
        }
        let Some((scheme, after)) = text.split_once("://") else {
            let host = if host_and_port(text).is_some() { text } else { "app.example.com" };
            return Err(wrong(format!("it lacks a scheme; write `https://{host}`")));
        };
        if let Some(page) = instead_of_socket(scheme) {
            return Err(wrong(format!("an origin is that of a page; write `{page}://{after}`")));
        }
        if !text.is_ascii() {
            return Err(wrong("write its host as browsers send it, in ASCII (`xn--…`)".into()));
        }
        let Some((address, rest)) = Address::split(text) else {
            return Err(wrong("write scheme, host and perhaps a port, such as `https://app.example.com:8443`".into()));
        };
        if !rest.is_empty() {
            return Err(wrong(format!("an origin has no path; write `{}`", address.text)));
        }
        if is_number(address.host) && address.host.parse::<Ipv4Addr>().is_err() {
            return Err(wrong(
                "its host is not an IP address; write all four numbers, such as `http://192.168.1.20`".into(),
            ));
        }
        Ok(Self(as_browsers_write(&address)))
    }

    pub(super) fn is(&self, address: &Address<'_>) -> bool {
        self.0.eq_ignore_ascii_case(address.text)
    }
}

/// Returns the origin in lower case, with the shortest form of an IPv6 address, and without the scheme's default port.
fn as_browsers_write(address: &Address<'_>) -> Box<str> {
    let Address { scheme, host, port, .. } = address;
    let scheme = scheme.to_ascii_lowercase();
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match inner.and_then(|inner| inner.parse::<Ipv6Addr>().ok()) {
        Some(ip) => format!("[{ip}]"),
        None => host.to_ascii_lowercase(),
    };
    match port {
        Some(port) if default_port(&scheme) != Some(*port) => format!("{scheme}://{host}:{port}").into(),
        _ => format!("{scheme}://{host}").into(),
    }
}

fn instead_of_socket(scheme: &str) -> Option<&'static str> {
    match scheme.to_ascii_lowercase().as_str() {
        "ws" => Some("http"),
        "wss" => Some("https"),
        _ => None,
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => Some(443),
        _ if scheme.eq_ignore_ascii_case("http") => Some(80),
        _ => None,
    }
}

/// Splits `host:port`. `None` for anything else, such as `user@host`.
fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let end = match authority.strip_prefix('[') {
        Some(inner) => inner.find(']')?.checked_add(2)?,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(end)?;
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(is_of_name),
    };
    let port = match port.strip_prefix(':') {
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    is_host.then_some((host, port))
}

/// Returns whether browsers would read a host as an IPv4 address.
fn is_number(host: &str) -> bool {
    host.rsplit('.').next().is_some_and(|last| !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')
}

const fn is_of_scheme(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

#[cfg(test)]
mod tests;
