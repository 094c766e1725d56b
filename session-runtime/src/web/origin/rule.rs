//! Decides which requests may change something: a function of the request's headers, without the types of any web framework.

use http::{
    HeaderName,
    header::{ORIGIN, REFERER},
};

use super::{
    address::{Address, Trusted},
    refusal::{OriginReason, OriginRefusal},
};
use crate::{
    error::Error,
    web::{
        RequestHead,
        head::{first, host, upgrades},
    },
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns whether a request changes nothing, regardless of the page that sends it. `upgrade` has the values of its `Upgrade`
/// headers.
///
/// A WebSocket handshake is a GET, but it opens a connection over which the page then acts for the visitor. `h2c` is excepted:
/// Java's client and curl offer it with plain GETs, and it opens no such connection.
fn is_safe<'a>(method: &str, upgrade: impl IntoIterator<Item = &'a [u8]>) -> bool {
    matches!(method, "GET" | "HEAD" | "OPTIONS") && !upgrade.into_iter().any(is_handshake)
}

/// Returns whether an `Upgrade` header offers any protocol other than `h2c`.
fn is_handshake(upgrade: &[u8]) -> bool {
    let protocols = upgrade.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    protocols.into_iter().any(|protocol| !protocol.is_empty() && !protocol.eq_ignore_ascii_case(b"h2c"))
}

/// The headers with which an unsafe request names the page that sent it.
#[derive(Clone, Copy, Debug, Default)]
struct Facts<'a> {
    /// `Sec-Fetch-Site`.
    site: Option<&'a [u8]>,
    /// `Origin`.
    origin: Option<&'a [u8]>,
    /// `Referer`.
    referer: Option<&'a [u8]>,
    /// The authority that the request is for: `Host`, or `:authority`.
    host: Option<&'a str>,
}

/// The application's options.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    trusted: Vec<Trusted>,
    /// Whether requests that do not name an origin pass.
    pub(crate) allows_programs: bool,
}

impl Rules {
    /// Adds an origin whose pages may do what this site's own pages may.
    ///
    /// # Errors
    /// If `origin` is not an origin.
    pub(crate) fn trust(&mut self, origin: &str) -> Result<(), Error> {
        let trusted = Trusted::parse(origin)?;
        if !self.trusted.contains(&trusted) {
            self.trusted.push(trusted);
        }
        Ok(())
    }

    /// Checks a request, and logs a refusal.
    ///
    /// # Errors
    /// The rule that the request breaks.
    pub(crate) fn refuse(&self, head: &impl RequestHead) -> Result<(), OriginRefusal> {
        if is_safe(head.method(), upgrades(head)) {
            return Ok(());
        }
        let facts = Facts {
            site: first(head, &SEC_FETCH_SITE),
            origin: first(head, &ORIGIN),
            referer: first(head, &REFERER),
            host: host(head),
        };
        self.check(&facts).inspect_err(|refusal| {
            let target = head.target();
            refusal.log(head.method(), target.as_ref().map_or("*", |target| target.path()));
        })
    }

