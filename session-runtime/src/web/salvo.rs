//! salvo: [`SessionLayer`], [`CookiesLayer`], [`SameOriginLayer`] and [`ViewLayer`] for `hoop`, and the arguments of handlers.

use std::sync::OnceLock;

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
    uri::PathAndQuery,
};
use salvo_core::{
    Depot, Extractible, FlowCtrl, Handler, Request, Response, Scribe, async_trait, extract::Metadata, http::ResBody,
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
        self.uri().path_and_query().cloned()
    }

    fn authority(&self) -> Option<&str> {
        self.uri().authority().map(|authority| authority.as_str())
    }

    fn header<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.headers().get_all(name).iter().map(HeaderValue::as_bytes)
    }
}

/// Implements `Handler` for a layer, so that it is a hoop.
macro_rules! hoop {
    ($layer:ty $(, $kind:ident: $bound:path)?) => {
        #[async_trait]
        impl $(<$kind: $bound + 'static>)? Handler for $layer {
            async fn handle(&self, request: &mut Request, depot: &mut Depot, response: &mut Response, flow: &mut FlowCtrl) {
                let mut visit: Visit = request.extensions().get().cloned().unwrap_or_default();
                match self.before(&*request, &mut visit).await {
                    Ok(after) => {
                        request.extensions_mut().insert(visit);
                        flow.call_next(request, depot, response).await;
                        restore(response);
                        let ending = <$layer>::after(after, facts(response)).await;
                        finish(response, ending);
                    }
                    Err(page) => {
                        render(page, response);
                        flow.skip_rest();
                    }
                }
            }
        }
    };
}

hoop!(SessionLayer<S>, S: Schema);
hoop!(CookiesLayer);
hoop!(SameOriginLayer);
hoop!(ViewLayer<V>, V: Viewed);

/// Restores the status of our page: if an argument's rejection is a redirect, `#[handler]` sets the status to 400.
fn restore(response: &mut Response) {
    if let Some(made) = response.extensions.get::<Page>()
        && response.status_code == Some(StatusCode::BAD_REQUEST)
    {
        response.status_code = Some(made.status());
    }
}

fn facts(response: &Response) -> Handled {
    Handled {
        status: response.status_code.unwrap_or_default().as_u16(),
        changes: response.extensions.get().copied(),
        made: response.extensions.get().cloned(),
    }
}

/// Turns the handler's response into the one that is sent.
fn finish(response: &mut Response, mut ending: Ending) {
    if let Some(page) = ending.page.take() {
        render(page, response);
    } else if let Some(own) = ending.own_page.take() {
        Page::removes().iter().for_each(|name| drop(response.headers_mut().remove(name)));
        response.headers_mut().insert(CONTENT_TYPE, own.content_type());
        response.replace_body(ResBody::Once(own.body().to_owned().into()));
        response.extensions.insert(own);
    }
    ending.write(response.headers_mut());
}

/// Writes one of our pages, and puts it into the response's extensions too.
fn render(page: Page, response: &mut Response) {
    response.status_code = Some(page.status());
    // Other headers and the cookies stay, since hoops around this one may have set them.
    Page::removes().iter().chain([&LOCATION]).for_each(|name| drop(response.headers_mut().remove(name)));
    for (name, value) in &page.headers() {
        response.headers_mut().insert(name, value.clone());
    }
    response.replace_body(ResBody::Once(page.body().to_owned().into()));
    response.extensions.insert(page.refusal());
    if let Some(forged) = page.forged() {
        response.extensions.insert(forged.clone());
    }
    response.extensions.insert(page);
}

/// Implements `Extractible` for a type, so that handlers can take it as an argument.
macro_rules! extractible {
    ($argument:ty, $rejection:ty, |$request:ident| $extract:expr $(, $kind:ident: $bound:path)?) => {
        impl<'ex $(, $kind: $bound + 'static)?> Extractible<'ex> for $argument {
            fn metadata() -> &'static Metadata {
                static METADATA: OnceLock<Metadata> = OnceLock::new();
                METADATA.get_or_init(|| Metadata::new(""))
            }

            #[allow(refining_impl_trait, reason = "callers see which error it is")]
            async fn extract($request: &'ex mut Request, _depot: &'ex mut Depot) -> Result<Self, $rejection> {
                $extract
            }
        }
    };
}

extractible!(Session<S>, SessionRejection, |request| Self::of_visit(request.extensions().get(), &*request).await, S: Schema);
extractible!(View<V>, ViewRejection, |request| Self::of_visit(request.extensions().get(), &*request).await, V: Viewed);
extractible!(Cookies, CookiesRejection, |request| Self::of_visit(request.extensions().get(), &*request));
extractible!(Passive, SessionRejection, |request| Ok(Self::of_visit(request.extensions().get())));

/// Lets a handler return an error of ours.
macro_rules! scribe {
    ($($error:ty),*) => {$(
        impl Scribe for $error {
            fn render(self, response: &mut Response) {
                render(self.into_page(), response);
            }
        }
    )*};
}

scribe!(SessionRejection, ViewRejection, CookiesRejection, Error);
