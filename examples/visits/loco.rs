//! Counts visits, with Loco.
//!
//! ```text
//! cargo run -p examples --features loco --bin visits-loco
//! ```

#[path = "../address.rs"]
mod address;
mod session;

use axum::{
    Router,
    response::{Html, Redirect},
};
use loco_rs::{
    app::Hooks,
    boot::{BootResult, StartMode, create_app},
    config::Config,
    controller::AppRoutes,
    environment::Environment,
    prelude::*,
    task::Tasks,
};
use serde::Deserialize as _;
use session_runtime::{Session, View};

use session::{SignedIn, Site};

async fn front(mut session: Session<Site>) -> Html<String> {
    session.visits_mut().add(1);
    Html(session::front(&session))
}

async fn account(View(me): View<SignedIn>) -> Html<String> {
    Html(session::account(&me))
}

async fn log_in(mut session: Session<Site>) -> Redirect {
    // A real site asks for a password first.
    session.user_mut().log_in("Ada".to_owned());
    Redirect::to("/account")
}

async fn log_out(mut session: Session<Site>) -> Redirect {
    session.user_mut().log_out();
    Redirect::to("/")
}

struct App;

#[async_trait]
impl Hooks for App {
    fn app_name() -> &'static str {
        "visits"
    }

    async fn boot(mode: StartMode, environment: &Environment, config: Config) -> Result<BootResult> {
        create_app::<Self>(mode, environment, config).await
    }

    fn routes(_context: &AppContext) -> AppRoutes {
        let routes = Routes::new().get("/", front).get("/account", account);
        AppRoutes::empty().add_route(routes.post("/log-in", log_in).post("/log-out", log_out))
    }

    async fn after_routes(router: Router, _context: &AppContext) -> Result<Router> {
        let sessions = session::sessions().map_err(Error::wrap)?;
        Ok(router.layer(sessions.layer().same_origin()))
    }

    async fn connect_workers(_context: &AppContext, _queue: &Queue) -> Result<()> {
        Ok(())
    }

    fn register_tasks(_tasks: &mut Tasks) {}
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An application has this in a file of its folder `config`.
    let config = Config::deserialize(data!({
        "logger": { "enable": false, "level": "off", "format": "compact" },
        "server": { "port": 3000, "host": "http://localhost" },
        "workers": { "mode": "BackgroundAsync" },
    }))?;
    let booted = App::boot(StartMode::ServerOnly, &Environment::Development, config).await?;
    let listener = address::listen().await?;
    println!("visits are counted at http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, booted.router.ok_or("no routes")?).await?)
}
