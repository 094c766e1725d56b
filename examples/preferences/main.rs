//! A session without a store: a visitor's reading preferences, encrypted in one cookie.
//!
//! ```text
//! cargo run -p examples --bin preferences
//! ```
//!
//! The server stores only a key, in the file `.preferences.keys` in its working directory. If that file is lost, so are all
//! sessions.

#[path = "../address.rs"]
mod address;

use std::error::Error;

use axum::{
    Form, Router,
    http::StatusCode,
    response::Redirect,
    routing::{get, post},
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::{Deserialize, Serialize};
use session_runtime::{Bounded, CookieStore, KeyRing, SameOriginLayer, Session, Sessions};

/// A visitor's reading preferences. With `bounded`, the compiler proves that they always fit into one cookie.
#[derive(Session)]
#[session(bounded, idle = 90d, absolute = 365d, persistent)]
struct Preferences {
    #[session(max_len = 60)]
    name: String,
    #[session(copy)]
    theme: Theme,
    #[session(default = 100)]
    font_size: u16,
    #[session(flash, max_len = 40)]
    notice: Option<String>,
    /// A plain number, not a `counter`: without a store, nothing can add up simultaneous visits from two tabs.
    visits: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
enum Theme {
    #[default]
    Light,
    Dark,
}

impl Bounded for Theme {
    // The bytes of the longest variant's name, and one byte for its length.
    const MAX_BYTES: usize = 1 + "Light".len();
}

const SIZES: [u16; 4] = [80, 100, 125, 150];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let sessions = Sessions::<Preferences>::builder()
        .store(CookieStore::encrypted())
        .keys(KeyRing::open_or_create(".preferences.keys")?) // created at the first start
        .build()?;
    let app = Router::new()
        .route("/", get(home))
        .route("/save", post(save))
        .route("/forget", post(forget))
        .layer(sessions.layer())
        .layer(SameOriginLayer::new().allow_programs());
    let listener = address::listen().await?;
    println!("preferences are served at http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn home(mut session: Session<Preferences>) -> Markup {
    let visits = session.visits().saturating_add(1);
    *session.visits_mut() = visits;
    let notice = session.notice_mut().take();
    page(&session, notice)
}

#[derive(Deserialize)]
struct Chosen {
    name: String,
    theme: Theme,
    font_size: u16,
}

async fn save(
    mut session: Session<Preferences>,
    Form(chosen): Form<Chosen>,
) -> Result<Redirect, (StatusCode, &'static str)> {
    let name = chosen.name.trim();
    if name.len() > 60 || !SIZES.contains(&chosen.font_size) {
        return Err((StatusCode::BAD_REQUEST, "Please choose a shorter name, and a size from the page."));
    }
    session.name_mut().set(name.to_owned());
    session.theme_mut().set(chosen.theme);
    session.font_size_mut().set(chosen.font_size);
    session.notice_mut().put("Saved, in your browser alone.".to_owned());
    Ok(Redirect::to("/"))
}

async fn forget(mut session: Session<Preferences>) -> Redirect {
    session.destroy();
    Redirect::to("/")
}

/// `html!` escapes the visitor's input.
fn page(session: &Session<Preferences>, notice: Option<String>) -> Markup {
    let dark = session.theme() == Theme::Dark;
    let name = if session.name().is_empty() { "stranger" } else { session.name() };
    html! {
        (DOCTYPE)
        html lang="en" data-theme=(if dark { "dark" } else { "light" }) style=(format!("font-size: {}%", session.font_size())) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "Preferences" }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                h1 { "Hello, " span #name { (name) } }
                p #visits { "Visit " (session.visits()) " with this browser." }
                @if let Some(notice) = notice { p #notice role="status" { (notice) } }
                form action="/save" method="post" {
                    label { "Name " input name="name" maxlength="60" value=(session.name()); }
                    fieldset {
                        legend { "Theme" }
                        @for (value, chosen) in [("Light", !dark), ("Dark", dark)] {
                            label { input type="radio" name="theme" value=(value) checked[chosen]; " " (value) }
                        }
                    }
                    label { "Size "
                        select name="font_size" {
                            @for size in SIZES {
                                option value=(size) selected[size == session.font_size()] { (size) " %" }
                            }
                        }
                    }
                    button #save { "Save" }
                }
                form action="/forget" method="post" { button #forget { "Forget me" } }
                footer { "All of this is in one encrypted cookie, in your browser. This server keeps nothing." }
            }
        }
    }
}
