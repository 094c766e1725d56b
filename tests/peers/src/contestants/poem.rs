//! poem's sessions, with its memory store.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use poem::{
    Endpoint, EndpointExt as _, Request, Result, Route, Server, get, handler,
    http::Method,
    listener::TcpAcceptor,
    post,
    session::{CookieConfig, MemoryStorage, ServerSession, Session, SessionStorage},
    web::cookie::CookieKey,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Contestant, Framework, Pair};
use crate::{
    app::{App, Reply, is_get},
    keys::Keys,
    site::Site,
    works,
};

pub const CONTESTANT: Contestant = Contestant {
    name: "poem",
    package: "poem",
    framework: Framework::Poem,
    keeps: "`ServerSession` in `MemoryStorage`; eight keys",
    cookie: "signed",
    open: || Box::pin(async { session_app(MemoryStorage::new(), &[7; 64]) }),
    pair: Some(|| {
        Box::pin(async {
            let store = Counted::default();
            let nodes = [session_app(store.clone(), &[7; 64]), session_app(store.clone(), &[7; 64])];
            Pair { nodes, records: Some(Box::new(move || store.ids.lock().unwrap().len())) }
        })
    }),
};

/// Defines a handler for each route, because poem makes each handler a type.
macro_rules! handlers {
    ($($name:ident: $work:ident),*) => {$(
        #[handler]
        async fn $name(mut s: &Session) -> &'static str {
            works::$work(&mut s).await
        }
    )*};
}

handlers!(w1: read, w2: write, w2_dark: write_dark, w2_dim: write_dim, w3: start, w4: end, begin: begin, guest: guest, sign_in: sign_in, theme: slow_theme,
    locale: slow_locale, count: slow_count, show: show);

#[handler]
async fn w0() -> &'static str {
    works::untouched().await
}

pub fn routes() -> Route {
    Route::new()
        .at("/W0", get(w0))
        .at("/W1", get(w1))
        .at("/W2", get(w2))
        .at("/W2-dark", get(w2_dark))
        .at("/W2-dim", get(w2_dim))
        .at("/W3", get(w3))
        .at("/W4", get(w4))
        .at("/begin", post(begin))
        .at("/guest", post(guest))
        .at("/in", post(sign_in))
        .at("/out", post(w4))
        .at("/theme", post(theme))
        .at("/locale", post(locale))
        .at("/count", post(count))
        .at("/show", post(show))
}

fn session_app(store: impl SessionStorage + 'static, key: &[u8]) -> App {
    app(endpoint(store, key))
}

fn endpoint(store: impl SessionStorage + 'static, key: &[u8]) -> impl Endpoint + 'static {
    routes().with(ServerSession::new(CookieConfig::signed(CookieKey::from(key)), store))
}

/// Returns a site with its sessions in memory.
pub fn in_memory() -> Site {
    with(MemoryStorage::new())
}

/// Returns a site with its sessions in any store.
pub fn with(store: impl SessionStorage + 'static) -> Site {
    site(endpoint(store, &[7; 64]))
}

pub fn site(endpoint: impl Endpoint + 'static) -> Site {
    let endpoint = Arc::new(endpoint);
    let served = Arc::clone(&endpoint);
    Site {
        app: Box::new(|| Box::pin(async { app(endpoint) })),
        serve: Box::new(|listener| {
            Box::pin(async {
                listener.set_nonblocking(true)?;
                Server::new_with_acceptor(TcpAcceptor::from_std(listener)?).run(served).await
            })
        }),
    }
}

/// Adapts the framework's endpoint to the measured interface.
pub fn app(endpoint: impl Endpoint + 'static) -> App {
    let endpoint = Arc::new(endpoint);
    std::rc::Rc::new(move |path, cookie| {
        let request = Request::builder().method(if is_get(path) { Method::GET } else { Method::POST });
        let request = request.uri_str(path);
        let request = match cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let (request, endpoint) = (request.finish(), Arc::clone(&endpoint));
        Box::pin(async move {
            let (head, _) = endpoint.get_response(request).await.into_parts();
            let mut reply = http::Response::new(());
            *reply.status_mut() = head.status;
            *reply.headers_mut() = head.headers;
            Reply::Http(reply)
        })
    })
}

/// A shared memory store that counts its records. poem's own belongs to one middleware and does not report a number.
#[derive(Clone)]
struct Counted {
    store: Arc<MemoryStorage>,
    ids: Arc<Mutex<HashSet<String>>>,
}

impl Default for Counted {
    fn default() -> Self {
        Self { store: Arc::new(MemoryStorage::new()), ids: Arc::default() }
    }
}

impl SessionStorage for Counted {
    async fn load_session<'a>(&'a self, id: &'a str) -> Result<Option<BTreeMap<String, Value>>> {
        self.store.load_session(id).await
    }

    async fn update_session<'a>(
        &'a self,
        id: &'a str,
        entries: &'a BTreeMap<String, Value>,
        expires: Option<Duration>,
    ) -> Result<()> {
        self.ids.lock().unwrap().insert(id.to_owned());
        self.store.update_session(id, entries, expires).await
    }

    async fn remove_session<'a>(&'a self, id: &'a str) -> Result<()> {
        self.ids.lock().unwrap().remove(id);
        self.store.remove_session(id).await
    }
}

impl Keys for &Session {
    fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.get(key)
    }

    fn write(&self, key: &'static str, value: impl Serialize) {
        self.set(key, value);
    }

    fn new_id(&self) {
        self.renew();
    }

    fn end(&self) {
        self.purge();
    }
}
