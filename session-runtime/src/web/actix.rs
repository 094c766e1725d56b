//! actix-web: [`SessionLayer`], [`CookiesLayer`], [`SameOriginLayer`] and [`ViewLayer`] for `wrap`, and the arguments of
//! handlers.

use std::{
    convert::Infallible,
    fmt,
    future::{Future, Ready, ready},
    pin::Pin,
    rc::Rc,
};

use actix_web::{
    Error as ActixError, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready},
    http::{StatusCode, header as actix},
};
use http::{HeaderMap, HeaderName, HeaderValue, header, uri::PathAndQuery};

use super::{
    Cookies, CookiesLayer, CookiesRejection, Page, Passive, RequestHead, SameOriginLayer, SessionLayer,
    SessionRejection, ViewLayer, ViewRejection, Visit,
    around::{Around, Ending, Handled},
};
use crate::{
    error::Error,
    session::{Schema, Session},
    view::{View, Viewed},
};

type Answered<B> = Result<ServiceResponse<EitherBody<B>>, ActixError>;

impl RequestHead for HttpRequest {
    fn method(&self) -> &str {
        self.method().as_str()
    }

    fn target(&self) -> Option<PathAndQuery> {
        self.uri().path_and_query().and_then(|target| target.as_str().parse().ok())
    }

    fn authority(&self) -> Option<&str> {
        self.uri().authority().map(|authority| authority.as_str())
    }

    fn header<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers().get_all(name.as_str()).map(actix::HeaderValue::as_bytes)
    }
}

/// Runs a middleware.
async fn serve<M, Inner, B>(layer: M, inner: Rc<Inner>, request: ServiceRequest) -> Answered<B>
where
    M: Around,
    Inner: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError>,
    B: MessageBody + 'static,
{
    let visit = request.extensions().get().cloned();
    let mut visit: Visit = visit.unwrap_or_default();
    let after = match layer.before(request.request(), &mut visit).await {
        Ok(after) => after,
        Err(page) => return Ok(request.into_response(response(page)).map_into_right_body()),
    };
    request.extensions_mut().insert(visit);
    let handled = inner.call(request).await;
    match handled {
        Ok(handled) => {
            let (request, handled) = handled.into_parts();
            let ending = M::after(after, facts(&handled)).await;
            Ok(ServiceResponse::new(request, finish(handled, ending)))
        }
        // A middleware within this one failed.
        Err(error) => {
            let ending = M::after(after, facts(&error.error_response())).await;
            Err(match ending {
                // The session adds nothing to the response, so the error stays as it is.
                Ending { page: None, own_page: None, .. } if !ending.writes() => error,
                ending => {
                    let page = ending.page.as_ref().or(ending.own_page.as_ref());
                    let body = page.map(|page| page.body().to_owned());
                    let head = finish(error.error_response(), ending).drop_body();
                    Failed { error, head, body }.into()
                }
            })
        }
    }
}

fn facts<B>(response: &HttpResponse<B>) -> Handled {
    let extensions = response.extensions();
    Handled { status: response.status().as_u16(), changes: extensions.get().copied(), made: extensions.get().cloned() }
}

/// Turns the handler's response into the one that is sent.
fn finish<B: MessageBody + 'static>(handled: HttpResponse<B>, mut ending: Ending) -> HttpResponse<EitherBody<B>> {
    let cookies =
        |response: &HttpResponse<B>| response.headers().get_all(actix::SET_COOKIE).cloned().collect::<Vec<_>>();
    let mut answer = match (ending.page.take(), ending.own_page.take()) {
        (None, None) => handled.map_into_left_body(),
        (None, Some(own)) => {
            let content_type = actix::HeaderValue::from_bytes(own.content_type().as_bytes());
            let mut answer = handled.set_body(BoxBody::new(own.body().to_owned()));
            answer.extensions_mut().insert(own);
            Page::removes().iter().for_each(|name| drop(answer.headers_mut().remove(name.as_str())));
            if let Ok(content_type) = content_type {
                answer.headers_mut().insert(actix::CONTENT_TYPE, content_type);
            }
            answer.map_into_right_body()
        }
        (Some(page), _) => {
            let (kept, mut answer) = (cookies(&handled), response(page));
            kept.into_iter().for_each(|line| answer.headers_mut().append(actix::SET_COOKIE, line));
            answer.map_into_right_body()
        }
    };
    if ending.writes() {
        let names = [
            (header::SET_COOKIE, actix::SET_COOKIE),
            (header::VARY, actix::VARY),
            (header::CACHE_CONTROL, actix::CACHE_CONTROL),
        ];
        let mut headers = HeaderMap::with_capacity(4);
        for (ours, theirs) in &names {
            for value in answer.headers().get_all(theirs) {
                if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                    headers.append(ours, value);
                }
            }
        }
        for (ours, theirs) in &names {
            if headers.contains_key(ours) {
                answer.headers_mut().remove(theirs);
            }
        }
        ending.write(&mut headers);
        for (ours, theirs) in names {
            for value in headers.get_all(ours) {
                if let Ok(value) = actix::HeaderValue::from_bytes(value.as_bytes()) {
                    answer.headers_mut().append(theirs.clone(), value);
                }
            }
        }
    }
    answer
}

