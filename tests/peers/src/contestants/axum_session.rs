//! axum_session without a database, which makes it keep sessions in memory.

use std::{fmt::Debug, sync::LazyLock};

use axum::Router;
use axum_session::{DatabasePool, Key, SessionConfig, SessionLayer, SessionNullPool, SessionStore};
use serde::{Serialize, de::DeserializeOwned};

use super::{Contestant, Framework, Pair, axum_app};
use crate::{keys::Keys, site::Site};

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

async fn store(key: Option<Key>) -> SessionStore<SessionNullPool> {
    store_in(None, key).await
}

async fn store_in<P: Pool>(pool: Option<P>, key: Option<Key>) -> SessionStore<P> {
    let config = SessionConfig::default();
    let config = match key {
        Some(key) => config.with_key(key),
        None => config,
    };
    SessionStore::new(pool, config).await.unwrap()
}

fn app<P: Pool>(store: SessionStore<P>) -> Router {
    axum_app::routes::<axum_session::Session<P>>().layer(SessionLayer::new(store))
}

/// Returns a site with its sessions in its own memory and in the pool, if there is one. All signing sites of a program use the
/// same key.
pub async fn site<P: Pool>(pool: Option<P>, signed: bool) -> Site {
    static KEY: LazyLock<Key> = LazyLock::new(Key::generate);
    axum_app::site(app(store_in(pool, signed.then(|| KEY.clone())).await))
}

/// A database of `axum_session`.
pub trait Pool: DatabasePool + Clone + Debug + Send + Sync + 'static {}

impl<P: DatabasePool + Clone + Debug + Send + Sync + 'static> Pool for P {}

async fn pair(key: Option<Key>) -> Pair {
    let store = store(key).await;
    Pair { nodes: [axum_app::app(app(store.clone())), axum_app::app(app(store))], records: None }
}

impl<P: Pool> Keys for axum_session::Session<P> {
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
