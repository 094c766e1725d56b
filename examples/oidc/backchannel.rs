//! Receives logout tokens: OpenID Connect Back-Channel Logout 1.0.

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    http::{
        StatusCode,
        header::{CACHE_CONTROL, RETRY_AFTER},
    },
    response::{IntoResponse as _, Json, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    logouts::{Logout, Progress},
    session::App,
    token::{Kind, Refusal},
};

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

#[derive(Deserialize)]
pub(crate) struct Request {
    logout_token: String,
}

/// `POST /backchannel-logout`. Answers 200 once no session of the logout is left, 400 if the token is not accepted, and 503 if
/// the provider should send it again.
pub(crate) async fn receive(State(app): State<App>, form: Result<Form<Request>, FormRejection>) -> Response {
    let form = form.map_err(|_| Refusal::Invalid("The request is not a form with one `logout_token`."));
    let ended = match form {
        Ok(Form(request)) => end(&app, &request.logout_token).await,
        Err(refusal) => Err(refusal),
    };
    let no_store = [(CACHE_CONTROL, "no-store")];
    let Err(refusal) = ended else { return (no_store, StatusCode::OK).into_response() };
    if refusal == Refusal::Unavailable {
        let answer = json!({ "error": "temporarily_unavailable", "error_description": refusal.sentence() });
        return (StatusCode::SERVICE_UNAVAILABLE, no_store, [(RETRY_AFTER, "5")], Json(answer)).into_response();
    }
    let answer = json!({ "error": "invalid_request", "error_description": refusal.sentence() });
    (StatusCode::BAD_REQUEST, no_store, Json(answer)).into_response()
}

async fn end(app: &App, logout_token: &str) -> Result<(), Refusal> {
    let token = app.provider.verify(logout_token, Kind::Logout).await?;
    if token.event(EVENT).is_none() {
        return Err(Refusal::Invalid("The token is not about a logout."));
    }
    if token.claims().contains_key("nonce") {
        return Err(Refusal::Invalid("The token has a `nonce`, which only an ID token has."));
    }
    let (id, sid, user) = (token.id()?, token.text("sid")?, token.text("sub")?);
    if sid.is_none() && user.is_none() {
        return Err(Refusal::Invalid("The token has neither a `sid` nor a `sub`."));
    }

    // Remembered first: a sign-in that is stored after the sessions are ended finds the logout here.
    let logout = Logout { id, sid, user, at: token.issued_at() };
    if app.logouts.begin(&logout).await? == Progress::Done {
        return Err(Refusal::Used);
    }
    match (sid, user) {
        (Some(sid), _) => app.sessions.by_sid(sid).revoke_all().await?,
        (None, Some(user)) => app.sessions.of(user).revoke_all().await?,
        (None, None) => 0,
    };
    // Only now: after a failure, the provider may send the same token again.
    app.logouts.finish(id).await?;
    Ok(())
}
