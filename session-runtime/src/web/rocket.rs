//! rocket: [`SessionLayer`], [`CookiesLayer`] and [`SameOriginLayer`] as fairings, and the request guards.
//!
//! Rocket has no middleware: a fairing sees each request before the router and each response after it. So a fairing applies to
//! the whole server, and there is no `View::layer()`. If a guard fails, the catcher of its status answers.

use std::{
    any::Any,
    marker::PhantomData,
    sync::{Mutex, MutexGuard, PoisonError},
};

use http::{HeaderMap, HeaderName, HeaderValue, header, uri::PathAndQuery};
use rocket::{
    Build, Data, Ignite, Request, Response, Rocket, Sentinel,
    fairing::{Fairing, Info, Kind},
    http::{Header, Method, Status, uri::Origin},
    request::{FromRequest, Outcome},
    response::{self, Responder},
};

use super::{
    Changes, Cookies, CookiesLayer, CookiesRejection, Page, Passive, RequestHead, SameOriginLayer, SessionLayer,
    SessionRejection, ViewRejection, Visit,
    around::{Around, Ending, Handled},
};
use crate::{
    error::Error,
    session::{Schema, Session},
    view::{View, Viewed},
};

/// The head of a request. HTTP/2 sends the host as a pseudo-header, which Rocket does not store with the other headers.
struct Head<'a> {
    request: &'a Request<'a>,
    host: Option<String>,
    /// The cookies of a request from Rocket's local client, for tests. Such a request has no header for them.
    cookies: Option<String>,
}

impl<'a> Head<'a> {
    fn of(request: &'a Request<'_>) -> Self {
        let headers = request.headers();
        let host = request.host().filter(|_| !headers.contains("host")).map(ToString::to_string);
        let local = || {
            let pairs = request.cookies().iter().map(|cookie| format!("{}={}", cookie.name(), cookie.value()));
            pairs.collect::<Vec<_>>().join("; ")
        };
        let cookies = (!headers.contains("cookie")).then(local).filter(|cookies| !cookies.is_empty());
        Self { request, host, cookies }
    }
}

impl RequestHead for Head<'_> {
    fn method(&self) -> &str {
        self.request.method().as_str()
    }

    fn target(&self) -> Option<PathAndQuery> {
        self.request.uri().to_string().parse().ok()
    }

    fn authority(&self) -> Option<&str> {
        self.host.as_deref()
    }

    fn header<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let local = self.cookies.as_deref().filter(|_| *name == header::COOKIE);
        self.request.headers().get(name.as_str()).chain(local).map(str::as_bytes)
    }
}

/// The request's entry in Rocket's cache.
#[derive(Default)]
struct InRequest {
    visit: Visit,
    /// The states that the fairings need after the handler, each with the address of its fairing.
    after: Vec<(usize, Box<dyn Any + Send>)>,
    /// The page of the fairing that refused the request.
    refused: Option<(usize, Page)>,
    /// The page of the guard that failed last. The catcher of its status makes the response.
    made: Option<Page>,
    /// The page of an error that a handler returned.
    answered: Option<Page>,
    changes: Option<Changes>,
}

#[derive(Default)]
struct Cached(Mutex<InRequest>);

