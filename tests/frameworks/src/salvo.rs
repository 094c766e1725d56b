//! Serves the table of routes with salvo.

use std::net::SocketAddr;

use salvo_core::{
    Depot, Extractible, FlowCtrl, Handler, Listener as _, Request, Response, Router, Scribe, Server, Service,
    Writer as _, async_trait,
    conn::TcpListener,
    http::{HeaderName, HeaderValue, StatusCode},
    routing::filters,
};
use session_runtime::{Cookies, Passive, Session, SessionRefusal, View};
use tests::app::Site;

use crate::{
    Application, Stop,
    table::{self, Desk, Fresh, Hidden, Member, Reply, Run, Text},
};

pub(crate) fn serve(application: Application, started: impl FnOnce(SocketAddr, Stop)) {
    crate::runtime().block_on(async {
        let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
        let addr = acceptor.local_addr().unwrap();
        let server = Server::new(acceptor);
        let handle = server.handle();
        started(addr, Box::new(move || handle.stop_graceful(None)));
        server.serve(Service::new(router(application))).await;
    });
}

fn router(application: Application) -> Router {
    // The first hoop is the outermost.
    let mut router = Router::new().hoop(NameRefusal);
    if let Some(cookies) = application.cookies {
        router = router.hoop(cookies);
    }
    if let Some(desk) = application.desk {
        router = router.hoop(desk);
    }
    if let Some(again) = application.again {
        router = router.hoop(again);
    }
    if let Some(sessions) = application.sessions {
        router = router.hoop(sessions);
    }
    for one in application.routes {
        let path = Router::with_path(one.pattern("{rest}").trim_start_matches('/'));
        let path = if matches!(one.run, Run::Guarded(_)) { path.hoop(View::<Member>::layer()) } else { path };
        let path = if one.is_post {
            path.filter(filters::post())
        } else {
            path.filter_fn(|request, _| matches!(request.method().as_str(), "GET" | "HEAD"))
        };
        router = router.push(path.goal(Goal(one.run)));
    }
    router
}

/// The application's own middleware.
struct NameRefusal;

#[async_trait]
impl Handler for NameRefusal {
    async fn handle(&self, request: &mut Request, depot: &mut Depot, response: &mut Response, flow: &mut FlowCtrl) {
        flow.call_next(request, depot, response).await;
        if let Some(refusal) = response.extensions.get::<SessionRefusal>().copied() {
            response.headers_mut().insert(table::REFUSAL, format!("{refusal:?}").parse().unwrap());
        }
    }
}

struct Goal(Run);

#[async_trait]
impl Handler for Goal {
    async fn handle(&self, request: &mut Request, depot: &mut Depot, response: &mut Response, _flow: &mut FlowCtrl) {
        let rest = request.param::<String>("rest").unwrap_or_default();
        /// Takes an argument out of the request, as `#[handler]` does.
        macro_rules! take {
            ($argument:ty) => {
                match <$argument>::extract(request, depot).await {
                    Ok(argument) => argument,
                    Err(rejection) => return rejection.write(request, depot, response).await,
                }
            };
        }
        let reply = match &self.0 {
            Run::Plain => Ok(table::plain()),
            Run::Guarded(ran) => Ok(table::guarded(ran)),
            Run::Session(run) => run(take!(Session<Site>), rest).await,
            Run::Either(run) => Ok(run(Session::<Site>::extract(request, depot).await.ok())),
            Run::Both(run) => Ok(run(take!(Session<Site>), take!(Session<Desk>))),
            Run::Polled(run) => Ok(run(take!(Passive), take!(Session<Site>))),
            Run::Cookies(run) => run(take!(Cookies), rest),
            Run::Member => Ok(table::member(take!(View<Member>))),
            Run::Hidden => Ok(table::hidden(take!(View<Hidden>))),
            Run::Fresh => Ok(table::fresh(take!(View<Fresh>))),
        };
        match reply {
            Ok(reply) => reply.render(response),
            Err(error) => error.render(response),
        }
    }
}

impl Scribe for Reply {
    fn render(self, response: &mut Response) {
        response.status_code(StatusCode::from_u16(self.status).unwrap());
        for (name, value) in self.headers {
            response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        match self.body {
            Text::Whole(text) => response.write_body(text).unwrap(),
            Text::Endless(text) => response.stream(Text::stream(text)),
        }
        if let Some(changes) = self.changes {
            response.extensions.insert(changes);
        }
    }
}
