//! Serves the table of routes with poem.

use std::{net::SocketAddr, sync::Arc};

use futures_util::future::BoxFuture;
use poem::{
    Body, Endpoint, EndpointExt as _, FromRequest, IntoResponse, Request, Response, Route as Router, RouteMethod,
    Server,
    http::{HeaderName, HeaderValue, Method, StatusCode},
    listener::TcpAcceptor,
};
use session_runtime::{Cookies, Passive, Session, SessionRefusal, View};
use tests::app::Site;
use tokio::sync::Notify;

use crate::{
    Application, Stop,
    table::{self, Desk, Fresh, Hidden, Member, Reply, Run, Text},
};

pub(crate) fn serve(application: Application, started: impl FnOnce(SocketAddr, Stop)) {
    crate::runtime().block_on(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let stopping = Arc::new(Notify::new());
        let stop = Arc::clone(&stopping);
        started(listener.local_addr().unwrap(), Box::new(move || stop.notify_one()));
        let acceptor = TcpAcceptor::from_std(listener).unwrap();
        let signal = async move { stopping.notified().await };
        let server = Server::new_with_acceptor(acceptor);
        server.run_with_graceful_shutdown(router(application), signal, None).await.unwrap();
    });
}

fn router(application: Application) -> impl Endpoint {
    let mut paths: Vec<(String, RouteMethod)> = Vec::new();
    for one in application.routes {
        let (path, method) = (one.pattern(":rest"), if one.is_post { Method::POST } else { Method::GET });
        let known = paths.iter().position(|(known, _)| *known == path);
        let (path, methods) = known.map_or((path, RouteMethod::new()), |at| paths.remove(at));
        let methods = match &one.run {
            Run::Guarded(_) => methods.method(method, Handler(one.run).with(View::<Member>::layer())),
            _ => methods.method(method, Handler(one.run)),
        };
        paths.push((path, methods));
    }
    let router = paths.into_iter().fold(Router::new(), |router, (path, methods)| router.at(path, methods));
    let mut endpoint = router.boxed();
    if let Some(sessions) = application.sessions {
        endpoint = endpoint.with(sessions).boxed();
    }
    if let Some(again) = application.again {
        endpoint = endpoint.with(again).boxed();
    }
    if let Some(desk) = application.desk {
        endpoint = endpoint.with(desk).boxed();
    }
    if let Some(cookies) = application.cookies {
        endpoint = endpoint.with(cookies).boxed();
    }
    endpoint.around(|inner, request| async move { inner.call(request).await.map(name_refusal) })
}

/// The application's own middleware.
fn name_refusal(mut response: Response) -> Response {
    if let Some(refusal) = response.extensions().get::<SessionRefusal>().copied() {
        response.headers_mut().insert(table::REFUSAL, format!("{refusal:?}").parse().unwrap());
    }
    response
}

struct Handler(Run);

impl Endpoint for Handler {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let rest = || request.raw_path_param("rest").unwrap_or_default().to_owned();
        let reply = match &self.0 {
            Run::Plain => table::plain(),
            Run::Guarded(ran) => table::guarded(ran),
            Run::Session(run) => run(take(&request).await?, rest()).await?,
            Run::Either(run) => run(take::<Session<Site>>(&request).await.ok()),
            Run::Both(run) => run(take(&request).await?, take::<Session<Desk>>(&request).await?),
            Run::Polled(run) => run(take::<Passive>(&request).await?, take(&request).await?),
            Run::Cookies(run) => run(take::<Cookies>(&request).await?, rest())?,
            Run::Member => table::member(take::<View<Member>>(&request).await?),
            Run::Hidden => table::hidden(take::<View<Hidden>>(&request).await?),
            Run::Fresh => table::fresh(take::<View<Fresh>>(&request).await?),
        };
        Ok(reply.into_response())
    }
}

/// Takes an argument out of the request, as `#[handler]` does.
fn take<'a, T: FromRequest<'a> + Send + 'a>(request: &'a Request) -> BoxFuture<'a, poem::Result<T>> {
    Box::pin(async move { T::from_request_without_body(request).await })
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let body = match self.body {
            Text::Whole(text) => Body::from(text),
            Text::Endless(text) => Body::from_bytes_stream(Text::stream(text)),
        };
        let mut response = Response::builder().status(StatusCode::from_u16(self.status).unwrap()).body(body);
        for (name, value) in self.headers {
            response.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        if let Some(changes) = self.changes {
            response.extensions_mut().insert(changes);
        }
        response
    }
}
