//! Counts visits, with salvo.
//!
//! ```text
//! cargo run -p examples --features salvo --bin visits-salvo
//! ```

#[path = "../address.rs"]
mod address;
mod session;

use salvo::prelude::*;
use session_runtime::{Session, View};

use session::{SignedIn, Site};

#[handler]
async fn front(mut session: Session<Site>) -> Text<String> {
    session.visits_mut().add(1);
    Text::Html(session::front(&session))
}

#[handler]
async fn account(view: View<SignedIn>) -> Text<String> {
    let View(me) = view;
    Text::Html(session::account(&me))
}

#[handler]
async fn log_in(mut session: Session<Site>) -> Redirect {
    // A real site asks for a password first.
    session.user_mut().log_in("Ada".to_owned());
    Redirect::other("/account")
}

#[handler]
async fn log_out(mut session: Session<Site>) -> Redirect {
    session.user_mut().log_out();
    Redirect::other("/")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let router = Router::new()
        .hoop(session::sessions()?.layer().same_origin())
        .get(front)
        .push(Router::with_path("account").get(account))
        .push(Router::with_path("log-in").post(log_in))
        .push(Router::with_path("log-out").post(log_out));
    let acceptor = TcpListener::new(address::address()?).try_bind().await?;
    println!("visits are counted at http://{}", acceptor.local_addr()?);
    Server::new(acceptor).serve(router).await;
    Ok(())
}
