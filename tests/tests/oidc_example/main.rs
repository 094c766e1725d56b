//! Runs the example `oidc`, as two processes on one database, with a provider in the test's process.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod backchannel;
mod demo;
mod guide;
mod provider;
mod sign_ins;
mod signals;

use serde_json::Value;
use tempfile::TempDir;
use tests::{
    http::{Answer, Client},
    program::Program,
};

use self::provider::{CLIENT, Provider};

/// The provider, and two processes of the application.
struct Place {
    provider: Provider,
    here: Program,
    there: Program,
    folder: TempDir,
}

impl Place {
    fn open() -> Self {
        let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
        let path = folder.path().to_str().unwrap();
        let program = || {
            let arguments = ["--issuer", &provider.issuer, "--client-id", CLIENT, "--folder", path];
            Program::example_with("oidc", &arguments)
        };
        let (here, there) = (program(), program());
        Self { provider, here, there, folder }
    }

    fn browser(&self) -> Client {
        Client::of(&self.here).with("Sec-Fetch-Site", "same-origin")
    }

    /// Returns the browser of a user who has signed in.
    fn signed_in(&self, user: &str, sid: Option<&str>) -> Client {
        let mut browser = self.browser();
        let (state, nonce) = begin(&mut browser);
        finish(&mut browser, &self.provider.code(user, sid, &nonce), &state).leads_to("/");
        assert_eq!(shown(&mut browser).as_deref(), Some(user));
        browser
    }

    /// Sends the token to the first process, as the provider does.
    fn sends(&self, logout_token: &str) -> Answer {
        Client::of(&self.here).post("/backchannel-logout", &[("logout_token", logout_token)])
    }

    /// Sends a logout of this session.
    fn ends(&self, sid: &str) -> Answer {
        self.sends(&self.provider.sign("logout+jwt", &self.provider.logout(sid)))
    }

    /// Changes the database of the application.
    fn change(&self, statement: &'static str) {
        let file = sqlx::sqlite::SqliteConnectOptions::new().filename(self.folder.path().join("oidc.db"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let mut database = sqlx::ConnectOptions::connect(&file).await.unwrap();
            sqlx::raw_sql(statement).execute(&mut database).await.unwrap();
        });
    }
}

/// Begins a sign-in, and returns its `state` and its `nonce`.
fn begin(browser: &mut Client) -> (String, String) {
    let answer = browser.get("/login");
    let there = answer.header("location");
    let parameter = |name: &str| {
        let (_, rest) = there.split_once(&format!("{name}=")).unwrap();
        rest.split('&').next().unwrap().replace("%2D", "-").replace("%5F", "_")
    };
    (parameter("state"), parameter("nonce"))
}

fn finish(browser: &mut Client, code: &str, state: &str) -> Answer {
    browser.get(&format!("/callback?code={code}&state={state}"))
}

/// Returns the user whom the page shows.
fn shown(browser: &mut Client) -> Option<String> {
    let page = browser.get("/").body;
    let (_, rest) = page.split_once("id=\"user\">")?;
    rest.split('<').next().map(str::to_owned)
}

fn json(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}
