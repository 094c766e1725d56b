//! Receives Shared Signals: the event `session-revoked` of CAEP 1.0, pushed as a Security Event Token (RFC 8417, RFC 8935).

use std::time::{Duration, UNIX_EPOCH};

use axum::{
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER},
    },
    response::{IntoResponse as _, Json, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    logouts::{Logout, Progress},
    session::App,
    token::{Kind, LEEWAY, Refusal, now, seconds},
};

const EVENT: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// The sessions that an event is about (RFC 9493, and "complex" of Shared Signals).
#[derive(Deserialize)]
#[serde(tag = "format", rename_all = "snake_case")]
enum Subject {
    /// `id` is the provider's name for its session.
    Opaque { id: String },
    /// `sub` is the provider's name for the user.
    IssSub { iss: String, sub: String },
    /// The sessions that match all members. Members that this application does not know, such as `device`, are ignored: the
    /// application ends too many sessions rather than too few.
    Complex { session: Option<Box<Subject>>, user: Option<Box<Subject>> },
    #[serde(other)]
    Other,
}

impl Subject {
    /// Returns the provider's names for its session and for the user.
    fn names<'a>(&'a self, issuer: &str) -> (Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Opaque { id } => (Some(id), None),
            Self::IssSub { iss, sub } if iss == issuer => (None, Some(sub)),
            Self::Complex { session, user } => {
                let (session, user) = (session.as_ref(), user.as_ref());
                (session.and_then(|it| it.names(issuer).0), user.and_then(|it| it.names(issuer).1))
            }
            Self::IssSub { .. } | Self::Other => (None, None),
        }
    }
}

/// `POST /security-events`. Answers 202 to a token that is accepted, also if it came before, or is about something else.
pub(crate) async fn receive(State(app): State<App>, headers: HeaderMap, token: String) -> Response {
    let is_token = headers.get(CONTENT_TYPE).is_some_and(|it| it == "application/secevent+jwt");
    let accepted = match is_token {
        true => accept(&app, &token).await,
        false => Err(Refusal::Invalid("The request's type is not `application/secevent+jwt`.")),
    };
    let Err(refusal) = accepted else { return StatusCode::ACCEPTED.into_response() };
    let code = match refusal {
        Refusal::Invalid(_) | Refusal::Used => "invalid_request",
        Refusal::Key => "invalid_key",
        Refusal::Issuer => "invalid_issuer",
        Refusal::Audience => "invalid_audience",
        Refusal::Unavailable => return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "5")]).into_response(),
    };
    let answer = Json(json!({ "err": code, "description": refusal.sentence() }));
    (StatusCode::BAD_REQUEST, [(CONTENT_LANGUAGE, "en")], answer).into_response()
}

async fn accept(app: &App, token: &str) -> Result<(), Refusal> {
    let token = app.provider.verify(token, Kind::SecurityEvent).await?;
    let id = token.id()?;
    let Some(event) = token.event(EVENT) else { return Ok(()) };
    let subject = token.claims().get("sub_id").cloned().unwrap_or(Value::Null);
    let subject: Subject = serde_json::from_value(subject)
        .map_err(|_| Refusal::Invalid("The token has no `sub_id` with a known form."))?;
    let latest = now() + LEEWAY.as_secs() as i64;
    let at = seconds(event.get("event_timestamp")).unwrap_or(token.issued_at()).min(latest);
    let (sid, user) = subject.names(app.provider.issuer());
    let Some(sessions) = sid.map(|sid| app.sessions.by_sid(sid)).or_else(|| user.map(|user| app.sessions.of(user)))
    else {
        eprintln!("the subject of the event {id} is unknown here, so no session ends: {}", token.claims()["sub_id"]);
        return Ok(());
    };
    if app.logouts.begin(&Logout { id, sid, user, at }).await? == Progress::Done {
        return Ok(()); // delivered before
    }
    // The token has no `exp`, so it may come again after a later sign-in. That session stays.
    let event_at = UNIX_EPOCH + Duration::from_secs(at.unsigned_abs()) + LEEWAY;
    for session in sessions.list().await? {
        let is_older = session.signed_in_at().is_some_and(|signed_in_at| signed_in_at < event_at);
        if is_older && user.is_none_or(|user| session.user() == Some(user)) {
            sessions.revoke(session.handle()).await?;
        }
    }
    app.logouts.finish(id).await?;
    Ok(())
}
