//! Counts visits, with Dioxus. The server renders the pages, and the forms work without scripts.
//!
//! ```text
//! cargo run -p examples --features dioxus --bin visits-dioxus
//! ```

#[path = "../address.rs"]
mod address;
mod session;

use axum::routing::get;
use dioxus::{fullstack::Redirect, prelude::*, server::FullstackState};
use session_runtime::{Session, View};

use session::{SignedIn, Site};

/// Counts this visit, and returns the user and the visits so far.
#[post("/api/visit", mut session: Session<Site>)]
async fn visit() -> Result<(Option<String>, u64)> {
    session.visits_mut().add(1);
    Ok((session.user().map(str::to_owned), session.visits()))
}

#[get("/api/account", View(me): View<SignedIn>)]
async fn account() -> Result<(String, u64)> {
    Ok((me.user, me.visits))
}

#[post("/log-in", mut session: Session<Site>)]
async fn log_in() -> Result<Redirect> {
    // A real site asks for a password first.
    session.user_mut().log_in("Ada".to_owned());
    Ok(Redirect::to("/account"))
}

#[post("/log-out", mut session: Session<Site>)]
async fn log_out() -> Result<Redirect> {
    session.user_mut().log_out();
    Ok(Redirect::to("/"))
}

#[derive(Clone, PartialEq, Routable)]
enum Page {
    #[route("/")]
    Front {},
    #[route("/account")]
    Account {},
}

#[component]
fn Front() -> Element {
    let (user, visits) = use_loader(visit)?();
    rsx! {
        p { "Visit " b { id: "visits", "{visits}" } }
        if user.is_some() {
            form { action: "/log-out", method: "post", button { "Log out" } }
            a { href: "/account", "Account" }
        } else {
            form { action: "/log-in", method: "post", button { "Log in as Ada" } }
        }
    }
}

#[component]
fn Account() -> Element {
    let (user, visits) = use_loader(account)?();
    rsx! { p { b { id: "user", "{user}" } " was here {visits} times." } }
}

#[component]
fn App() -> Element {
    rsx! { Router::<Page> {} }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let page = || get(FullstackState::render_handler);
    let app = axum::Router::new()
        .register_server_functions()
        .route("/", page())
        // If a view refuses the visitor while a page is rendered, its redirect is lost. So a layer checks the view first.
        .route("/account", page().layer(View::<SignedIn>::layer()))
        .with_state(FullstackState::new(ServeConfig::new(), App))
        .layer(session::sessions()?.layer().same_origin());
    let listener = address::listen().await?;
    println!("visits are counted at http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