    /// Checks an unsafe request.
    fn check(&self, facts: &Facts<'_>) -> Result<(), OriginRefusal> {
        let refused = |reason, page: Option<Address<'_>>| {
            let said = facts.origin.map(String::from_utf8_lossy);
            let origin = said.as_deref().or(page.map(|page| page.text));
            Err(OriginRefusal::new(reason, origin, facts.site, facts.host))
        };
        let page = match (facts.origin, facts.referer) {
            (Some(origin), _) => text(origin).and_then(Address::of_origin),
            (None, Some(referer)) => text(referer).and_then(Address::of_page),
            (None, None) => None,
        };
        if page.is_some_and(|page| self.trusted.iter().any(|trusted| trusted.is(&page))) {
            return Ok(());
        }
        // The browser's own classification takes precedence over a comparison of names.
        if let Some(site) = facts.site {
            return if matches!(site, b"same-origin" | b"none") {
                Ok(())
            } else {
                refused(OriginReason::OtherSite, page)
            };
        }
        if facts.origin.is_none() && facts.referer.is_none() {
            return if self.allows_programs { Ok(()) } else { refused(OriginReason::NoOrigin, None) };
        }
        match (page, facts.host) {
            (Some(page), Some(host)) if page.is_at(host) => Ok(()),
            _ => refused(OriginReason::OtherOrigin, page),
        }
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    // F3
    #[test]
    fn a_request_that_offers_another_protocol_is_not_safe() {
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert!(is_safe(method, []));
            for harmless in ["h2c", "H2C", "", " , ", "h2c, h2c", " h2c "] {
                assert!(is_safe(method, [harmless.as_bytes()]), "{harmless}");
            }
            for handshake in
                ["websocket", "WebSocket", "h2c, websocket", "websocket, h2c", "webtransport", "h2c/1", "h2", "é"]
            {
                assert!(!is_safe(method, [handshake.as_bytes()]), "{handshake}");
                assert!(!is_safe(method, [&b"h2c"[..], handshake.as_bytes()]), "{handshake}");
            }
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "QUERY", "get", ""] {
            assert!(!is_safe(method, []), "{method}");
        }
    }

    // F3: Chromium sends no `Sec-Fetch-Site` with a handshake to the loopback, but always sends `Origin`.
    #[test]
    fn a_trusted_origin_passes_with_any_sec_fetch_site() {
        let mut rules = Rules::default();
        rules.trust("https://app.example.com").unwrap();
        let host = Some("api.example.com");
        for site in [None, Some(&b"same-site"[..]), Some(b"cross-site")] {
            let ask =
                |origin: &'static [u8]| rules.check(&Facts { site, origin: Some(origin), host, ..Facts::default() });
            assert!(ask(b"https://app.example.com").is_ok());
            assert!(ask(b"https://www.example.com").is_err());
            assert!(ask(b"http://app.example.com").is_err());
            assert!(ask(b"null").is_err());
            assert!(ask(b"\xff").is_err());
        }
        let referer = Some(&b"https://app.example.com/page"[..]);
        assert!(rules.check(&Facts { referer, host, ..Facts::default() }).is_ok());
        let hidden = Facts { referer, origin: Some(b"null"), host, ..Facts::default() };
        assert!(rules.check(&hidden).is_err(), "`Origin` takes precedence over `Referer`");
    }

    // F31
    #[test]
    fn a_refusal_says_which_rule_refused_which_origin() {
        let host = Some("shop.example.com");
        let refuse = |facts: Facts<'_>| Rules::default().check(&facts).unwrap_err();
        let site = refuse(Facts {
            site: Some(b"same-site"),
            origin: Some(b"https://blog.example.com"),
            host,
            ..Facts::default()
        });
        assert_eq!((site.reason(), site.origin()), (OriginReason::OtherSite, Some("https://blog.example.com")));
        let origin = refuse(Facts { origin: Some(b"https://evil.test"), host, ..Facts::default() });
        assert_eq!((origin.reason(), origin.origin()), (OriginReason::OtherOrigin, Some("https://evil.test")));
        let page = refuse(Facts { referer: Some(b"https://evil.test/?token=x"), host, ..Facts::default() });
        assert_eq!(page.origin(), Some("https://evil.test"), "the path and query of a page may be secret");
        let program = refuse(Facts { host, ..Facts::default() });
        assert_eq!((program.reason(), program.origin()), (OriginReason::NoOrigin, None));
        for (refusal, sentence) in [
            (site, "`Sec-Fetch-Site` is `same-site`, and the origin `https://blog.example.com` is not trusted"),
            (origin, "the origin `https://evil.test` is neither that of this host, `shop.example.com`, nor trusted"),
            (program, "the request has none of `Sec-Fetch-Site`, `Origin` and `Referer`"),
        ] {
            assert_eq!(refusal.to_string(), sentence);
        }
    }
}
