//! actix-session. It has no store in memory, so it gets a minimal one: a map behind a lock.

use std::{
    collections::HashMap,
    io,
    net::TcpListener,
    rc::Rc,
    sync::{Arc, LazyLock, Mutex},
};

use actix_http::Request;
use actix_session::{
    Session, SessionMiddleware,
    config::CookieContentSecurity,
    storage::{LoadError, SaveError, SessionKey, SessionStore, UpdateError, generate_session_key},
};
use actix_web::{
    App as Actix, Error, FromRequest, HttpServer,
    body::MessageBody,
    cookie::{Key, time::Duration},
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse},
    test::TestRequest,
    web,
};
use futures_util::future::LocalBoxFuture;
use serde::{Serialize, de::DeserializeOwned};

use super::{Contestant, Framework, Pair};
use crate::{
    app::{App, Reply, is_get},
    keys::Keys,
    session::Shop,
    site::Site,
    works,
};

pub const CONTESTANT: Contestant = Contestant {
    name: "actix-session",
    package: "actix-session",
    framework: Framework::Actix,
    keeps: "a map of this benchmark, since it has no store in memory; eight keys",
    cookie: "signed",
    open: || Box::pin(async { signed(Store::default(), Key::generate()).await }),
    pair: Some(|| {
        Box::pin(async {
            let (store, key) = (Store::default(), Key::generate());
            let nodes = [signed(store.clone(), key.clone()).await, signed(store.clone(), key).await];
            Pair { nodes, records: Some(Box::new(move || store.0.lock().unwrap().len())) }
        })
    }),
};

type State = HashMap<String, String>;

#[derive(Clone, Default)]
struct Store(Arc<Mutex<HashMap<String, State>>>);

impl SessionStore for Store {
    async fn load(&self, key: &SessionKey) -> Result<Option<State>, LoadError> {
        Ok(self.0.lock().unwrap().get(key.as_ref()).cloned())
    }

    async fn save(&self, state: State, _ttl: &Duration) -> Result<SessionKey, SaveError> {
        let key = generate_session_key();
        self.0.lock().unwrap().insert(key.as_ref().to_owned(), state);
        Ok(key)
    }

    async fn update(&self, key: SessionKey, state: State, _ttl: &Duration) -> Result<SessionKey, UpdateError> {
        self.0.lock().unwrap().insert(key.as_ref().to_owned(), state);
        Ok(key)
    }

    async fn update_ttl(&self, _key: &SessionKey, _ttl: &Duration) -> Result<(), anyhow::Error> {
        Ok(())
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), anyhow::Error> {
        self.0.lock().unwrap().remove(key.as_ref());
        Ok(())
    }
}

async fn signed(store: Store, key: Key) -> App {
    service(middleware(store, key)).await
}

fn middleware<S: SessionStore>(store: S, key: Key) -> SessionMiddleware<S> {
    // The default encrypts the cookie.
    SessionMiddleware::builder(store, key).cookie_content_security(CookieContentSecurity::Signed).build()
}

pub async fn service(sessions: SessionMiddleware<impl SessionStore + 'static>) -> App {
    app(actix_web::test::init_service(Actix::new().wrap(sessions).configure(routes)).await)
}

/// Returns a site with its sessions in memory.
pub fn in_memory() -> Site {
    site(Store::default())
}

/// Returns a site with its sessions in any store, and signed cookies. All sites of a program sign with the same key.
pub fn site(store: impl SessionStore + Clone + Send + 'static) -> Site {
    static KEY: LazyLock<Key> = LazyLock::new(Key::generate);
    behind(move || middleware(store.clone(), KEY.clone()))
}

/// Returns a site with any session middleware, which is made again for each thread.
pub fn behind<S: SessionStore + 'static>(sessions: impl Fn() -> SessionMiddleware<S> + Clone + Send + 'static) -> Site {
    let served = sessions.clone();
    Site {
        app: Box::new(move || Box::pin(service(sessions()))),
        serve: Box::new(|listener| serve(listener, move || Actix::new().wrap(served()).configure(routes))),
    }
}

/// Serves the application with the framework's server.
pub fn serve<F, T, B>(listener: TcpListener, factory: F) -> LocalBoxFuture<'static, io::Result<()>>
where
    F: Fn() -> Actix<T> + Clone + Send + 'static,
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>
        + 'static,
    B: MessageBody + 'static,
{
    Box::pin(async { HttpServer::new(factory).workers(1).disable_signals().listen(listener)?.run().await })
}

fn routes(app: &mut web::ServiceConfig) {
    routes_of::<Session>(app);
}

/// Adds the routes, for any session that handlers can take as an argument.
pub fn routes_of<S: Shop + FromRequest + 'static>(app: &mut web::ServiceConfig) {
    app.route("/W0", web::get().to(works::untouched))
        .route("/W1", web::get().to(|mut s: S| async move { works::read(&mut s).await }))
        .route("/W2", web::get().to(|mut s: S| async move { works::write(&mut s).await }))
        .route("/W2-dark", web::get().to(|mut s: S| async move { works::write_dark(&mut s).await }))
        .route("/W2-dim", web::get().to(|mut s: S| async move { works::write_dim(&mut s).await }))
        .route("/W3", web::get().to(|mut s: S| async move { works::start(&mut s).await }))
        .route("/W4", web::get().to(|mut s: S| async move { works::end(&mut s).await }))
        .route("/begin", web::post().to(|mut s: S| async move { works::begin(&mut s).await }))
        .route("/guest", web::post().to(|mut s: S| async move { works::guest(&mut s).await }))
        .route("/in", web::post().to(|mut s: S| async move { works::sign_in(&mut s).await }))
        .route("/out", web::post().to(|mut s: S| async move { works::end(&mut s).await }))
        .route("/theme", web::post().to(|mut s: S| async move { works::slow_theme(&mut s).await }))
        .route("/locale", web::post().to(|mut s: S| async move { works::slow_locale(&mut s).await }))
        .route("/count", web::post().to(|mut s: S| async move { works::slow_count(&mut s).await }))
        .route("/show", web::post().to(|mut s: S| async move { works::show(&mut s).await }));
}

/// Adapts the framework's service to the measured interface.
pub fn app<B: 'static>(service: impl Service<Request, Response = ServiceResponse<B>, Error = Error> + 'static) -> App {
    let service = Rc::new(service);
    Rc::new(move |path, cookie| {
        let request = if is_get(path) { TestRequest::get() } else { TestRequest::post() }.uri(path);
        let request = match cookie {
            Some(cookie) => request.insert_header(("cookie", cookie)),
            None => request,
        };
        let (request, service) = (request.to_request(), Rc::clone(&service));
        Box::pin(async move { Reply::Actix(service.call(request).await.unwrap().into_parts().1.drop_body()) })
    })
}

impl Keys for Session {
    fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.get(key).unwrap()
    }

    fn write(&self, key: &'static str, value: impl Serialize) {
        self.insert(key, value).unwrap();
    }

    fn new_id(&self) {
        self.renew();
    }

    fn end(&self) {
        self.purge();
    }
}
