//! The test application in one framework, with its clock, its store and its events.

use frameworks::{
    Application, Framework,
    table::{self, Gate},
};
use session_runtime::{CookiesLayer, Session, SessionLayer, SessionsBuilder};
use tests::{
    app::{Server, Site},
    client::Visitor,
    log::Log,
    store::AnyStore,
};

/// One server in one framework.
pub(crate) struct Served {
    pub(crate) server: Server,
    pub(crate) app: axum::Router,
    pub(crate) gate: Gate,
}

impl Served {
    pub(crate) fn new(framework: Framework) -> Self {
        Self::with(framework, |builder| builder, |layer| layer)
    }

    pub(crate) fn with(
        framework: Framework,
        options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>,
        layer: impl FnOnce(SessionLayer<Site>) -> SessionLayer<Site>,
    ) -> Self {
        let layered = |sessions| Application { sessions: Some(layer(sessions)), ..nothing() };
        Self::serving(framework, options, layered)
    }

    /// Serves the application that `application` builds around the session layer.
    pub(crate) fn serving(
        framework: Framework,
        options: impl FnOnce(SessionsBuilder<Site>) -> SessionsBuilder<Site>,
        application: impl FnOnce(SessionLayer<Site>) -> Application,
    ) -> Self {
        let (server, gate) = (Server::with(AnyStore::memory(), options), Gate::new());
        let application = Application { routes: table::routes(&gate), ..application(server.sessions.layer()) };
        let app = framework.serve(application);
        Self { server, app, gate }
    }

    pub(crate) fn visitor(&self) -> Visitor {
        Visitor::new(&self.app)
    }

    pub(crate) async fn signed_in(&self, user: &str) -> Visitor {
        let mut visitor = self.visitor();
        let reply = visitor.post(&format!("/login/{user}")).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        visitor
    }

    /// Returns what a visitor's session holds.
    pub(crate) async fn show(&self, visitor: &mut Visitor) -> serde_json::Value {
        visitor.get("/show").await.json()
    }
}

/// Returns the lines at ERROR that sessions have logged since the last call. Only servers that were started after `log` was made
/// write to it.
pub(crate) fn errors(log: &Log) -> Vec<String> {
    let ours = |line: &&str| line.contains("ERROR") && line.contains("session_runtime: ");
    log.take().lines().filter(ours).map(str::to_owned).collect()
}

/// Returns an application without routes and session layers, but with the layer of plain cookies.
pub(crate) fn nothing() -> Application {
    let cookies = Some(CookiesLayer::new());
    Application { routes: Vec::new(), sessions: None, again: None, desk: None, cookies }
}

const _: fn(&Session<Site>) -> serde_json::Value = tests::app::show;
