//! Writes `Set-Cookie` headers. Most of a header is prepared at start-up, so that a response only joins a few pieces.

use std::time::Duration;

use cookie::{
    Cookie, SameSite as Attribute,
    time::{self, OffsetDateTime},
};

use super::spec::{Attributes, SameSite};
use crate::error::Error;

/// 400 days, the longest that browsers allow (RFC 6265bis, section 5.5).
pub(crate) const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The pieces of one cookie's `Set-Cookie` headers.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `name=`
    before: Box<str>,
    /// `; HttpOnly; …`
    after: Box<str>,
    /// `; HttpOnly; …; Max-Age=`
    persistent: Box<str>,
    /// The whole header that removes the cookie.
    removal: Box<str>,
}

impl Writer {
    /// Prepares the pieces.
    ///
    /// # Errors
    /// If a browser would reject the cookie, or an attribute could be read as another.
    pub(crate) fn new(attributes: &Attributes) -> Result<Self, Error> {
        if let Some(flaw) = attributes.flaw() {
            return Err(Error::setup(attributes.explain(flaw)));
        }
        let mut cookie = Cookie::build((&*attributes.name, ""))
            .path(&*attributes.path)
            .secure(attributes.secure)
            .http_only(attributes.http_only)
            .partitioned(attributes.partitioned)
            .same_site(match attributes.same_site {
                SameSite::Strict => Attribute::Strict,
                SameSite::Lax => Attribute::Lax,
                SameSite::None => Attribute::None,
            })
            .build();
        if let Some(domain) = &attributes.domain {
            cookie.set_domain(&**domain);
        }
        let before = format!("{}=", attributes.name);
        let after = cookie.to_string().split_off(before.len());

        // The removal repeats the same attributes exactly; otherwise the browser keeps the cookie (SECURITY S20).
        cookie.set_max_age(time::Duration::ZERO);
        let persistent = cookie.to_string().split_off(before.len()).trim_end_matches('0').to_owned();
        cookie.set_expires(OffsetDateTime::UNIX_EPOCH);
        let removal = cookie.to_string();
        Ok(Self { before: before.into(), after: after.into(), persistent: persistent.into(), removal: removal.into() })
    }

    pub(crate) fn name(&self) -> &str {
        self.before.strip_suffix('=').unwrap_or(&self.before)
    }

    /// Returns the header that sets the cookie to `token`, until the browser closes or, if given, for `max_age`.
    ///
    /// A fraction of a second is rounded up, since a lifetime of zero would remove the cookie. It is harmless if the cookie lasts
    /// slightly too long, because the server checks the deadline itself.
    pub(crate) fn set(&self, token: &str, max_age: Option<Duration>) -> String {
        let Some(max_age) = max_age else {
            return [&*self.before, token, &self.after].concat();
        };
        let max_age = max_age.min(LONGEST);
        let seconds = (max_age.as_secs() + u64::from(max_age.subsec_nanos() > 0)).to_string();
        [&*self.before, token, &self.persistent, &seconds].concat()
    }

    /// Returns the header that removes the cookie.
    pub(crate) fn remove(&self) -> String {
        self.removal.to_string()
    }
}

#[cfg(test)]
mod tests;
