//! [`Report`]: an event, and when, where and to whom it happened. [`About`]: the session and the users, as the engine knows them.
//! [`Source`]: turns them into names that may be shown.

use std::time::SystemTime;

use super::Event;
use crate::{
    clock::Clock,
    cookie::Fingerprints,
    id::hex,
    key::{Key, Scope},
    record::Record,
    schema::from_bytes,
};

/// An event: what happened and why, when, to which session, and to which user. The hook
/// [`on_event`](crate::SessionsBuilder::on_event) and each [`EventStream`](crate::EventStream) get each report.
///
/// Sessions and users are named by short keyed hashes. The hashes reveal neither ids nor identities to readers without the keys,
/// and change with the first key of the ring.
///
/// ```
/// # use session_runtime::{Event, Report};
/// fn is_sign_in_by(report: &Report, user: &str) -> bool {
///     matches!(report.event, Event::SignedIn { .. }) && report.user.as_deref() == Some(user)
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The event, with its cause.
    pub event: Event,
    /// The time of the event, by the clock of these sessions ([`SessionsBuilder::clock`](crate::SessionsBuilder::clock)).
    pub at: SystemTime,
    /// The kind of session: the struct's name, or its `kind`. Empty in a test of a store ([`Events::new`](crate::Events::new)).
    pub kind: &'static str,
    /// The session's [`fingerprint`](crate::Core::fingerprint). `None` if the session is not known, or is not stored.
    pub session: Option<String>,
    /// The user whom the event concerns: the user who signed in or out, otherwise the user who is signed in to the session. While
    /// one user acts as another, the one who is impersonated. `None` for a guest, and if the session is not known.
    ///
    /// By default, this is the keyed hash that [`SessionsOf::fingerprint`](crate::SessionsOf::fingerprint) returns. With
    /// [`events_name_users`](crate::SessionsBuilder::events_name_users), it is the identity itself.
    pub user: Option<String>,
    /// The user who acts as `user`, such as an administrator. Named like `user`.
    pub impersonator: Option<String>,
}

impl Report {
    pub(super) fn of(event: &Event, about: About<'_>, source: Option<&Source>) -> Self {
        let system = Clock::system();
        Self {
            event: event.clone(),
            at: source.map_or(&system, |source| &source.clock).now().into(),
            kind: source.map_or("", |source| source.kind),
            session: source.zip(about.session).map(|(source, session)| source.names.name(session)),
            user: source.zip(about.user).map(|(source, user)| source.user(user)),
            impersonator: source.zip(about.impersonator).map(|(source, user)| source.user(user)),
        }
    }
}

/// The session that an event happened to, and its users.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    session: Option<&'a Key>,
    /// The encoded identity of the user.
    user: Option<&'a [u8]>,
    /// The encoded identity of the user who acts as `user`.
    impersonator: Option<&'a [u8]>,
}

impl<'a> About<'a> {
    /// Neither a session nor a user is known.
    pub(crate) const NOTHING: Self = Self { session: None, user: None, impersonator: None };

    /// The session with this key. Its user is not known.
    pub(crate) const fn session(key: &'a Key) -> Self {
        Self { session: Some(key), ..Self::NOTHING }
    }

    /// The users of this record.
    pub(crate) fn record(record: &'a Record) -> Self {
        let impersonator = record.impersonation().map(|impersonation| &*impersonation.by);
        Self { session: None, user: record.user.as_deref(), impersonator }
    }

    pub(crate) const fn with_session(self, session: Option<&'a Key>) -> Self {
        Self { session, ..self }
    }

    pub(crate) const fn with_user(self, user: Option<&'a [u8]>) -> Self {
        Self { user, impersonator: None, ..self }
    }

    pub(crate) const fn with_impersonator(self, by: &'a [u8]) -> Self {
        Self { impersonator: Some(by), ..self }
    }
}

/// One kind of session, as the source of events.
pub(crate) struct Source {
    pub(crate) kind: &'static str,
    pub(crate) scope: Scope,
    pub(crate) clock: Clock,
    pub(crate) names: Fingerprints,
    /// Whether events name users by their identities.
    pub(crate) names_users: bool,
}

impl Source {
    /// Returns the name of a user.
    fn user(&self, identity: &[u8]) -> String {
        if self.names_users { as_text(identity) } else { self.names.name(&self.scope.list(identity)) }
    }
}

/// Returns an encoded identity as text: text and numbers as they are, and anything else as JSON. An identity that JSON cannot
/// express, such as bytes, is shown as it is stored, in hexadecimal.
fn as_text(identity: &[u8]) -> String {
    match from_bytes(identity) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(_) => hex(identity),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde::Serialize;

    use super::*;
    use crate::schema::to_bytes;

    #[derive(Serialize)]
    struct Account<'a> {
        tenant: &'a str,
        id: u64,
    }

    #[test]
    fn an_identity_is_shown_as_text() {
        fn shown(identity: impl Serialize) -> String {
            as_text(&to_bytes(&identity).unwrap())
        }
        assert_eq!(shown("ada"), "ada");
        assert_eq!(shown(7_u64), "7");
        assert_eq!(shown(-7), "-7");
        assert_eq!(shown(Account { tenant: "a", id: 7 }), r#"{"id":7,"tenant":"a"}"#);
        assert_eq!(shown(("a", 7)), r#"["a",7]"#);
        assert_eq!(as_text(&[0xc4, 2, 1, 255]), "c40201ff");
    }
}
