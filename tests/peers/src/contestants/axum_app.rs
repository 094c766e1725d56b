//! The application over axum, for any session that a handler can take.

use std::rc::Rc;

use axum::{
    Router,
    body::Body,
    extract::FromRequestParts,
    routing::{get, post},
};
use http::{Request, header::COOKIE};
use tower::ServiceExt as _;

use crate::{
    app::{App, Reply, is_get},
    session::Shop,
    site::Site,
    works,
};

pub fn routes<S>() -> Router
where
    S: Shop + FromRequestParts<()> + Send + 'static,
{
    Router::new()
        .route("/W0", get(works::untouched))
        .route("/W1", get(|mut s: S| async move { works::read(&mut s).await }))
        .route("/W2", get(|mut s: S| async move { works::write(&mut s).await }))
        .route("/W2-dark", get(|mut s: S| async move { works::write_dark(&mut s).await }))
        .route("/W2-dim", get(|mut s: S| async move { works::write_dim(&mut s).await }))
        .route("/W3", get(|mut s: S| async move { works::start(&mut s).await }))
        .route("/W4", get(|mut s: S| async move { works::end(&mut s).await }))
        .route("/begin", post(|mut s: S| async move { works::begin(&mut s).await }))
        .route("/guest", post(|mut s: S| async move { works::guest(&mut s).await }))
        .route("/in", post(|mut s: S| async move { works::sign_in(&mut s).await }))
        .route("/out", post(|mut s: S| async move { works::end(&mut s).await }))
        .route("/theme", post(|mut s: S| async move { works::slow_theme(&mut s).await }))
        .route("/locale", post(|mut s: S| async move { works::slow_locale(&mut s).await }))
        .route("/count", post(|mut s: S| async move { works::slow_count(&mut s).await }))
        .route("/show", post(|mut s: S| async move { works::show(&mut s).await }))
}

pub fn site(router: Router) -> Site {
    let served = router.clone();
    Site {
        app: Box::new(|| Box::pin(async { app(router) })),
        serve: Box::new(|listener| {
            Box::pin(async {
                listener.set_nonblocking(true)?;
                axum::serve(tokio::net::TcpListener::from_std(listener)?, served).await
            })
        }),
    }
}

pub fn app(router: Router) -> App {
    Rc::new(move |path, cookie| {
        let request = if is_get(path) { Request::get(path) } else { Request::post(path) };
        let request = match cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        };
        let (request, router) = (request.body(Body::empty()).unwrap(), router.clone());
        Box::pin(async move { Reply::Http(router.oneshot(request).await.unwrap().map(drop)) })
    })
}
