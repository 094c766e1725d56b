//! poem: [`SessionLayer`], [`CookiesLayer`], [`SameOriginLayer`] and [`ViewLayer`] for `with`, and the arguments of handlers.

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, SET_COOKIE},
    uri::PathAndQuery,
};
use poem::{
    Body, Endpoint, FromRequest, IntoResponse as _, Middleware, Request, RequestBody, Response, Result,
    error::ResponseError,
};

use super::{
    Cookies, CookiesLayer, CookiesRejection, Page, Passive, RequestHead, SameOriginLayer, SessionLayer,
    SessionRejection, ViewLayer, ViewRejection, Visit,
    around::{Around as _, Ending, Handled},
};
use crate::{
    error::Error,
    session::{Schema, Session},
    view::{View, Viewed},
};

impl RequestHead for Request {
    fn method(&self) -> &str {
        self.method().as_str()
    }

    fn target(&self) -> Option<PathAndQuery> {
        self.original_uri().path_and_query().cloned()
    }

    fn authority(&self) -> Option<&str> {
        self.original_uri().authority().map(|authority| authority.as_str())
    }

    fn header<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers().get_all(name).iter().map(HeaderValue::as_bytes)
    }
}

/// A poem endpoint within one of our middlewares.
#[derive(Debug)]
pub struct PoemEndpoint<M, Inner> {
    layer: M,
    inner: Inner,
}

/// Implements poem's middleware traits for a layer.
macro_rules! middleware {
    ($layer:ty $(, $kind:ident: $bound:path)?) => {
        impl<Inner: Endpoint $(, $kind: $bound + 'static)?> Middleware<Inner> for $layer {
            type Output = PoemEndpoint<Self, Inner>;

            fn transform(&self, inner: Inner) -> Self::Output {
                PoemEndpoint { layer: self.clone(), inner }
            }
        }

        impl<Inner: Endpoint $(, $kind: $bound + 'static)?> Endpoint for PoemEndpoint<$layer, Inner> {
            type Output = Response;

            async fn call(&self, mut request: Request) -> Result<Response> {
                let mut visit: Visit = request.extensions().get().cloned().unwrap_or_default();
                let after = match self.layer.before(&request, &mut visit).await {
                    Ok(after) => after,
                    Err(page) => return Ok(response(page)),
                };
                request.extensions_mut().insert(visit);
                let handled = self.inner.call(request).await;
                let (response, error) = match handled {
                    Ok(response) => (response.into_response(), None),
                    Err(error) => match page_of(&error) {
                        Some(page) => (response(page), None),
                        None if error.is_from_response() => (error.into_response(), None),
                        None => (Response::builder().status(error.status()).finish(), Some(error)),
                    },
                };
                let ending = <$layer>::after(after, facts(&response)).await;
                match error {
                    // The session adds nothing to the response, so middlewares around this one get the error itself.
                    Some(error) if !ending.writes() => Err(error),
                    Some(error) => Ok(finish(error.into_response(), ending)),
                    None => Ok(finish(response, ending)),
                }
            }
        }
    };
}

middleware!(SessionLayer<S>, S: Schema);
middleware!(CookiesLayer);
middleware!(SameOriginLayer);
middleware!(ViewLayer<V>, V: Viewed);

/// Returns the page of an error of ours, unless the application has given it another status.
fn page_of(error: &poem::Error) -> Option<Page> {
    let rejected = || {
        let session = error.downcast_ref::<SessionRejection>().map(|rejection| rejection.clone().into_page());
        let view = || error.downcast_ref::<ViewRejection>().map(|rejection| rejection.clone().into_page());
        let cookies = || error.downcast_ref::<CookiesRejection>().map(|rejection| rejection.clone().into_page());
        session.or_else(view).or_else(cookies)
    };
    let page = error.downcast_ref::<Error>().map(Page::of_handler).or_else(rejected);
    page.filter(|page| page.status() == error.status())
}

fn facts(response: &Response) -> Handled {
    let extensions = response.extensions();
    Handled { status: response.status().as_u16(), changes: extensions.get().copied(), made: extensions.get().cloned() }
}

/// Turns the handler's response into the one that is sent.
fn finish(mut handled: Response, mut ending: Ending) -> Response {
    if let Some(page) = ending.page.take() {
        let mut instead = response(page);
        for line in handled.headers().get_all(SET_COOKIE) {
            instead.headers_mut().append(SET_COOKIE, line.clone());
        }
        handled = instead;
    } else if let Some(own) = ending.own_page.take() {
        Page::removes().iter().for_each(|name| drop(handled.headers_mut().remove(name)));
        handled.headers_mut().insert(CONTENT_TYPE, own.content_type());
        handled.set_body(Body::from(own.body().to_owned()));
        handled.extensions_mut().insert(own);
    }
    ending.write(handled.headers_mut());
    handled
}

/// Returns one of our pages as a response, and puts it into the response's extensions too.
fn response(page: Page) -> Response {
    let mut response = Response::builder().status(page.status()).body(page.body().to_owned());
    *response.headers_mut() = page.headers();
    response.extensions_mut().insert(page.refusal());
    if let Some(forged) = page.forged() {
        response.extensions_mut().insert(forged.clone());
    }
    response.extensions_mut().insert(page);
    response
}

/// The session of the request. `Option<Session<S>>` is `None` after any error, even if the store is down, since poem turns every
/// error of an optional argument into `None`. `poem::Result<Session<S>>` tells the cases apart.
impl<'a, S: Schema + 'static> FromRequest<'a> for Session<S> {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        Ok(Self::of_visit(request.extensions().get(), request).await?)
    }
}

/// The view of the request's session.
impl<'a, V: Viewed + 'static> FromRequest<'a> for View<V> {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        Ok(Self::of_visit(request.extensions().get(), request).await?)
    }
}

impl<'a> FromRequest<'a> for Cookies {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        Ok(Self::of_visit(request.extensions().get(), request)?)
    }
}

impl<'a> FromRequest<'a> for Passive {
    async fn from_request(request: &'a Request, _body: &mut RequestBody) -> Result<Self> {
        Ok(Self::of_visit(request.extensions().get()))
    }
}

/// Lets a handler return an error of ours.
macro_rules! response_error {
    ($($error:ty),*) => {$(
        impl ResponseError for $error {
            fn status(&self) -> StatusCode {
                self.clone().into_page().status()
            }

            fn as_response(&self) -> Response {
                response(self.clone().into_page())
            }
        }
    )*};
}

response_error!(SessionRejection, ViewRejection, CookiesRejection);

/// The response to an error that a handler passes on with `?`: [`Error::into_page`].
impl ResponseError for Error {
    fn status(&self) -> StatusCode {
        Page::of(self).status()
    }

    fn as_response(&self) -> Response {
        response(Page::of_handler(self))
    }
}
