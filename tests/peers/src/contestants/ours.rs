//! This project's sessions, over axum.

use std::sync::LazyLock;

use axum::Router;
use futures_util::FutureExt as _;
use session_runtime::{
    Clock, KeyRing, MemoryStore, Session, Sessions,
    store::{Class, Position, Store},
};

use super::{Contestant, Framework, Pair, axum_app};
use crate::{
    session::{Data, Line, Seen, Shop, Theme},
    site::Site,
};

pub const CONTESTANT: Contestant = Contestant {
    name: "session-runtime",
    package: "session-runtime",
    framework: Framework::Axum,
    keeps: "`MemoryStore`; eight typed fields",
    cookie: "signed",
    open: || Box::pin(async { axum_app::app(app(&store(), &KeyRing::generate())) }),
    pair: Some(|| Box::pin(async { pair() })),
};

#[derive(Session)]
#[session(cookie = "__Host-bench")]
pub struct Bench {
    #[session(identity)]
    user: Option<u64>,
    name: String,
    roles: Vec<String>,
    cart: Vec<Line>,
    token: String,
    theme: Theme,
    #[session(counter)]
    visits: u64,
    locale: String,
}

/// The capacity exceeds any number of sessions that is measured.
fn store() -> MemoryStore {
    MemoryStore::with_capacity(10_000_000)
}

fn app(store: &(impl Store + Clone), keys: &KeyRing) -> Router {
    axum_app::routes::<Session<Bench>>().layer(sessions(store, keys).layer())
}

pub(super) fn sessions(store: &(impl Store + Clone), keys: &KeyRing) -> Sessions<Bench> {
    Sessions::builder().store(store.clone()).keys(keys.clone()).build().unwrap()
}

/// Returns a site with its sessions in memory.
pub fn in_memory() -> Site {
    site(&MemoryStore::new())
}

/// All sites of a program sign with these keys, as the servers of one application do.
pub(super) static KEYS: LazyLock<KeyRing> = LazyLock::new(KeyRing::generate);

/// Returns a site with its sessions in any store.
pub fn site(store: &(impl Store + Clone)) -> Site {
    axum_app::site(app(store, &KEYS))
}

fn pair() -> Pair {
    let (store, keys) = (store(), KeyRing::generate());
    let nodes = [axum_app::app(app(&store, &keys)), axum_app::app(app(&store, &keys))];
    Pair { nodes, records: Some(Box::new(move || count_sessions(&store))) }
}

/// Counts the sessions. Leaves out tombstones, which hold no session data and disappear within a minute.
fn count_sessions(store: &MemoryStore) -> usize {
    let (now, mut sessions, mut next) = (Clock::system().now(), 0, Some(Position::start()));
    while let Some(from) = next {
        // The memory store never waits.
        let batch = store.scan(&from, now).now_or_never().unwrap().unwrap().unwrap();
        let classes = batch.values.iter().map(|(_, found)| found.value().class());
        sessions += classes.filter(|class| matches!(class, Class::Guest | Class::User)).count();
        next = batch.next;
    }
    sessions
}

/// Implements the handlers' operations for a session struct, with an expression that adds to its counter.
macro_rules! shop {
    ($session:ty, |$name:ident, $by:ident| $add:expr) => {
        impl Shop for Session<$session> {
            async fn fill(&mut self, data: Data) {
                if let Some(user) = data.user {
                    self.user_mut().log_in(user);
                }
                *self.name_mut() = data.name;
                *self.roles_mut() = data.roles;
                *self.cart_mut() = data.cart;
                *self.token_mut() = data.token;
                *self.theme_mut() = data.theme;
                let ($name, $by) = (&mut *self, data.visits);
                $add;
                *self.locale_mut() = data.locale;
            }

            // Dereferences to the accessors, because the methods of this trait have the same names.
            async fn theme(&mut self) -> Theme {
                *(**self).theme()
            }

            async fn visits(&mut self) -> u64 {
                (**self).visits()
            }

            async fn seen(&mut self) -> Seen {
                let fields = &**self;
                Seen {
                    user: fields.user(),
                    locale: fields.locale().to_owned(),
                    theme: *fields.theme(),
                    visits: fields.visits(),
                }
            }

            async fn set_theme(&mut self, theme: Theme) {
                *self.theme_mut() = theme;
            }

            async fn set_locale(&mut self, locale: &'static str) {
                *self.locale_mut() = locale.to_owned();
            }

            async fn count(&mut self, _seen: u64) {
                let ($name, $by) = (self, 1);
                $add;
            }

            async fn sign_in(&mut self, user: u64) {
                self.user_mut().log_in(user);
            }

            async fn sign_out(&mut self) {
                self.destroy();
            }
        }
    };
}
pub(super) use shop;

shop!(Bench, |session, by| session.visits_mut().add(by));