fn cached<'a>(request: &'a Request<'_>) -> MutexGuard<'a, InRequest> {
    request.local_cache(Cached::default).0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the request's sessions and cookies. A refused request has none, although catchers and other fairings still see it.
fn visit(request: &Request<'_>) -> Visit {
    let cached = cached(request);
    if cached.refused.is_some() { Visit::default() } else { cached.visit.clone() }
}

/// State that Rocket manages if a fairing of type `T` is attached.
struct Attached<T>(PhantomData<fn() -> T>);

/// Implements `Fairing` for a layer.
macro_rules! fairing {
    ($layer:ty, $name:literal $(, $kind:ident: $bound:path)?) => {
        #[rocket::async_trait]
        impl $(<$kind: $bound + 'static>)? Fairing for $layer {
            fn info(&self) -> Info {
                Info { name: $name, kind: Kind::Ignite | Kind::Request | Kind::Response }
            }

            async fn on_ignite(&self, rocket: Rocket<Build>) -> rocket::fairing::Result {
                // Refused requests become `CONNECT /`, which no route may answer.
                let route = rocket.routes().find(|route| route.method == Method::Connect).map(|route| route.uri.to_string());
                if let Some(route) = route {
                    tracing::error!(target: "session_runtime", %route, "a route for CONNECT would run for requests that are refused; remove it");
                    return Err(rocket);
                }
                Ok(match rocket.state::<Attached<Self>>() {
                    Some(_) => rocket,
                    None => rocket.manage(Attached::<Self>(PhantomData)),
                })
            }

            async fn on_request(&self, request: &mut Request<'_>, _body: &mut Data<'_>) {
                let fairing = std::ptr::from_ref(self).addr();
                let mut visit = {
                    let mut cached = cached(request);
                    // A test may clone a request that was already answered. The clone is then handled as a new request.
                    if cached.after.is_empty() && cached.refused.is_none() {
                        *cached = InRequest::default();
                    }
                    cached.visit.clone()
                };
                let before = self.before(&Head::of(request), &mut visit).await;
                let mut cached = cached(request);
                cached.visit = visit;
                match before {
                    Ok(after) => cached.after.push((fairing, Box::new(after))),
                    Err(page) => {
                        cached.refused = Some((fairing, page));
                        drop(cached);
                        // No route answers this method, so no handler runs. `on_response` replaces the 404 with the page.
                        request.set_method(Method::Connect);
                        request.set_uri(Origin::ROOT);
                    }
                }
            }

            async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
                let fairing = std::ptr::from_ref(self).addr();
                let (after, handled) = {
                    let mut cached = cached(request);
                    if let Some((_, page)) = cached.refused.take_if(|(by, _)| *by == fairing) {
                        put(page, response);
                    }
                    let at = cached.after.iter().position(|(by, _)| *by == fairing);
                    let after = at.map(|at| cached.after.remove(at).1);
                    let status = response.status().code;
                    let is_it = |page: &Page| page.status().as_u16() == status;
                    add_missing(cached.made.as_ref().filter(|page| is_it(page)), response);
                    let made = cached.answered.clone().filter(is_it);
                    (after, Handled { status, changes: cached.changes, made })
                };
                let Some(Ok(after)) = after.map(|after| after.downcast::<<Self as Around>::After>()) else { return };
                let ending = <Self as Around>::after(*after, handled).await;
                finish(response, ending);
            }
        }
    };
}

fairing!(SessionLayer<S>, "sessions", S: Schema);
fairing!(CookiesLayer, "cookies");
fairing!(SameOriginLayer, "same origin");

/// Adds those headers of the guard's page that the catcher's response lacks, above all the `Location` of a redirect.
fn add_missing(made: Option<&Page>, response: &mut Response<'_>) {
    for (name, value) in made.iter().flat_map(|page| page.headers()) {
        let (Some(name), Ok(value)) = (name, value.to_str()) else { continue };
        if !response.headers().contains(name.as_str()) {
            response.set_header(Header::new(name.as_str().to_owned(), value.to_owned()));
        }
    }
}

/// Turns the handler's response into the one that is sent.
fn finish(response: &mut Response<'_>, mut ending: Ending) {
    if let Some(page) = ending.page.take() {
        put(page, response);
    } else if let Some(own) = ending.own_page.take() {
        set_text(own, response);
    }
    if ending.writes() {
        let ours = [header::SET_COOKIE, header::VARY, header::CACHE_CONTROL];
        let mut headers = HeaderMap::with_capacity(4);
        for name in &ours {
            let values = response.headers().get(name.as_str());
            for value in values.filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
                headers.append(name, value);
            }
        }
        ending.write(&mut headers);
        for name in &ours {
            response.remove_header(name.as_str());
            for value in headers.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok()) {
                response.adjoin_header(Header::new(name.as_str().to_owned(), value.to_owned()));
            }
        }
    }
}

/// Replaces a response with a page. Cookies stay, and so do the headers that other fairings have set.
fn put(page: Page, response: &mut Response<'_>) {
    response.set_status(Status::new(page.status().as_u16()));
    response.remove_header(header::LOCATION.as_str());
    let headers = page.headers();
    set_text(page, response);
    for (name, value) in &headers {
        if let Ok(value) = value.to_str() {
            response.set_header(Header::new(name.as_str().to_owned(), value.to_owned()));
        }
    }
}

fn set_text(page: Page, response: &mut Response<'_>) {
    Page::removes().iter().for_each(|name| response.remove_header(name.as_str()));
    if let Ok(content_type) = page.content_type().to_str() {
        response.set_header(Header::new("content-type", content_type.to_owned()));
    }
    let body = page.into_body().into_owned();
    response.set_sized_body(body.len(), std::io::Cursor::new(body));
}

