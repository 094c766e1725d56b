//! Serves the table of routes with rocket.

use std::{io::Cursor, net::SocketAddr};

use rocket::{
    Config, Data, Request, Response, Route as Mounted,
    fairing::AdHoc,
    http::{Header, Method, Status},
    request::{FromRequest, Outcome as Guarded},
    response::Responder,
    route::{Handler, Outcome},
};
use session_runtime::{Cookies, Passive, Session, View};
use tests::app::Site;

use crate::{
    Application, Stop,
    table::{self, Desk, Fresh, Hidden, Member, Reply, Run, Text},
};

pub(crate) fn serve(application: Application, started: impl FnOnce(SocketAddr, Stop) + Send + 'static) {
    let config = Config { port: 0, log_level: rocket::config::LogLevel::Off, ..Config::debug_default() };
    let routes = application.routes.into_iter().map(|one| {
        let method = if one.is_post { Method::Post } else { Method::Get };
        Mounted::new(method, &one.pattern("<rest>"), Goal(one.run))
    });
    let mut server = rocket::custom(config).mount("/", routes.collect::<Vec<_>>());
    // Fairings see the response in the order in which they were attached, so the cookies come last.
    if let Some(desk) = application.desk {
        server = server.attach(desk);
    }
    if let Some(again) = application.again {
        server = server.attach(again);
    }
    if let Some(sessions) = application.sessions {
        server = server.attach(sessions);
    }
    if let Some(cookies) = application.cookies {
        server = server.attach(cookies);
    }
    let started = std::sync::Mutex::new(Some(started));
    let server = server.attach(AdHoc::on_liftoff("started", move |rocket| {
        let config = rocket.config();
        let started = started.lock().unwrap().take();
        let shutdown = rocket.shutdown();
        started.unwrap()(SocketAddr::new(config.address, config.port), Box::new(move || shutdown.notify()));
        Box::pin(async {})
    }));
    crate::runtime().block_on(async { server.launch().await }).unwrap();
}

#[derive(Clone)]
struct Goal(Run);

#[rocket::async_trait]
impl Handler for Goal {
    async fn handle<'r>(&self, request: &'r Request<'_>, _body: Data<'r>) -> Outcome<'r> {
        let rest = request.param::<String>(1).and_then(Result::ok).unwrap_or_default();
        /// Takes a guard, as `#[get]` does.
        macro_rules! take {
            ($guard:ty) => {
                match <$guard as FromRequest<'_>>::from_request(request).await {
                    Guarded::Success(guard) => guard,
                    Guarded::Error((status, _)) => return Outcome::Error(status),
                    Guarded::Forward(_) => return Outcome::Error(Status::NotFound),
                }
            };
        }
        let reply = match &self.0 {
            Run::Plain => Ok(table::plain()),
            Run::Guarded(ran) => Ok(table::guarded(ran)),
            Run::Session(run) => run(take!(Session<Site>), rest).await,
            Run::Either(run) => Ok(run(take!(Option<Session<Site>>))),
            Run::Both(run) => Ok(run(take!(Session<Site>), take!(Session<Desk>))),
            Run::Polled(run) => Ok(run(take!(Passive), take!(Session<Site>))),
            Run::Cookies(run) => run(take!(Cookies), rest),
            Run::Member => Ok(table::member(take!(View<Member>))),
            Run::Hidden => Ok(table::hidden(take!(View<Hidden>))),
            Run::Fresh => Ok(table::fresh(take!(View<Fresh>))),
        };
        match reply {
            Ok(Reply { changes: Some(changes), status, .. }) => {
                let answer = changes.with((Status::new(status), "failed"));
                answer.respond_to(request).map_or_else(Outcome::Error, Outcome::Success)
            }
            Ok(reply) => Outcome::Success(response(reply)),
            Err(error) => error.respond_to(request).map_or_else(Outcome::Error, Outcome::Success),
        }
    }
}

fn response<'r>(reply: Reply) -> Response<'r> {
    let mut response = Response::new();
    response.set_status(Status::new(reply.status));
    for (name, value) in reply.headers {
        response.adjoin_header(Header::new(name, value));
    }
    match reply.body {
        Text::Whole(text) => response.set_sized_body(text.len(), Cursor::new(text)),
        Text::Endless(text) => response.set_streamed_body(Endless(Cursor::new(text))),
    }
    response
}

/// A body that sends this text, and then never ends.
struct Endless(Cursor<&'static str>);

impl rocket::tokio::io::AsyncRead for Endless {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
        buffer: &mut rocket::tokio::io::ReadBuf<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        let text = &self.0.get_ref()[usize::try_from(self.0.position()).unwrap()..];
        if text.is_empty() {
            return std::task::Poll::Pending;
        }
        buffer.put_slice(text.as_bytes());
        let end = self.0.get_ref().len() as u64;
        self.0.set_position(end);
        std::task::Poll::Ready(Ok(()))
    }
}
