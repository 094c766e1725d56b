//! Members of the support staff act as a customer, after they have typed their password again.
//!
//! ```text
//! cargo run -p examples --bin support
//! ```
//!
//! Sign in as `root` with the password `root` (each user's password is their name), and act as a customer.

#[path = "../address.rs"]
mod address;

use std::{error::Error, time::Duration};

use axum::{
    Form, Router,
    extract::{Query, State},
    response::Redirect,
    routing::{get, post},
};
use maud::{DOCTYPE, Markup, html};
use serde::Deserialize;
use session_runtime::{Event, KeyRing, MemoryStore, Session, Sessions, View, local_path, view};

#[derive(Session)]
struct Shop {
    #[session(identity)]
    user: Option<String>,
    /// Whether the user may act as others. A change renews the session's id. During an impersonation, the field is `false`, its
    /// default.
    #[session(rotates)]
    is_staff: bool,
    cart: Vec<String>,
}

/// Holds the values that every page shows.
#[view(Shop, or_redirect = "/login")]
struct Page {
    user: String,
    /// Names the member of staff who acts as `user`.
    impersonator: Option<String>,
    is_staff: bool,
    cart: Vec<String>,
}

impl ShopFields {
    /// Returns the user, if they are a member of staff. A view guards with an `Option`: a `bool` is always there.
    fn staff(&self) -> Option<&str> {
        self.user().filter(|_| self.is_staff())
    }
}

/// Lets in members of staff who proved who they are within the last minute. After a longer time, they must type their password
/// again. For other visitors, the page does not exist.
#[view(Shop, or_status = 404, fresh = 1m, stale_redirect = "/confirm")]
struct Staff {
    staff: String,
}

/// How long staff may act as a customer.
const LIMIT: Duration = Duration::from_secs(15 * 60);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let sessions = Sessions::<Shop>::builder()
        .store(MemoryStore::new())
        .keys(KeyRing::generate())
        .events_name_users(true)
        .on_event(|report| {
            let [user, impersonator] =
                [&report.user, &report.impersonator].map(|user| user.as_deref().unwrap_or_default());
            match report.event {
                Event::ImpersonationStarted { .. } => println!("{impersonator} acts as {user}"),
                Event::ImpersonationEnded { why } => println!("{impersonator} no longer acts as {user}: {why:?}"),
                _ => {}
            }
        })
        .build()?;
    let app = Router::new()
        .route("/", get(home))
        .route("/login", get(login_page).post(login))
        .route("/confirm", get(confirm_page).post(confirm))
        .route("/cart", post(add))
        .route("/act-as", post(act_as))
        .route("/stop", post(stop))
        .route("/log-out-everywhere", post(log_out_everywhere))
        .layer(sessions.layer().same_origin())
        .with_state(sessions);
    let listener = address::listen().await?;
    println!("support is served at http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

async fn home(View(page): View<Page>) -> Markup {
    document(html! {
        @if let Some(impersonator) = &page.impersonator {
            p #banner { (impersonator) ", you act as " (page.user) "." }
            form action="/stop" method="post" { button { "Stop" } }
        }
        p { "Signed in as " span #user { (page.user) } ". In the cart: " span #cart { (page.cart.join(", ")) } }
        form action="/cart" method="post" { input name="item" required; button { "Add" } }
        @if page.is_staff {
            form action="/act-as" method="post" { input name="customer" required; button { "Act as this customer" } }
        }
        form action="/log-out-everywhere" method="post" { button { "Log out everywhere" } }
    })
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// A real application compares hashes, and limits the number of attempts.
fn is_password_of(user: &str, password: &str) -> bool {
    user == password
}

async fn login_page() -> Markup {
    document(html! {
        form method="post" { input name="user" required; input name="password" type="password" required; button { "Sign in" } }
    })
}

async fn login(mut session: Session<Shop>, Query(to): Query<Next>, Form(form): Form<Credentials>) -> Redirect {
    if !is_password_of(&form.user, &form.password) {
        return Redirect::to("/login");
    }
    let is_staff = form.user == "root";
    session.user_mut().log_in(form.user);
    session.is_staff_mut().set(is_staff);
    Redirect::to(local_path(&to.next).unwrap_or("/"))
}

async fn confirm_page() -> Markup {
    document(html! {
        form method="post" { p { "Please type your password again." } input name="password" type="password" required; button { "Confirm" } }
    })
}

#[derive(Deserialize)]
struct Password {
    password: String,
}

async fn confirm(mut session: Session<Shop>, Query(to): Query<Next>, Form(form): Form<Password>) -> Redirect {
    let Some(user) = session.user().map(str::to_owned) else { return Redirect::to("/login") };
    if is_password_of(&user, &form.password) && session.user_mut().reauthenticate(&user) {
        return Redirect::to(local_path(&to.next).unwrap_or("/"));
    }
    Redirect::to("/confirm")
}

#[derive(Deserialize)]
struct Item {
    item: String,
}

async fn add(View(_): View<Page>, mut session: Session<Shop>, Form(form): Form<Item>) -> Redirect {
    session.cart_mut().push(form.item);
    Redirect::to("/")
}

#[derive(Deserialize)]
struct ActAs {
    customer: String,
}

async fn act_as(
    View(staff): View<Staff>,
    mut session: Session<Shop>,
    Form(form): Form<ActAs>,
) -> Result<Redirect, session_runtime::Error> {
    session.user_mut().impersonate(form.customer.clone(), LIMIT)?;
    // The audit log comes second, since another request may have ended the session meanwhile.
    session.save().await?;
    println!("audit: {} acts as {}", staff.staff, form.customer);
    Ok(Redirect::to("/"))
}

async fn stop(mut session: Session<Shop>) -> Redirect {
    session.user_mut().stop_impersonating();
    Redirect::to("/")
}

/// Ends all sessions of the user on the page. If a member of staff acts as that user, the impersonation ends too.
async fn log_out_everywhere(
    State(sessions): State<Sessions<Shop>>,
    View(me): View<Page>,
) -> Result<Redirect, session_runtime::Error> {
    sessions.of(&me.user).revoke_all().await?;
    Ok(Redirect::to("/"))
}

fn document(content: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "Support" } }
            body { (content) }
        }
    }
}
