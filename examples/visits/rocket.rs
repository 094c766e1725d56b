//! Counts visits, with rocket.
//!
//! ```text
//! cargo run -p examples --features rocket --bin visits-rocket
//! ```

#[path = "../address.rs"]
mod address;
mod session;

use rocket::{
    Config,
    config::LogLevel,
    fairing::AdHoc,
    get, post,
    response::{Redirect, content::RawHtml},
    routes,
};
use session_runtime::{Session, View};

use session::{SignedIn, Site};

#[get("/")]
fn front(mut session: Session<Site>) -> RawHtml<String> {
    session.visits_mut().add(1);
    RawHtml(session::front(&session))
}

#[get("/account")]
fn account(view: View<SignedIn>) -> RawHtml<String> {
    let View(me) = view;
    RawHtml(session::account(&me))
}

#[post("/log-in")]
fn log_in(mut session: Session<Site>) -> Redirect {
    // A real site asks for a password first.
    session.user_mut().log_in("Ada".to_owned());
    Redirect::to("/account")
}

#[post("/log-out")]
fn log_out(mut session: Session<Site>) -> Redirect {
    session.user_mut().log_out();
    Redirect::to("/")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = address::address()?;
    let (port, log_level) = (address.port(), LogLevel::Off);
    let config = Config { address: address.ip(), port, log_level, ..Config::default() };
    rocket::custom(config)
        .mount("/", routes![front, account, log_in, log_out])
        .attach(session::sessions()?.layer().same_origin())
        .attach(AdHoc::on_liftoff("address", |rocket| {
            let Config { address, port, .. } = rocket.config();
            println!("visits are counted at http://{address}:{port}");
            Box::pin(async {})
        }))
        .launch()
        .await?;
    Ok(())
}
