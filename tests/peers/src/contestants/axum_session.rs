//! axum_session, without a database: it keeps sessions in memory then.

use axum::Router;
use axum_session::{Key, SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use serde::{Serialize, de::DeserializeOwned};

use super::{Contestant, Framework, Pair, axum_app};
use crate::keys::Keys;

pub const CONTESTANT: Contestant = Contestant {
    name: "axum_session",
    package: "axum_session",
    framework: Framework::Axum,
    keeps: "`SessionNullPool`: its own memory; eight keys",
    cookie: "signed by threads of its own, where neither instructions nor allocations are counted here",
    open: || Box::pin(async { axum_app::app(app(store(Some(Key::generate())).await)) }),
    pair: Some(|| Box::pin(pair(Some(Key::generate())))),
};

pub const UNSIGNED: Contestant = Contestant {
    name: "axum_session, unsigned",
    cookie: "not signed",
    open: || Box::pin(async { axum_app::app(app(store(None).await)) }),
    pair: Some(|| Box::pin(pair(None))),
    ..CONTESTANT
};

type Session = axum_session::Session<SessionNullPool>;

async fn store(key: Option<Key>) -> SessionStore<SessionNullPool> {
    let config = SessionConfig::default();
    let config = match key {
        Some(key) => config.with_key(key),
        None => config,
    };
    SessionStore::new(None, config).await.unwrap()
}

fn app(store: SessionStore<SessionNullPool>) -> Router {
    axum_app::routes::<Session>().layer(SessionLayer::new(store))
}

async fn pair(key: Option<Key>) -> Pair {
    let store = store(key).await;
    Pair { nodes: [axum_app::app(app(store.clone())), axum_app::app(app(store))], records: None }
}

impl Keys for Session {
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
        self.destroy();
    }
}
