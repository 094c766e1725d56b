//! [`FormerScope`]: the domain or path of a cookie before a deployment changed it. Browsers keep the cookie with the former
//! scope next to the one with today's, and send both (F5).

use std::borrow::Cow;

use super::spec::Attributes;
use crate::{error::Error, words::Quoted};

/// The value of `former_domain` for a cookie that had no domain, so that only its own host got it (RFC 6265, section 5.3,
/// `host-only-flag`).
const HOST_ONLY: &str = "host-only";

/// The scope in which browsers may still hold an older cookie.
#[derive(Clone, Debug, Default)]
pub(crate) struct FormerScope {
    pub(crate) domain: Option<String>,
    pub(crate) path: Option<String>,
}

impl FormerScope {
    /// Returns the cookies to remove in addition to `today`'s: every combination of today's or the former domain with today's or
    /// the former path, except today's own.
    ///
    /// # Errors
    /// If the former domain or path is the same as today's, or if browsers cannot hold one of the cookies.
    pub(crate) fn cookies(&self, today: &Attributes) -> Result<Vec<Attributes>, Error> {
        let mut domains = vec![today.domain.clone()];
        if let Some(former) = &self.domain {
            let former = (former != HOST_ONLY).then(|| Cow::Owned(former.clone()));
            let lower = |domain: &Option<Cow<'_, str>>| domain.as_ref().map(|domain| domain.to_ascii_lowercase());
            if lower(&former) == lower(&today.domain) {
                return Err(Error::setup(format!(
                    "`former_domain` ({}) is today's `domain`; name the previous domain, or drop it",
                    Quoted(former.as_deref().unwrap_or(HOST_ONLY))
                )));
            }
            domains.push(former);
        }
        let mut paths = vec![today.path.clone()];
        if let Some(former) = &self.path {
            if *former == today.path {
                return Err(Error::setup(format!(
                    "`former_path` ({}) is today's `path`; name the previous path, or drop it",
                    Quoted(former)
                )));
            }
            paths.push(former.clone().into());
        }
        let mut cookies = Vec::new();
        for domain in &domains {
            for path in &paths {
                let cookie = Attributes { domain: domain.clone(), path: path.clone(), ..today.clone() };
                if let Some(flaw) = cookie.flaw() {
                    return Err(Error::setup(format!(
                        "browsers cannot hold the cookie that `former_domain` or `former_path` names: {}",
                        cookie.explain(flaw)
                    )));
                }
                if cookie != *today {
                    cookies.push(cookie);
                }
            }
        }
        Ok(cookies)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::cookie::CookieSpec;

    fn today(name: &'static str, domain: Option<&'static str>, path: &'static str) -> Attributes {
        CookieSpec { domain, path, ..CookieSpec::new(name) }.into()
    }

    fn former(domain: Option<&str>, path: Option<&str>) -> FormerScope {
        FormerScope { domain: domain.map(str::to_owned), path: path.map(str::to_owned) }
    }

    fn scopes(former: &FormerScope, today: &Attributes) -> Vec<(Option<String>, String)> {
        let cookies = former.cookies(today).unwrap();
        cookies.into_iter().map(|cookie| (cookie.domain.map(Cow::into_owned), cookie.path.into_owned())).collect()
    }

    // F5
    #[test]
    fn all_combinations_of_former_and_current_domain_and_path_are_removed() {
        let scope = |domain: Option<&str>, path: &str| (domain.map(str::to_owned), path.to_owned());
        let today = today("sid", Some("example.com"), "/");
        assert_eq!(scopes(&FormerScope::default(), &today), []);
        assert_eq!(scopes(&former(Some("host-only"), None), &today), [scope(None, "/")]);
        assert_eq!(scopes(&former(None, Some("/app")), &today), [scope(Some("example.com"), "/app")]);
        assert_eq!(
            scopes(&former(Some("www.example.com"), Some("/app")), &today),
            [
                scope(Some("example.com"), "/app"),
                scope(Some("www.example.com"), "/"),
                scope(Some("www.example.com"), "/app")
            ]
        );
    }

    // F5
    #[test]
    fn todays_cookie_is_never_removed_as_a_former_one() {
        let with_domain = today("sid", Some("example.com"), "/app");
        for (former, today) in [
            (former(Some("Example.COM"), None), &with_domain),
            (former(None, Some("/app")), &with_domain),
            (former(Some("host-only"), None), &today("sid", None, "/")),
        ] {
            let error = former.cookies(today).unwrap_err().to_string();
            assert!(error.contains("; name the previous"), "{error}");
        }
    }

    // F5
    #[test]
    fn a_cookie_that_browsers_never_held_is_refused() {
        let error = former(Some("example.com"), None).cookies(&today("__Host-sid", None, "/")).unwrap_err();
        assert!(error.to_string().contains("`__Host-` prefix with a domain"), "{error}");
        let error = former(None, Some("app")).cookies(&today("sid", None, "/")).unwrap_err();
        assert!(error.to_string().contains("does not begin with `/`"), "{error}");
    }
}
