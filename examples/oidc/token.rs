//! [`Token`]: the claims of a token whose signature is the provider's, and [`Refusal`]: why a token is refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

/// How far the clocks of provider and application may differ.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);
/// How long after its issue an ID token or a logout token is accepted, even if it expires later. So a logout needs to be
/// remembered only for a short time.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// Which token a route expects. A token of another kind is refused, although the provider has signed it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    IdToken,
    Logout,
    SecurityEvent,
}

impl Kind {
    /// Returns whether a token of this kind may have this `typ` in its header.
    pub(crate) fn has_type(self, typ: Option<&str>) -> bool {
        let Some(typ) = typ.map(str::to_ascii_lowercase) else { return self != Self::SecurityEvent };
        match typ.strip_prefix("application/").unwrap_or(&typ) {
            "jwt" => self != Self::SecurityEvent,
            "logout+jwt" => self == Self::Logout,
            "secevent+jwt" => self == Self::SecurityEvent,
            _ => false,
        }
    }

    /// Returns whether a token of this kind expires. Shared Signals forbids `exp`.
    pub(crate) fn expires(self) -> bool {
        self != Self::SecurityEvent
    }
}

/// Why a token is refused. Each refusal is one sentence, which tells the caller nothing that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The token is not what the route expects, for this reason.
    Invalid(&'static str),
    Key,
    Issuer,
    Audience,
    /// The token was used before.
    Used,
    /// The token may be good, but the provider's keys, the store or the table of logouts cannot be read or written now.
    Unavailable,
}

impl Refusal {
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Invalid(sentence) => sentence,
            Self::Key => "The token is not signed with a key of the provider.",
            Self::Issuer => "The token is from another issuer.",
            Self::Audience => "The token is for another audience.",
            Self::Used => "The token was used before.",
            Self::Unavailable => "The token cannot be processed now; please send it again later.",
        }
    }
}

/// The claims of a verified token.
pub(crate) struct Token {
    claims: Map<String, Value>,
    issued_at: i64,
}

impl Token {
    /// Checks the claims that every token has: issuer, audience and time of issue.
    pub(crate) fn check(claims: Map<String, Value>, kind: Kind, issuer: &str, client: &str) -> Result<Self, Refusal> {
        if claims.get("iss").and_then(Value::as_str) != Some(issuer) {
            return Err(Refusal::Issuer);
        }
        let is_audience = match claims.get("aud") {
            Some(Value::Array(audiences)) if kind == Kind::SecurityEvent => audiences.iter().any(|it| it == client),
            // This application trusts no other audience.
            Some(Value::Array(audiences)) => matches!(audiences.as_slice(), [it] if it == client),
            Some(audience) => audience == client,
            None => false,
        };
        if !is_audience {
            return Err(Refusal::Audience);
        }
        if !kind.expires() && claims.contains_key("exp") {
            return Err(Refusal::Invalid("The token has an `exp`, which a security event must not have."));
        }
        let issued_at = seconds(claims.get("iat")).ok_or(Refusal::Invalid("The token has no `iat`."))?;
        let (now, leeway) = (now(), LEEWAY.as_secs() as i64);
        if issued_at > now + leeway {
            return Err(Refusal::Invalid("The token was issued in the future."));
        }
        if kind.expires() && issued_at < now - leeway - LONGEST.as_secs() as i64 {
            return Err(Refusal::Invalid("The token was issued too long ago."));
        }
        Ok(Self { claims, issued_at })
    }

    pub(crate) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// Returns the time of issue, in seconds since 1970.
    pub(crate) fn issued_at(&self) -> i64 {
        self.issued_at
    }

    /// Returns the claim, if the token has it.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it is not a text of 1 to 255 bytes.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if (1..256).contains(&text.len()) => Ok(Some(text)),
            Some(_) => Err(Refusal::Invalid("A claim of the token is not a text of 1 to 255 bytes.")),
        }
    }

    /// Returns the identifier of the token.
    pub(crate) fn id(&self) -> Result<&str, Refusal> {
        self.text("jti")?.ok_or(Refusal::Invalid("The token has no `jti`."))
    }

    /// Returns the event with this name. None if the token has no such event.
    pub(crate) fn event(&self, name: &str) -> Option<&Map<String, Value>> {
        self.claims.get("events")?.get(name)?.as_object()
    }
}

/// Reads a time of JSON Web Tokens: seconds since 1970, perhaps with a fraction.
pub(crate) fn seconds(time: Option<&Value>) -> Option<i64> {
    let time = time?;
    time.as_i64().or_else(|| time.as_f64().map(|time| time as i64)).filter(|time| *time >= 0)
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
