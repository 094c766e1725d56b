//! The minimum that code written for this one session can do to keep it in a cookie: encrypted MessagePack. It has no layer and
//! no lifetime.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _};
use http::{
    HeaderValue, StatusCode,
    header::{COOKIE, SET_COOKIE},
};

use super::{Contestant, Framework, axum_app};
use crate::{
    session::{Data, Theme, next_theme},
    site::Site,
    works::{self, OK},
};

pub const CONTESTANT: Contestant = Contestant {
    name: "hand-written, in a cookie",
    package: "chacha20poly1305",
    framework: Framework::Axum,
    keeps: "MessagePack, no layer, no lifetime",
    cookie: "encrypted",
    open: || Box::pin(async { (site().app)().await }),
    pair: None,
};

type Cipher = Arc<XChaCha20Poly1305>;

fn open(cipher: &Cipher, request: &Request) -> Option<Data> {
    let mut pairs = request.headers().get(COOKIE)?.to_str().ok()?.split("; ");
    let bytes = Base64UrlUnpadded::decode_vec(pairs.find_map(|pair| pair.strip_prefix("__Host-s="))?).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<24>()?;
    rmp_serde::from_slice(&cipher.decrypt(&XNonce::from(*nonce), sealed).ok()?).ok()
}

fn seal(cipher: &Cipher, data: &Data) -> Response {
    let nonce: [u8; 24] = rand::random();
    let sealed = cipher.encrypt(&XNonce::from(nonce), rmp_serde::to_vec(data).unwrap().as_slice()).unwrap();
    let value = Base64UrlUnpadded::encode_string(&[nonce.as_slice(), &sealed].concat());
    let cookie = format!("__Host-s={value}; Path=/; Secure; HttpOnly; SameSite=Lax");
    ([(SET_COOKIE, HeaderValue::try_from(cookie).unwrap())], OK).into_response()
}

fn write(cipher: &Cipher, request: &Request, theme: Theme) -> Response {
    match open(cipher, request) {
        Some(mut data) => {
            data.theme = theme;
            seal(cipher, &data)
        }
        None => StatusCode::CONFLICT.into_response(),
    }
}

fn end() -> Response {
    ([(SET_COOKIE, "__Host-s=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")], OK).into_response()
}

pub fn site() -> Site {
    axum_app::site(routes())
}

fn routes() -> Router {
    type C = State<Cipher>;
    let cipher = Arc::new(XChaCha20Poly1305::new(&rand::random::<[u8; 32]>().into()));
    Router::new()
        .route(
            "/W1",
            get(|State(cipher): C, request: Request| async move {
                open(&cipher, &request).map_or("", |data| if data.theme as u64 + data.visits > 0 { OK } else { "" })
            }),
        )
        .route("/W2", get(|State(cipher): C, request: Request| async move { write(&cipher, &request, next_theme()) }))
        .route(
            "/W2-dark",
            get(|State(cipher): C, request: Request| async move { write(&cipher, &request, Theme::Dark) }),
        )
        .route("/W2-dim", get(|State(cipher): C, request: Request| async move { write(&cipher, &request, Theme::Dim) }))
        .route("/W0", get(works::untouched))
        .route(
            "/W3",
            get(|State(cipher): C| async move { seal(&cipher, &Data { locale: "de-AT".into(), ..Data::none() }) }),
        )
        .route("/W4", get(|| async { end() }))
        .route("/begin", post(|State(cipher): C| async move { seal(&cipher, &Data::signed_in()) }))
        .with_state(cipher)
}
