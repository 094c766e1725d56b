//! ruts, with its memory store, which is a cache.

use std::sync::{Arc, LazyLock};

use axum::Router;
use ruts::{
    CookieOptions, Key, SessionLayer,
    store::{
        SessionStore, Ttl,
        moka::{MokaStore, MokaStoreBuilder},
    },
};
use serde::Serialize;
use tower_cookies::CookieManagerLayer;

use super::{Contestant, Framework, Pair, axum_app};
use crate::{
    session::{Data, Seen, Shop, Theme},
    site::Site,
};

pub const CONTESTANT: Contestant = Contestant {
    name: "ruts",
    package: "ruts",
    framework: Framework::Axum,
    keeps: "`MokaStore`; eight fields in MessagePack",
    cookie: "signed",
    open: || Box::pin(async { axum_app::app(app(store(), Key::generate())) }),
    pair: Some(|| {
        Box::pin(async {
            let (store, key) = (store(), Key::generate());
            Pair {
                nodes: [axum_app::app(app(store.clone(), key.clone())), axum_app::app(app(store, key))],
                records: None,
            }
        })
    }),
};

fn store() -> MokaStore {
    MokaStoreBuilder::new().max_capacity(10_000_000).build()
}

/// Returns a site with its sessions in memory.
pub fn in_memory() -> Site {
    site(store())
}

/// Returns a site with its sessions in any store.
pub fn site(store: impl SessionStore) -> Site {
    static KEY: LazyLock<Key> = LazyLock::new(Key::generate);
    axum_app::site(app(store, KEY.clone()))
}

fn app<S: SessionStore>(store: S, key: Key) -> Router {
    let layer = SessionLayer::new(Arc::new(store)).with_cookie_options(CookieOptions::build().signing_key(key));
    axum_app::routes::<ruts::Session<S>>().layer(layer).layer(CookieManagerLayer::new())
}

async fn set<T: Serialize + Send + Sync>(session: &ruts::Session<impl SessionStore>, field: &str, value: T) {
    session.set(field, &value, Ttl::new(3600).unwrap(), None).await.unwrap();
}

impl<S: SessionStore> Shop for ruts::Session<S> {
    async fn fill(&mut self, data: Data) {
        if let Some(user) = data.user {
            set(self, "user", user).await;
        }
        set(self, "name", data.name).await;
        set(self, "roles", data.roles).await;
        set(self, "cart", data.cart).await;
        set(self, "token", data.token).await;
        set(self, "theme", data.theme).await;
        set(self, "visits", data.visits).await;
        set(self, "locale", data.locale).await;
    }

    async fn theme(&mut self) -> Theme {
        self.get("theme").await.unwrap().unwrap_or_default()
    }

    async fn visits(&mut self) -> u64 {
        self.get("visits").await.unwrap().unwrap_or_default()
    }

    async fn seen(&mut self) -> Seen {
        Seen {
            user: self.get("user").await.unwrap(),
            locale: self.get("locale").await.unwrap().unwrap_or_default(),
            theme: self.theme().await,
            visits: self.visits().await,
        }
    }

    async fn set_theme(&mut self, theme: Theme) {
        set(self, "theme", theme).await;
    }

    async fn set_locale(&mut self, locale: &'static str) {
        set(self, "locale", locale).await;
    }

    async fn count(&mut self, seen: u64) {
        set(self, "visits", seen + 1).await;
    }

    async fn sign_in(&mut self, user: u64) {
        self.prepare_regenerate();
        set(self, "user", user).await;
    }

    async fn sign_out(&mut self) {
        self.delete().await.unwrap();
    }
}
