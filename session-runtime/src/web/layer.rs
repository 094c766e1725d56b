//! [`SessionLayer`]: the options of a middleware that serves sessions, and what it does at the start of a request.

use std::{fmt, sync::Arc};

use super::{Commit, Page, RequestHead, Visit, head::is_safe, origin::Rules, page::Pages};
use crate::{error::Error, session::Schema, sessions::Sessions, view::local_path};

impl<S: Schema> Sessions<S> {
    /// Returns the middleware that serves these sessions to the routes within it, in each of the supported frameworks:
    ///
    /// | framework | feature | |
    /// |---|---|---|
    /// | axum, tower | `axum` (default), `tower` | `router.layer(sessions.layer())` |
    /// | actix-web 4 | `actix` | `App::new().wrap(sessions.layer())` |
    /// | poem 3 | `poem` | `route.with(sessions.layer())` |
    /// | salvo 1 | `salvo` | `router.hoop(sessions.layer())` |
    /// | rocket 0.5 | `rocket` | `rocket::build().attach(sessions.layer())` |
    ///
    /// A response that depends on a session gets `Vary: Cookie`, and `Cache-Control: private` unless the handler sets one. If a
    /// layer of yours adds `no-store` only to responses without `Cache-Control`, put it inside this one.
    ///
    /// A route that does not use its session costs nothing. The head of the response is not sent until the session is stored.
    /// As a tower layer, the middleware turns every body into axum's type, since it may replace the response with a page;
    /// bodies of that type stay as they are.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # #[cfg(feature = "axum")]
    /// # fn show(sessions: Sessions<Shop>) -> axum::Router {
    /// use axum::{Router, routing::get};
    ///
    /// async fn home(session: Session<Shop>) -> String {
    ///     session.theme().to_owned()
    /// }
    ///
    /// Router::new().route("/", get(home)).layer(sessions.layer())
    /// # }
    /// ```
    #[doc(alias = "middleware")]
    #[must_use]
    pub fn layer(&self) -> SessionLayer<S> {
        SessionLayer { sessions: self.clone(), mounted_at: None, origin: None, pages: None }
    }
}

/// A middleware that serves sessions to the routes within it. Made by [`Sessions::layer`].
///
/// ```
/// # use session_runtime::{Session, SessionLayer, Sessions};
/// # #[derive(Session)] struct Shop { theme: String }
/// # fn show(sessions: Sessions<Shop>) {
/// let layer: SessionLayer<Shop> = sessions.layer();
/// # }
/// ```
pub struct SessionLayer<S: Schema> {
    sessions: Sessions<S>,
    mounted_at: Option<Arc<str>>,
    origin: Option<Arc<Rules>>,
    pages: Option<Pages>,
}

impl<S: Schema> SessionLayer<S> {
    /// Says that the application is mounted at this path of its site, such as `/app`. The layer cannot always see that path:
    /// axum's `nest` removes it, and so do some proxies. With this option, the redirects of views (`or_redirect`,
    /// `stale_redirect`) and their `next` get the path as a prefix: `or_redirect = "/login"` leads to `/app/login`.
    ///
    /// # Errors
    /// [`Error::is_setup`] if `path` is not a path such as `/app`.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # #[cfg(feature = "axum")]
    /// # fn show(sessions: Sessions<Shop>, shop: axum::Router) -> Result<axum::Router, Error> {
    /// let shop = shop.layer(sessions.layer().mounted_at("/app")?);
    /// Ok(axum::Router::new().nest("/app", shop))
    /// # }
    /// ```
    pub fn mounted_at(self, path: &str) -> Result<Self, Error> {
        let prefix = path.strip_suffix('/').unwrap_or(path);
        let is_wrong =
            |prefix: &str| local_path(prefix).is_none() || prefix.contains(['?', '#', '%']) || prefix.contains("//");
        if path.contains("//") || !prefix.is_empty() && is_wrong(prefix) {
            let sentence =
                format!("`{path}` is not a path that an application can be mounted at; write one such as `/app`");
            return Err(Error::setup(sentence));
        }
        let mounted_at = (!prefix.is_empty()).then(|| prefix.into());
        Ok(Self { mounted_at, ..self })
    }

    /// Answers 403 to requests that could change something, unless they come from a page of this origin. So other sites cannot
    /// forge requests (CSRF, SECURITY S36). [`SameOriginLayer`](crate::SameOriginLayer) has the rules.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>) -> Result<(), session_runtime::Error> {
    /// let layer = sessions.layer().same_origin();
    /// // With a front end on another origin, and programs that send no origin:
    /// let layer = sessions.layer().same_origin().trust("https://app.example.com")?.allow_programs();
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn same_origin(mut self) -> Self {
        self.rules();
        self
    }

