//! An OpenID provider in the test's process. It signs whatever a test asks it to.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime};

pub(crate) const CLIENT: &str = "members";
pub(crate) const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
pub(crate) const REVOKED: &str = "https://schemas.openid.net/secevent/caep/event-type/session-revoked";

/// A key to sign with. Its id is the name of its algorithm, unless a test gives it another id.
pub(crate) struct Key {
    id: String,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Key {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let key = match algorithm {
            Algorithm::EdDSA => EncodingKey::from_ed_der(&ed25519(1)),
            Algorithm::ES256 => EncodingKey::from_ec_der(include_bytes!("ec.der")),
            _ => EncodingKey::from_rsa_der(include_bytes!("rsa.der")),
        };
        Self { id: format!("{algorithm:?}"), algorithm, key }
    }

    /// Returns a key whose bytes depend on `seed`.
    pub(crate) fn other(id: &str, seed: u8) -> Self {
        Self { id: id.to_owned(), algorithm: Algorithm::EdDSA, key: EncodingKey::from_ed_der(&ed25519(seed)) }
    }

    #[must_use]
    pub(crate) fn named(self, id: &str) -> Self {
        Self { id: id.to_owned(), ..self }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.id.clone());
        serde_json::to_value(jwk).unwrap()
    }

    pub(crate) fn sign(&self, typ: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        (header.typ, header.kid) = (typ.map(str::to_owned), Some(self.id.clone()));
        encode(&header, claims, &self.key).unwrap()
    }
}

/// Returns the PKCS #8 form of an Ed25519 key.
fn ed25519(seed: u8) -> Vec<u8> {
    let mut key = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    key.extend([seed; 32]);
    key
}

pub(crate) struct Provider {
    pub(crate) issuer: String,
    pub(crate) key: Key,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    issuer: String,
    keys: Mutex<Vec<Value>>,
    codes: Mutex<HashMap<String, String>>,
    fetched: AtomicUsize,
    is_down: AtomicBool,
}

impl Provider {
    pub(crate) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let keys = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256].map(|algorithm| Key::new(algorithm).jwk());
        let shared = Arc::new(Shared {
            issuer: issuer.clone(),
            keys: Mutex::new(keys.into()),
            codes: Mutex::default(),
            fetched: AtomicUsize::new(0),
            is_down: AtomicBool::new(false),
        });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(Arc::clone(&shared));
        runtime.spawn(axum::serve(listener, router).into_future());
        Self { issuer, key: Key::new(Algorithm::EdDSA), shared, _runtime: runtime }
    }

    /// Returns the claims of a logout token of this session.
    pub(crate) fn logout(&self, sid: &str) -> Value {
        let mut claims = self.claims(json!({ "sid": sid, "events": { LOGOUT: {} } }));
        claims["exp"] = (now() + 120).into();
        claims
    }

    /// Returns the claims of a security event about `subject`. The event happened now.
    pub(crate) fn revoked(&self, subject: Value) -> Value {
        self.claims(json!({ "sub_id": subject, "events": { REVOKED: { "event_timestamp": now() } } }))
    }

    fn claims(&self, mut claims: Value) -> Value {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        claims["iss"] = self.issuer.clone().into();
        claims["aud"] = CLIENT.into();
        claims["iat"] = now().into();
        claims["jti"] = format!("token {}", NEXT.fetch_add(1, Ordering::Relaxed)).into();
        claims
    }

    pub(crate) fn sign(&self, typ: &str, claims: &Value) -> String {
        self.key.sign(Some(typ), claims)
    }

    /// Returns a code for an ID token. The ID token is dated five seconds back, so that a logout now counts as later.
    pub(crate) fn code(&self, user: &str, sid: Option<&str>, nonce: &str) -> String {
        let mut claims = self.claims(json!({ "sub": user, "nonce": nonce }));
        (claims["iat"], claims["exp"]) = ((now() - 5).into(), (now() + 300).into());
        if let Some(sid) = sid {
            claims["sid"] = sid.into();
        }
        self.code_for(self.sign("JWT", &claims))
    }

    pub(crate) fn code_for(&self, id_token: String) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let code = format!("code{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.shared.codes.lock().unwrap().insert(code.clone(), id_token);
        code
    }

    /// Publishes another key.
    pub(crate) fn publish(&self, key: &Key) {
        self.shared.keys.lock().unwrap().push(key.jwk());
    }

    /// Returns how often the keys were fetched.
    pub(crate) fn fetched(&self) -> usize {
        self.shared.fetched.load(Ordering::Relaxed)
    }

    /// Fails all requests for the keys from now on.
    pub(crate) fn fail(&self) {
        self.shared.is_down.store(true, Ordering::Relaxed);
    }
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let issuer = &shared.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
    }))
}

async fn jwks(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, StatusCode> {
    shared.fetched.fetch_add(1, Ordering::Relaxed);
    if shared.is_down.load(Ordering::Relaxed) {
        return Err(StatusCode::BAD_GATEWAY);
    }
    Ok(Json(json!({ "keys": *shared.keys.lock().unwrap() })))
}

async fn token(
    State(shared): State<Arc<Shared>>,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    if form["grant_type"] != "authorization_code" || form["client_id"] != CLIENT || form["code_verifier"].len() != 43 {
        return Err(StatusCode::BAD_REQUEST);
    }
    let id_token = shared.codes.lock().unwrap().remove(&form["code"]).ok_or(StatusCode::BAD_REQUEST)?;
    Ok(Json(json!({ "id_token": id_token })))
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap()
}
