//! A provider for demonstration, in the same process as the application. It asks for no password, and forgets everything when it
//! stops.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::Redirect,
    routing::{get, post},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, task::spawn_blocking};

use super::{
    session::page,
    sign_in::{base64url, random},
    token::now,
};

/// The bytes that PKCS #8 puts before the 32 bytes of an Ed25519 key.
const PKCS8: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

struct Demo {
    issuer: String,
    /// The application's address, and its name.
    application: String,
    client_id: String,
    key: EncodingKey,
    state: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The request and the session of each code that has not been exchanged.
    codes: BTreeMap<String, (Request, String)>,
    /// The user of each session.
    sessions: BTreeMap<String, String>,
}

/// The parameters with which the application sends a browser here.
#[derive(Clone, Deserialize)]
struct Request {
    redirect_uri: String,
    state: String,
    nonce: String,
    code_challenge: String,
}

/// Serves the provider at an address of its own, and returns that address.
pub(crate) async fn serve(application: &str, client_id: &str) -> Result<String, Box<dyn Error>> {
    let mut key = PKCS8.to_vec();
    key.resize(PKCS8.len() + 32, 0);
    getrandom::fill(&mut key[PKCS8.len()..])?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let issuer = format!("http://{}", listener.local_addr()?);
    let demo = Arc::new(Demo {
        issuer: issuer.clone(),
        application: application.to_owned(),
        client_id: client_id.to_owned(),
        key: EncodingKey::from_ed_der(&key),
        state: Mutex::default(),
    });
    let router = Router::new()
        .route("/", get(sessions))
        .route("/sign-out", post(sign_out))
        .route("/authorize", get(ask).post(sign_in))
        .route("/token", post(token))
        .route("/jwks", get(jwks))
        .route("/.well-known/openid-configuration", get(metadata))
        .with_state(demo);
    tokio::spawn(axum::serve(listener, router).into_future());
    Ok(issuer)
}

async fn metadata(State(demo): State<Arc<Demo>>) -> Json<Value> {
    let issuer = &demo.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
    }))
}

async fn jwks(State(demo): State<Arc<Demo>>) -> Result<Json<Value>, StatusCode> {
    let key = Jwk::from_encoding_key(&demo.key, Algorithm::EdDSA).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "keys": [key] })))
}

async fn ask() -> Markup {
    page(html! {
        form method="post" { "Sign in at the provider as " input name="user" value="ada" required; button { "Sign in" } }
    })
}

#[derive(Deserialize)]
struct User {
    user: String,
}

async fn sign_in(
    State(demo): State<Arc<Demo>>,
    Query(request): Query<Request>,
    Form(User { user }): Form<User>,
) -> Result<Redirect, StatusCode> {
    if request.redirect_uri != format!("{}/callback", demo.application) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let (Ok(code), Ok(sid)) = (random(), random()) else { return Err(StatusCode::INTERNAL_SERVER_ERROR) };
    let there = format!("{}?code={code}&state={}", request.redirect_uri, request.state);
    let mut kept = demo.state.lock().unwrap_or_else(PoisonError::into_inner);
    kept.sessions.insert(sid.clone(), user);
    kept.codes.insert(code, (request, sid));
    Ok(Redirect::to(&there))
}

#[derive(Deserialize)]
struct Exchange {
    code: String,
    code_verifier: String,
}

async fn token(State(demo): State<Arc<Demo>>, Form(exchange): Form<Exchange>) -> Result<Json<Value>, StatusCode> {
    let (request, sid, user) = {
        let mut kept = demo.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (request, sid) = kept.codes.remove(&exchange.code).ok_or(StatusCode::BAD_REQUEST)?;
        let user = kept.sessions.get(&sid).cloned().ok_or(StatusCode::BAD_REQUEST)?;
        (request, sid, user)
    };
    if base64url(&Sha256::digest(&exchange.code_verifier)) != request.code_challenge {
        return Err(StatusCode::BAD_REQUEST);
    }
    let claims = json!({ "sub": user, "sid": sid, "nonce": request.nonce, "exp": now() + 300 });
    let id_token = demo.sign("JWT", claims)?;
    Ok(Json(json!({ "id_token": id_token, "access_token": "none", "token_type": "Bearer" })))
}

impl Demo {
    fn sign(&self, typ: &str, mut claims: Value) -> Result<String, StatusCode> {
        claims["iss"] = self.issuer.clone().into();
        claims["aud"] = self.client_id.clone().into();
        claims["iat"] = now().into();
        let mut header = Header::new(Algorithm::EdDSA);
        header.typ = Some(typ.to_owned());
        encode(&header, &claims, &self.key).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
    }
}

async fn sessions(State(demo): State<Arc<Demo>>) -> Markup {
    let kept = demo.state.lock().unwrap_or_else(PoisonError::into_inner);
    page(html! {
        p { "Sessions at the provider:" }
        @for (sid, user) in &kept.sessions {
            form action="/sign-out" method="post" { (user) " " button name="sid" value=(sid) { "Sign out everywhere" } }
        }
    })
}

#[derive(Deserialize)]
struct SignOut {
    sid: String,
}

/// Ends the session here, and tells the application.
async fn sign_out(State(demo): State<Arc<Demo>>, Form(SignOut { sid }): Form<SignOut>) -> Result<Markup, StatusCode> {
    let removed = demo.state.lock().unwrap_or_else(PoisonError::into_inner).sessions.remove(&sid);
    let user = removed.ok_or(StatusCode::NOT_FOUND)?;
    let id = random().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let claims = json!({ "sub": user, "sid": sid, "jti": id, "events": events, "exp": now() + 120 });
    let logout_token = demo.sign("logout+jwt", claims)?;
    let there = format!("{}/backchannel-logout", demo.application);
    let sent = spawn_blocking(move || ureq::post(there).send_form([("logout_token", logout_token)])).await;
    let answer = match sent {
        Ok(Ok(answer)) => answer.status().to_string(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    Ok(page(html! { p { "The application's answer to the logout token: " span #answer { (answer) } } }))
}
