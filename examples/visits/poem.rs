//! Counts visits, with poem.
//!
//! ```text
//! cargo run -p examples --features poem --bin visits-poem
//! ```

#[path = "../address.rs"]
mod address;
mod session;

use poem::{
    EndpointExt as _, IntoResponse, Response, Route, Server, get, handler,
    http::{StatusCode, header::LOCATION},
    listener::{Acceptor as _, Listener as _, TcpListener},
    post,
    web::Html,
};
use session_runtime::{Session, View};

use session::{SignedIn, Site};

#[handler]
async fn front(mut session: Session<Site>) -> impl IntoResponse {
    session.visits_mut().add(1);
    Html(session::front(&session))
}

#[handler]
async fn account(View(me): View<SignedIn>) -> impl IntoResponse {
    Html(session::account(&me))
}

#[handler]
async fn log_in(mut session: Session<Site>) -> impl IntoResponse {
    // A real site asks for a password first.
    session.user_mut().log_in("Ada".to_owned());
    to("/account")
}

#[handler]
async fn log_out(mut session: Session<Site>) -> impl IntoResponse {
    session.user_mut().log_out();
    to("/")
}

fn to(path: &'static str) -> Response {
    Response::builder().status(StatusCode::SEE_OTHER).header(LOCATION, path).finish()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Route::new()
        .at("/", get(front))
        .at("/account", get(account))
        .at("/log-in", post(log_in))
        .at("/log-out", post(log_out))
        .with(session::sessions()?.layer().same_origin());
    let acceptor = TcpListener::bind(address::address()?).into_acceptor().await?;
    let addr = acceptor.local_addr().first().and_then(|addr| addr.as_socket_addr().copied()).ok_or("no address")?;
    println!("visits are counted at http://{addr}");
    Ok(Server::new_with_acceptor(acceptor).run(app).await?)
}
