//! Counts visits, with Leptos. The server renders the pages, and the forms work without scripts.
//!
//! ```text
//! cargo run -p examples --features leptos --bin visits-leptos
//! ```

#[path = "../address.rs"]
mod address;
mod session;

use std::fmt::Display;

use axum::{extract::FromRequestParts, http::header::LOCATION, response::IntoResponse};
use leptos::{config::LeptosOptions, either::Either, prelude::*};
use leptos_axum::{LeptosRoutes as _, ResponseOptions, extract, generate_route_list, redirect};
use leptos_router::{
    SsrMode,
    components::{Route, Router, Routes},
    path,
};
use session_runtime::{Session, View};

use session::{SignedIn, Site};

/// Counts this visit, and returns the user and the visits so far.
#[server]
async fn visit() -> Result<(Option<String>, u64), ServerFnError> {
    let mut session: Session<Site> = of_request().await?;
    session.visits_mut().add(1);
    Ok((session.user().map(str::to_owned), session.visits()))
}

#[server]
async fn account() -> Result<(String, u64), ServerFnError> {
    let View(me): View<SignedIn> = of_request().await?;
    Ok((me.user, me.visits))
}

#[server(prefix = "", endpoint = "/log-in")]
async fn log_in() -> Result<(), ServerFnError> {
    let mut session: Session<Site> = of_request().await?;
    // A real site asks for a password first.
    session.user_mut().log_in("Ada".to_owned());
    redirect("/account");
    Ok(())
}

#[server(prefix = "", endpoint = "/log-out")]
async fn log_out() -> Result<(), ServerFnError> {
    let mut session: Session<Site> = of_request().await?;
    session.user_mut().log_out();
    redirect("/");
    Ok(())
}

/// Runs an extractor, and returns its value. If it refuses the request, its status or redirect is copied into the response,
/// because `extract` itself loses both.
async fn of_request<T>() -> Result<T, ServerFnError>
where
    T: FromRequestParts<(), Rejection: Display + IntoResponse>,
{
    let value: Result<T, T::Rejection> = extract().await?;
    value.map_err(|refusal| {
        let error = ServerFnError::new(&refusal);
        let answer = refusal.into_response();
        match answer.headers().get(LOCATION).and_then(|location| location.to_str().ok()) {
            Some(location) => redirect(location),
            None => expect_context::<ResponseOptions>().set_status(answer.status()),
        }
        error
    })
}

#[component]
fn Front() -> impl IntoView {
    let (log_in, log_out) = (ServerAction::<LogIn>::new(), ServerAction::<LogOut>::new());
    let page = move |(user, visits): (Option<String>, u64)| {
        let form = match user {
            Some(_) => Either::Left(view! {
                <ActionForm action=log_out><button>"Log out"</button></ActionForm>
                <a href="/account">"Account"</a>
            }),
            None => Either::Right(view! { <ActionForm action=log_in><button>"Log in as Ada"</button></ActionForm> }),
        };
        view! { <p>"Visit " <b id="visits">{visits}</b></p> {form} }
    };
    view! { <Await future=visit() let:visit>{visit.clone().map(page)}</Await> }
}

#[component]
fn Account() -> impl IntoView {
    let page = |(user, visits): (String, u64)| view! { <p><b id="user">{user}</b> " was here " {visits} " times."</p> };
    view! { <Await future=account() let:account>{account.clone().map(page)}</Await> }
}

/// The response's headers are sent after the whole page was rendered (`SsrMode::Async`), since a session that is used while
/// rendering sets its cookie in them.
#[component]
fn App() -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html>
            <head><title>"Visits"</title></head>
            <body>
                <Router>
                    <Routes fallback=|| "This page does not exist.">
                        <Route path=path!("/") view=Front ssr=SsrMode::Async/>
                        <Route path=path!("/account") view=Account ssr=SsrMode::Async/>
                    </Routes>
                </Router>
            </body>
        </html>
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = LeptosOptions::builder().output_name("visits").build();
    let app = axum::Router::new()
        .leptos_routes(&options, generate_route_list(App), App)
        .with_state(options)
        .layer(session::sessions()?.layer().same_origin());
    let listener = address::listen().await?;
    println!("visits are counted at http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}
