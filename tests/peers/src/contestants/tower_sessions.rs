//! tower-sessions, with its memory store.

use std::{
    collections::HashSet,
    sync::{Arc, LazyLock, Mutex},
};

use async_trait::async_trait;
use axum::Router;
use tower_sessions::{
    MemoryStore, Session, SessionManagerLayer, SessionStore,
    cookie::Key,
    session::{Id, Record},
    session_store::Result,
};

use super::{Contestant, Framework, Pair, axum_app};
use crate::{
    session::{Data, Seen, Shop, Theme},
    site::Site,
};

pub const CONTESTANT: Contestant = Contestant {
    name: "tower-sessions",
    package: "tower-sessions",
    framework: Framework::Axum,
    keeps: "`MemoryStore`; eight keys",
    cookie: "signed",
    open: || Box::pin(async { axum_app::app(app(MemoryStore::default(), Key::generate())) }),
    pair: Some(|| Box::pin(async { pair() })),
};

fn app(store: impl SessionStore + Clone, key: Key) -> Router {
    axum_app::routes::<Session>().layer(SessionManagerLayer::new(store).with_signed(key))
}

/// Returns a site with its sessions in memory.
pub fn in_memory() -> Site {
    axum_app::site(app(MemoryStore::default(), Key::generate()))
}

/// Returns a site with its sessions in a store that is published for version 0.14.
pub fn site_of_0_14(store: impl tower_sessions_0_14::SessionStore + Clone) -> Site {
    use tower_sessions_0_14::{Session, SessionManagerLayer, cookie::Key};

    static KEY: LazyLock<Key> = LazyLock::new(Key::generate);
    let layer = SessionManagerLayer::new(store).with_signed(KEY.clone());
    axum_app::site(axum_app::routes::<Session>().layer(layer))
}

fn pair() -> Pair {
    let (store, key) = (Counted::default(), Key::generate());
    let nodes = [axum_app::app(app(store.clone(), key.clone())), axum_app::app(app(store.clone(), key))];
    Pair { nodes, records: Some(Box::new(move || store.ids.lock().unwrap().len())) }
}

/// A memory store that counts its records; the original does not report a number.
#[derive(Clone, Debug, Default)]
struct Counted {
    store: MemoryStore,
    ids: Arc<Mutex<HashSet<Id>>>,
}

#[async_trait]
impl SessionStore for Counted {
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.store.create(record).await?;
        self.ids.lock().unwrap().insert(record.id);
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        self.ids.lock().unwrap().insert(record.id);
        self.store.save(record).await
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        self.store.load(id).await
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        self.ids.lock().unwrap().remove(id);
        self.store.delete(id).await
    }
}

/// Implements the handlers' operations for the session type of one version.
macro_rules! shop {
    ($session:ty) => {
        impl Shop for $session {
            async fn fill(&mut self, data: Data) {
                if let Some(user) = data.user {
                    self.insert("user", user).await.unwrap();
                }
                self.insert("name", data.name).await.unwrap();
                self.insert("roles", data.roles).await.unwrap();
                self.insert("cart", data.cart).await.unwrap();
                self.insert("token", data.token).await.unwrap();
                self.insert("theme", data.theme).await.unwrap();
                self.insert("visits", data.visits).await.unwrap();
                self.insert("locale", data.locale).await.unwrap();
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
                self.insert("theme", theme).await.unwrap();
            }

            async fn set_locale(&mut self, locale: &'static str) {
                self.insert("locale", locale).await.unwrap();
            }

            async fn count(&mut self, seen: u64) {
                self.insert("visits", seen + 1).await.unwrap();
            }

            async fn sign_in(&mut self, user: u64) {
                self.cycle_id().await.unwrap();
                self.insert("user", user).await.unwrap();
            }

            async fn sign_out(&mut self) {
                self.flush().await.unwrap();
            }
        }
    };
}

shop!(Session);
shop!(tower_sessions_0_14::Session);
