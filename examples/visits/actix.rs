//! Counts visits, with actix-web.
//!
//! ```text
//! cargo run -p examples --features actix --bin visits-actix
//! ```

#[path = "../address.rs"]
mod address;
mod session;

use actix_web::{App, HttpResponse, HttpServer, Responder, get, http::header::LOCATION, post, web::Html};
use session_runtime::{Session, View};

use session::{SignedIn, Site};

#[get("/")]
async fn front(mut session: Session<Site>) -> impl Responder {
    session.visits_mut().add(1);
    Html::new(session::front(&session))
}

#[get("/account")]
async fn account(View(me): View<SignedIn>) -> impl Responder {
    Html::new(session::account(&me))
}

#[post("/log-in")]
async fn log_in(mut session: Session<Site>) -> impl Responder {
    // A real site asks for a password first.
    session.user_mut().log_in("Ada".to_owned());
    to("/account")
}

#[post("/log-out")]
async fn log_out(mut session: Session<Site>) -> impl Responder {
    session.user_mut().log_out();
    to("/")
}

fn to(path: &'static str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, path)).finish()
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = session::sessions()?;
    let app = move || {
        App::new().service(front).service(account).service(log_in).service(log_out).wrap(sessions.layer().same_origin())
    };
    let server = HttpServer::new(app).bind(address::address()?)?;
    println!("visits are counted at http://{}", server.addrs().first().ok_or("no address")?);
    Ok(server.run().await?)
}
