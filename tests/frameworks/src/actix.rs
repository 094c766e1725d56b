//! Serves the table of routes with actix-web.

use std::net::{SocketAddr, TcpListener};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, Responder,
    dev::{Service as _, ServiceResponse},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    middleware::Condition,
    web,
};
use session_runtime::{Cookies, Error, Passive, Session, SessionRefusal, SessionRejection, View};
use tests::app::Site;

use crate::{
    Application, Stop,
    table::{self, Desk, Fresh, Hidden, Member, Reply, Route, Run, Text},
};

pub(crate) fn serve(application: Application, started: impl FnOnce(SocketAddr, Stop)) {
    actix_web::rt::System::new().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let Application { routes, sessions, again, desk, cookies } = application;
        let any = sessions.clone().or(again.clone());
        let log = crate::this_log();
        // Each worker calls this on its own thread.
        let server = HttpServer::new(move || {
            crate::write_to(&log);
            let routes = routes.clone();
            let configure = |config: &mut web::ServiceConfig| {
                for one in routes {
                    config.service(resource(one));
                }
            };
            // `Condition` needs a layer even if its condition is false. A spare layer is then passed, and does nothing.
            let spare = |layer: &Option<_>| {
                layer
                    .clone()
                    .or(any.clone())
                    .unwrap_or_else(|| tests::app::Server::new(tests::store::AnyStore::memory()).sessions.layer())
            };
            App::new()
                .configure(configure)
                .wrap(Condition::new(sessions.is_some(), spare(&sessions)))
                .wrap(Condition::new(again.is_some(), spare(&again)))
                .wrap(Condition::new(desk.is_some(), desk.clone().unwrap_or_else(table::desk)))
                .wrap(Condition::new(cookies.is_some(), cookies.clone().unwrap_or_default()))
                .wrap_fn(|request, inner| {
                    let answered = inner.call(request);
                    async move { answered.await.map(name_refusal) }
                })
        });
        let server = server.workers(2).listen(listener).unwrap().run();
        let handle = server.handle();
        started(addr, Box::new(move || drop(handle.stop(true))));
        server.await.unwrap();
    });
}

/// The application's own middleware.
fn name_refusal<B>(mut answered: ServiceResponse<B>) -> ServiceResponse<B> {
    let refusal = answered.response().extensions().get::<SessionRefusal>().copied();
    if let Some(refusal) = refusal {
        let value = HeaderValue::try_from(format!("{refusal:?}")).unwrap();
        answered.headers_mut().insert(HeaderName::from_static(table::REFUSAL), value);
    }
    answered
}

fn resource(one: Route) -> actix_web::Resource {
    let path = one.pattern("{rest}");
    // Several resources may share a path, each with its method.
    let guard = if one.is_post {
        actix_web::guard::Any(actix_web::guard::Post())
    } else {
        actix_web::guard::Any(actix_web::guard::Get()).or(actix_web::guard::Head())
    };
    let resource = web::resource(path).guard(guard);
    let rest = |request: HttpRequest| request.match_info().get("rest").unwrap_or_default().to_owned();
    match one.run {
        Run::Plain => resource.to(async || table::plain()),
        Run::Session(run) => {
            resource.to(move |session: Session<Site>, request: HttpRequest| run(session, rest(request)))
        }
        Run::Either(run) => resource.to(move |session: Result<Session<Site>, SessionRejection>| {
            let run = run.clone();
            async move { run(session.ok()) }
        }),
        Run::Both(run) => resource.to(move |site: Session<Site>, desk: Session<Desk>| {
            let run = run.clone();
            async move { run(site, desk) }
        }),
        Run::Polled(run) => resource.to(move |passive: Passive, session: Session<Site>| {
            let run = run.clone();
            async move { run(passive, session) }
        }),
        Run::Cookies(run) => resource.to(move |cookies: Cookies, request: HttpRequest| {
            let (run, rest) = (run.clone(), rest(request));
            async move { run(cookies, rest) }
        }),
        Run::Member => resource.to(async |member: View<Member>| table::member(member)),
        Run::Hidden => resource.to(async |hidden: View<Hidden>| table::hidden(hidden)),
        Run::Fresh => resource.to(async |fresh: View<Fresh>| table::fresh(fresh)),
        Run::Guarded(ran) => {
            let run = move || {
                let ran = ran.clone();
                async move { table::guarded(&ran) }
            };
            web::resource("/guarded").route(web::get().to(run).wrap(View::<Member>::layer()))
        }
    }
}

impl Responder for Reply {
    type Body = actix_web::body::BoxBody;

    fn respond_to(self, _request: &HttpRequest) -> HttpResponse {
        let mut builder = HttpResponse::build(StatusCode::from_u16(self.status).unwrap());
        for header in self.headers {
            builder.append_header(header);
        }
        let mut response = match self.body {
            Text::Whole(text) => builder.body(text),
            Text::Endless(text) => builder.streaming(Text::stream(text)),
        };
        if let Some(changes) = self.changes {
            response.extensions_mut().insert(changes);
        }
        response
    }
}

const _: fn(&Error) -> HttpResponse = actix_web::ResponseError::error_response;