    /// Trusts the pages of an origin as this site's own, as [`SameOriginLayer::trust`](crate::SameOriginLayer::trust) does.
    /// This option implies [`same_origin`](Self::same_origin).
    ///
    /// # Errors
    /// [`Error::is_setup`], with what to write instead, if `origin` has a wildcard or a path, lacks a scheme, or is `null`.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>) -> Result<(), session_runtime::Error> {
    /// let layer = sessions.layer().same_origin().trust("https://app.example.com")?;
    /// # Ok(()) }
    /// ```
    pub fn trust(mut self, origin: &str) -> Result<Self, Error> {
        self.rules().trust(origin)?;
        Ok(self)
    }

    /// Admits requests that name no origin, as [`SameOriginLayer::allow_programs`](crate::SameOriginLayer::allow_programs)
    /// does. This option implies [`same_origin`](Self::same_origin).
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>) {
    /// let layer = sessions.layer().same_origin().allow_programs();
    /// # }
    /// ```
    #[must_use]
    pub fn allow_programs(mut self) -> Self {
        self.rules().allows_programs = true;
        self
    }

    /// Replaces the pages of this crate with the application's own. `replace` gets each page of this crate that passes through
    /// the layer, whether the layer, a view or the `?` of a handler made it. Status and headers stay as they are, and
    /// redirects are not replaced. If `replace` returns a page unchanged, the visitor gets that page.
    ///
    /// If one layer is within another, the pages of the inner layer are sent. So an API can have its own pages: put
    /// `.layer(sessions.layer().pages(…))` around its routes.
    ///
    /// ```
    /// # use session_runtime::{Session, SessionRefusal, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # fn show(sessions: Sessions<Shop>) {
    /// let layer = sessions.layer().pages(|page| match page.refusal() {
    ///     SessionRefusal::StoreDown => page.html("<h1>Back in a minute</h1>"),
    ///     SessionRefusal::Changed => page.html("<h1>Please reload</h1><p>You signed in or out in another tab."),
    ///     _ => page,
    /// });
    /// // For a JSON API:
    /// let layer = sessions.layer().pages(|page| {
    ///     let body = format!(r#"{{"error":"{}"}}"#, page.status().as_u16());
    ///     page.json(body)
    /// });
    /// # }
    /// ```
    #[must_use]
    pub fn pages(self, replace: impl Fn(Page) -> Page + Send + Sync + 'static) -> Self {
        Self { pages: Some(Pages::new(replace)), ..self }
    }

    fn rules(&mut self) -> &mut Rules {
        Arc::make_mut(self.origin.get_or_insert_default())
    }
}

/// For the authors of adapters: see [`web`](crate::web).
impl<S: Schema> SessionLayer<S> {
    /// Starts a request. Adds the sessions to `visit`, which the adapter stores with the request.
    ///
    /// # Errors
    /// The page to answer with; the handler must not run. Either another site forged the request ([`Page::forged`] says which
    /// rule it broke), or this layer cannot be within another one: both use the same cookie for different kinds of sessions, or
    /// both have sessions of this struct, but from different `Sessions`.
    pub fn begin(&self, head: &impl RequestHead, visit: &mut Visit) -> Result<Commit, Page> {
        let own = |page: Page| page.replaced(self.pages.as_ref());
        if let Some(rules) = &self.origin {
            rules.refuse(head).map_err(|refusal| own(Page::other_site(refusal)))?;
        }
        let engine = &self.sessions.engine;
        match visit.find::<S>() {
            // An outer layer already serves these sessions. If this layer committed too, the response would have two cookies of
            // one name, and the browser would lose the first one.
            Some(outer) if outer.request.is_of(engine) => return Ok(Commit::within_another(self.pages.clone())),
            // Handlers would get the sessions of this layer, and never those of the outer one.
            Some(_) => {
                engine.report_rival();
                return Err(own(Page::broken("two layers have different sessions of one struct")));
            }
            None => {}
        }
        if let Some(other) = visit.colliding(engine) {
            engine.report_collision(other);
            return Err(own(Page::broken("two kinds of sessions have the same cookie")));
        }
        let request = Arc::new(self.sessions.request(head.method() != "HEAD"));
        visit.reserve(&request);
        visit.enter::<S>(Arc::clone(&request), head.target(), self.mounted_at.clone());
        Ok(Commit::new(request, is_safe(head), self.pages.clone()))
    }
}

impl<S: Schema> Clone for SessionLayer<S> {
    fn clone(&self) -> Self {
        Self {
            sessions: self.sessions.clone(),
            mounted_at: self.mounted_at.clone(),
            origin: self.origin.clone(),
            pages: self.pages.clone(),
        }
    }
}

impl<S: Schema> fmt::Debug for SessionLayer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer")
            .field("sessions", &self.sessions)
            .field("same_origin", &self.origin)
            .finish_non_exhaustive()
    }
}