/// Returns one of our pages as a response, and puts it into the response's extensions too.
fn response(page: Page) -> HttpResponse {
    let status = StatusCode::from_u16(page.status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, BoxBody::new(page.body().to_owned()));
    for (name, value) in &page.headers() {
        let value = actix::HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (actix::HeaderName::try_from(name.as_str()), value) {
            response.headers_mut().insert(name, value);
        }
    }
    response.extensions_mut().insert(page.refusal());
    if let Some(forged) = page.forged() {
        response.extensions_mut().insert(forged.clone());
    }
    response.extensions_mut().insert(page);
    response
}

/// The error of an inner middleware, with the headers and the page that our middleware gives its response.
#[derive(Debug)]
struct Failed {
    error: ActixError,
    /// The response without its body.
    head: HttpResponse<()>,
    /// The text of the page. `None` if the response keeps the body that the error itself makes.
    body: Option<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl ResponseError for Failed {
    fn status_code(&self) -> StatusCode {
        self.head.status()
    }

    /// Middlewares may call this several times.
    fn error_response(&self) -> HttpResponse {
        let mut response = match &self.body {
            Some(body) => HttpResponse::with_body(self.head.status(), BoxBody::new(body.clone())),
            None => self.error.error_response(),
        };
        *response.headers_mut() = self.head.headers().clone();
        response
    }
}

/// Implements actix-web's middleware traits for a layer.
macro_rules! middleware {
    ($layer:ty $(, $kind:ident: $bound:path)?) => {
        impl<Inner, B $(, $kind: $bound + 'static)?> Transform<Inner, ServiceRequest> for $layer
        where
            Inner: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError> + 'static,
            B: MessageBody + 'static,
        {
            type Response = ServiceResponse<EitherBody<B>>;
            type Error = ActixError;
            type Transform = ActixService<Self, Inner>;
            type InitError = ();
            type Future = Ready<Result<Self::Transform, ()>>;

            fn new_transform(&self, inner: Inner) -> Self::Future {
                ready(Ok(ActixService { layer: self.clone(), inner: Rc::new(inner) }))
            }
        }

        impl<Inner, B $(, $kind: $bound + 'static)?> Service<ServiceRequest> for ActixService<$layer, Inner>
        where
            Inner: Service<ServiceRequest, Response = ServiceResponse<B>, Error = ActixError> + 'static,
            B: MessageBody + 'static,
        {
            type Response = ServiceResponse<EitherBody<B>>;
            type Error = ActixError;
            type Future = Pin<Box<dyn Future<Output = Answered<B>>>>;

            forward_ready!(inner);

            fn call(&self, request: ServiceRequest) -> Self::Future {
                Box::pin(serve(self.layer.clone(), Rc::clone(&self.inner), request))
            }
        }
    };
}

/// The actix-web service of each of our middlewares.
#[derive(Debug)]
pub struct ActixService<M, Inner> {
    layer: M,
    inner: Rc<Inner>,
}

middleware!(SessionLayer<S>, S: Schema);
middleware!(CookiesLayer);
middleware!(SameOriginLayer);
middleware!(ViewLayer<V>, V: Viewed);

/// The session of the request. `Option<Session<S>>` is `None` after any error, even if the store is down, since actix-web turns
/// every error of an optional argument into `None`. `Result<Session<S>, SessionRejection>` tells the cases apart.
impl<S: Schema + 'static> FromRequest for Session<S> {
    type Error = SessionRejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, SessionRejection>>>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let (request, visit) = (request.clone(), visit(request));
        Box::pin(async move { Self::of_visit(visit.as_ref(), &request).await })
    }
}

/// The view of the request's session. actix-web extracts all arguments of a handler concurrently, and answers with the first
/// failure. So if a handler takes a view and a form, actix-web may read the form of a visitor whom the view refuses. To refuse
/// such visitors first, put `wrap(View::<V>::layer())` on the route.
impl<V: Viewed + 'static> FromRequest for View<V> {
    type Error = ViewRejection;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ViewRejection>>>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        let (request, visit) = (request.clone(), visit(request));
        Box::pin(async move { Self::of_visit(visit.as_ref(), &request).await })
    }
}

impl FromRequest for Cookies {
    type Error = CookiesRejection;
    type Future = Ready<Result<Self, CookiesRejection>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(Self::of_visit(visit(request).as_ref(), request))
    }
}

impl FromRequest for Passive {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _body: &mut Payload) -> Self::Future {
        ready(Ok(Self::of_visit(visit(request).as_ref())))
    }
}

fn visit(request: &HttpRequest) -> Option<Visit> {
    request.extensions().get().cloned()
}

/// Lets a handler return an error of ours.
macro_rules! response_error {
    ($($error:ty),*) => {$(
        impl ResponseError for $error {
            fn status_code(&self) -> StatusCode {
                let status = self.clone().into_page().status().as_u16();
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            fn error_response(&self) -> HttpResponse {
                response(self.clone().into_page())
            }
        }
    )*};
}

response_error!(SessionRejection, ViewRejection, CookiesRejection);

/// The response to an error that a handler passes on with `?`: [`Error::into_page`]. An error type of the application that
/// wraps this error must forward both methods. With actix-web's default `error_response`, the visitor would read the text that
/// is meant for the log.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(Page::of(self).status().as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        response(Page::of_handler(self))
    }
}
