//! Sets, reads and deletes a plain cookie.
//!
//! ```text
//! cargo run -p examples --bin cookies
//! ```

#[path = "../address.rs"]
mod address;

use std::{error::Error, time::Duration};

use axum::{
    Form, Router,
    http::StatusCode,
    response::Redirect,
    routing::{get, post},
};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use session_runtime::{Cookies, CookiesLayer, KeyRing, PlainCookie, SameOriginLayer};

/// Declared once, so that `remove` uses the same attributes as `set`.
const USERNAME: PlainCookie<'_> = PlainCookie::new("username").max_age(Duration::from_secs(30 * 24 * 3600));

/// A signed cookie: the visitor can read the number of visits, but cannot change it.
const VISITS: &str = "visits";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    // These keys last as long as the process. A real server keeps its keys in a file: `KeyRing::open("keys")?`
    let keys = KeyRing::generate();
    let app = Router::new()
        .route("/", get(home))
        .route("/set", post(set))
        .route("/delete", post(delete))
        .layer(CookiesLayer::new().keys(&keys)?)
        .layer(SameOriginLayer::new().allow_programs());
    let listener = address::listen().await?;
    println!("cookies are served at http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn home(cookies: Cookies) -> Result<Markup, session_runtime::Error> {
    let visits = cookies.signed().get(VISITS).and_then(|visits| visits.parse().ok()).unwrap_or(0_u32).saturating_add(1);
    cookies.signed().set(VISITS, visits.to_string())?;
    Ok(page(cookies.get(USERNAME).as_deref(), visits))
}

#[derive(Deserialize)]
struct Login {
    username: String,
}

async fn set(cookies: Cookies, Form(login): Form<Login>) -> Result<Redirect, (StatusCode, String)> {
    cookies.set(USERNAME, &login.username).map_err(|error| match error.is_too_large() {
        true => (StatusCode::BAD_REQUEST, "Please choose a shorter name.".to_owned()),
        false => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong.".to_owned()),
    })?;
    Ok(Redirect::to("/"))
}

async fn delete(cookies: Cookies) -> Result<Redirect, session_runtime::Error> {
    cookies.remove(USERNAME)?;
    Ok(Redirect::to("/"))
}

/// `html!` escapes the visitor's input.
fn page(username: Option<&str>, visits: u32) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                title { "Cookies" }
            }
            body {
                h1 { "Hello, " span #username { (username.unwrap_or("whoever you are")) } }
                p { "Visit " span #visits { (visits) } "." }
                form action="/set" method="post" {
                    label { "Your name: " input name="username" value=[username]; }
                    button { "Remember" }
                }
                @if username.is_some() {
                    form action="/delete" method="post" { button { "Forget" } }
                }
            }
        }
    }
}
