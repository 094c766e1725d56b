//! Determines whether a request is for localhost. A cookie without `Secure` is used only for such requests, unless the
//! application chose plain HTTP (SECURITY S53).

use std::net::IpAddr;

/// Returns whether a `Host` header (or the authority of a URI) names the loopback: `localhost`, a name under it, 127.0.0.0/8 or
/// `[::1]`. The port is ignored.
///
/// The client chooses this header, but the check only has to keep honest browsers off plain HTTP. A proxy may put its own
/// address there, so callers should refuse requests that came through a proxy.
pub(crate) fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').filter(|(_, port)| is_port(port)).map_or("", |(name, _)| name),
        None => host.rfind(':').filter(|&colon| is_port(&host[colon..])).map_or(host, |colon| &host[..colon]),
    };
    match name.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback() && host.starts_with('[') == name.contains(':'),
        Err(_) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            let (_, last) = name.rsplit_once('.').unwrap_or(("", name));
            last.eq_ignore_ascii_case("localhost")
        }
    }
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    // S53
    #[test]
    fn only_this_machine_is_the_loopback() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "shop.localhost",
            "localhost.",
            "127.0.0.1",
            "127.8.9.1:80",
            "[::1]",
            "[::1]:8080",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.com",
            "localhost.example.com",
            "notlocalhost",
            "127.0.0.1.example.com",
            "10.0.0.1",
            "[::2]:1",
            "::1",
            "[::1",
            "[127.0.0.1]",
            "[::1]x",
            "localhost:evil",
            "localhost:80:80",
            "128.0.0.1",
            "0.0.0.0",
            "é",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
