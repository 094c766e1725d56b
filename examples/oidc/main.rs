//! Users sign in at an OpenID provider. When the provider ends their session, it ends here too, on every server.
//!
//! ```text
//! cargo run -p examples --features oidc --bin oidc
//! ```
//!
//! This starts the application, and a small provider for demonstration. To use another provider, give its address:
//! `--issuer https://login.example.com --client-id shop` (with the feature `oidc-tls`). Register two addresses of the application
//! at the provider: `/callback` for sign-ins, and `/backchannel-logout` as the `backchannel_logout_uri`. A provider that sends
//! Shared Signals also needs `/security-events`.
//!
//! Begin with `session.rs`, which has the session and the routes. `backchannel.rs` receives logout tokens, `signals.rs` receives
//! Shared Signals, and `sign_in.rs` signs users in. `provider.rs` checks the provider's tokens, `token.rs` reads them,
//! `logouts.rs` remembers logouts, and `demo.rs` is the provider for demonstration.

mod backchannel;
mod demo;
mod logouts;
mod options;
mod provider;
mod session;
mod sign_in;
mod signals;
mod token;

use std::{error::Error, sync::Arc, time::Duration};

use session_runtime::{KeyRing, Sessions, SqlStore};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};
use tokio::net::TcpListener;

use self::{
    logouts::Logouts,
    options::Options,
    provider::{Client, Provider},
    session::{App, Member},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::WARN).init();
    let options = Options::read()?;
    std::fs::create_dir_all(&options.folder)?;
    // The sessions and the application's own table are in one database.
    let file = SqliteConnectOptions::new().filename(options.folder.join("oidc.db")).create_if_missing(true);
    let pool = SqlitePool::connect_with(file.journal_mode(SqliteJournalMode::Wal)).await?;
    let store = SqlStore::from_pool(pool.clone());
    store.migrate().await?;
    let sessions = Sessions::<Member>::builder()
        .store(store)
        .keys(KeyRing::open_or_create(options.folder.join("keys"))?)
        // SQLite does not tell a process what another process did, so `/live` asks the store this often.
        .watch_every(Duration::from_secs(1))
        .build()?;

    let taken = |error| format!("cannot listen on {}: {error}; choose another address with --addr", options.addr);
    let listener = TcpListener::bind(&options.addr).await.map_err(taken)?;
    let url = format!("http://{}", listener.local_addr()?);
    let issuer = match options.issuer {
        Some(issuer) => issuer,
        None => demo::serve(&url, &options.client_id).await?,
    };
    let client = Client {
        id: options.client_id,
        secret: std::env::var("OIDC_CLIENT_SECRET").ok(),
        redirect_uri: format!("{}/callback", options.url.as_ref().unwrap_or(&url)),
    };
    let provider = Arc::new(Provider::discover(&issuer, client).await?);
    let app = App { sessions, provider, logouts: Logouts::open(pool).await? };
    println!("oidc is served at {url} for the users of {issuer}");
    Ok(axum::serve(listener, session::router(app)).await?)
}