/// Returns one of our pages as a response.
fn answer<'r>(page: Page) -> Response<'r> {
    let mut response = Response::new();
    put(page, &mut response);
    response
}

/// Lets the catcher of the page's status answer.
fn failed<T, E: Clone>(request: &Request<'_>, rejection: E, page: fn(E) -> Page) -> Outcome<T, E> {
    let page = page(rejection.clone());
    let status = Status::new(page.status().as_u16());
    cached(request).made = Some(page);
    Outcome::Error((status, rejection))
}

/// The session of the request. `Option<Session<S>>` is `None` after any error, even if the store is down, since Rocket turns
/// every error of an optional guard into `None`. `Result<Session<S>, SessionRejection>` tells the cases apart. A server without
/// the fairing does not start.
#[rocket::async_trait]
impl<'r, S: Schema + 'static> FromRequest<'r> for Session<S> {
    type Error = SessionRejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, SessionRejection> {
        match Self::of_visit(Some(&visit(request)), &Head::of(request)).await {
            Ok(session) => Outcome::Success(session),
            Err(rejection) => failed(request, rejection, SessionRejection::into_page),
        }
    }
}

impl<S: Schema + 'static> Sentinel for Session<S> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Attached<SessionLayer<S>>>().is_none()
    }
}

/// The view of the request's session.
#[rocket::async_trait]
impl<'r, V: Viewed + 'static> FromRequest<'r> for View<V> {
    type Error = ViewRejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ViewRejection> {
        match Self::of_visit(Some(&visit(request)), &Head::of(request)).await {
            Ok(view) => Outcome::Success(view),
            Err(rejection) => failed(request, rejection, ViewRejection::into_page),
        }
    }
}

impl<V: Viewed + 'static> Sentinel for View<V> {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Attached<SessionLayer<V::Session>>>().is_none()
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Cookies {
    type Error = CookiesRejection;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, CookiesRejection> {
        match Self::of_visit(Some(&visit(request)), &Head::of(request)) {
            Ok(cookies) => Outcome::Success(cookies),
            Err(rejection) => failed(request, rejection, CookiesRejection::into_page),
        }
    }
}

impl Sentinel for Cookies {
    fn abort(rocket: &Rocket<Ignite>) -> bool {
        rocket.state::<Attached<CookiesLayer>>().is_none()
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Passive {
    type Error = std::convert::Infallible;

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, Self::Error> {
        Outcome::Success(Self::of_visit(Some(&visit(request))))
    }
}

impl Changes {
    /// Returns a responder that sends `response`, and stores or drops the handler's changes whatever the status of `response`.
    /// (Rocket's responses have no extensions.)
    ///
    /// ```
    /// use rocket::{http::Status, post};
    /// use session_runtime::{Changes, Session, WithChanges};
    ///
    /// #[derive(Session)]
    /// struct Shop {
    ///     #[session(counter)]
    ///     failures: u32,
    /// }
    ///
    /// #[post("/pay")]
    /// fn pay(mut session: Session<Shop>) -> WithChanges<(Status, &'static str)> {
    ///     session.failures_mut().add(1);
    ///     Changes::Keep.with((Status::BadGateway, "The bank does not answer."))
    /// }
    /// # let _ = rocket::routes![pay];
    /// ```
    pub fn with<R>(self, response: R) -> WithChanges<R> {
        WithChanges { changes: self, response }
    }
}

/// A response with [`Changes`], from [`Changes::with`].
#[derive(Clone, Copy, Debug)]
pub struct WithChanges<R> {
    changes: Changes,
    response: R,
}

impl<'r, 'o: 'r, R: Responder<'r, 'o>> Responder<'r, 'o> for WithChanges<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'o> {
        cached(request).changes = Some(self.changes);
        self.response.respond_to(request)
    }
}

/// Lets a handler return an error of ours.
macro_rules! responder {
    ($($error:ty),*) => {$(
        impl<'r> Responder<'r, 'static> for $error {
            fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
                let page = self.into_page();
                // The fairing may replace this page with the application's own.
                cached(request).answered = Some(page.clone());
                Ok(answer(page))
            }
        }
    )*};
}

responder!(SessionRejection, ViewRejection, CookiesRejection, Error);
