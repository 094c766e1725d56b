//! Signs users in: OpenID Connect with an authorization code and PKCE.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use maud::html;
use serde::{Deserialize, Serialize};
use session_runtime::{Error, Session};

use super::{
    session::{App, Member, page},
    token::{Kind, Refusal},
};

/// A sign-in that a browser has begun. Each value has 256 random bits.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// Comes back with the code. A code that was issued for another browser comes with another `state`.
    pub(crate) state: String,
    /// Comes back in the ID token.
    pub(crate) nonce: String,
    /// Proves to the provider that this application began the sign-in (PKCE).
    pub(crate) verifier: String,
}

pub(crate) async fn begin(State(app): State<App>, mut session: Session<Member>) -> Response {
    let (Ok(state), Ok(nonce), Ok(verifier)) = (random(), random(), random()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let pending = Pending { state, nonce, verifier };
    let there = app.provider.authorization_url(&pending);
    session.pending_mut().set(pending);
    Redirect::to(&there).into_response()
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
}

pub(crate) async fn finish(
    State(app): State<App>,
    mut session: Session<Member>,
    Query(answer): Query<Answer>,
) -> Result<Response, Error> {
    let Some(pending) = session.pending_mut().take().filter(|pending| pending.state == answer.state) else {
        return Ok(refused());
    };
    let signed_in = match app.provider.exchange(answer.code, &pending).await {
        Ok(id_token) => app.provider.verify(&id_token, Kind::IdToken).await,
        Err(refusal) => Err(refusal),
    };
    let token = match signed_in {
        Ok(token) if token.text("nonce") == Ok(Some(&pending.nonce)) => token,
        Err(Refusal::Unavailable) => return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        _ => return Ok(refused()),
    };
    let (Ok(Some(user)), Ok(sid)) = (token.text("sub"), token.text("sid")) else { return Ok(refused()) };
    session.user_mut().log_in(user.to_owned());
    *session.sid_mut() = sid.map(str::to_owned);
    session.save().await?; // from now on, a logout finds the session
    // The provider may have sent a logout before that.
    match app.logouts.includes(user, sid, token.issued_at()).await {
        Ok(false) => Ok(Redirect::to("/").into_response()),
        Ok(true) => {
            session.destroy();
            Ok(refused())
        }
        Err(error) => {
            eprintln!("the logouts cannot be read: {error}");
            session.destroy();
            Ok(StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
    }
}

fn refused() -> Response {
    let content = html! { p { "The sign-in did not succeed. " a href="/login" { "Please sign in again" } "." } };
    (StatusCode::FORBIDDEN, page(content)).into_response()
}

/// Returns 32 random bytes as text.
pub(crate) fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(base64url(&bytes))
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(bytes)
}
