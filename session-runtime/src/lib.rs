//! Typed, field-level web sessions.
//!
//! Annotate a plain struct; get a reader and a handle for each of its fields; keep the session in the store that you
//! choose, behind a signed cookie. What is written is what changed, so requests at the same time do not undo each other.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use session_runtime::{FileStore, KeyRing, Session, Sessions};
//!
//! /// What the shop remembers about a visitor.
//! #[derive(Session)]
//! #[session(idle = 30m, absolute = 12h)]
//! struct Shop {
//!     #[session(identity)]
//!     user: Option<String>,
//!     #[session(flash)]
//!     notice: Option<String>,
//!     #[session(counter)]
//!     visits: u64,
//! }
//!
//! async fn home(mut session: Session<Shop>) -> String {
//!     session.visits_mut().add(1);
//!     let notice = session.notice_mut().take().unwrap_or_default();
//!     format!("{notice} visit {}", session.visits())
//! }
//!
//! # async fn start() -> Result<(), session_runtime::Error> {
//! let sessions = Sessions::<Shop>::builder()
//!     .store(FileStore::open("sessions").await?)
//!     .keys(KeyRing::from_env("SESSION_KEYS")?)
//!     .build()?;
//! let app: Router = Router::new().route("/", get(home)).layer(sessions.layer());
//! # Ok(()) }
//! ```
//!
//! # Where to look
//!
//! - [`derive@Session`]: every attribute of the derive. [`struct@Session`]: the handle that a handler holds.
//! - [`Plain`], [`Maybe`], [`Atomic`], [`Counter`], [`Flash`], [`FlashList`], [`Identity`]: what `x_mut()` offers, by policy.
//! - [`macro@view`]: what a handler needs of a session as a plain struct, `View<SignedIn>`, or it does not run.
//! - [`Sessions`] and [`SessionsBuilder`]: store, keys, lifetimes, cookie. [`Sessions::of`]: a user's sessions, to list and
//!   to end.
//! - [`Cookies`]: cookies of the application's own, beside the session's: plain, signed, private. [`CookiesLayer`] brings
//!   them, [`PlainCookie`] says what one is called and which attributes it has.
//! - [`Sessions::from_env`] and [`Config`]: the same from the environment and from a settings file, by
//!   [`guide::configuration`].
//! - [`store`]: the stores, and the contract for your own. [`CookieStore`]: none, the session is in its visitor's cookie.
//! - [`Event`]: what happens to sessions and no response shows.
//! - [`guide::evolution`]: which changes of a struct live sessions survive, and how to make the others.
//! - [`guide::expansion`]: what the derive emits, for a small struct; [`guide::cost`]: what that costs, beside others.
//! - [`guide::security`]: which security requirements hold by default, and which are left to you.
//! - [`guide::flask`]: where each option of Flask and Flask-Session is here.
//!
//! # What a response says
//!
//! The head of a response waits for the commit of its session.
//!
//! | outcome | GET, HEAD | other methods |
//! |---|---|---|
//! | applied | the response | the response |
//! | the session ended elsewhere | the response and [`Event::Gone`], no cookie | the same |
//! | a change was dropped: a sign-in elsewhere, a lost race | the response and an event, no cookie | 409 and an event, no cookie |
//! | a sign-in was refused: its user has as many sessions as allowed | 409 and an event, no cookie | the same |
//! | the store is down | 503, no cookie | 503, no cookie |
//! | the handler answered 5xx | its changes are dropped; `destroy`, `log_out` and `renew` hold | the same |
//!
//! What `save` or `update` stored already stays stored. A request that is cancelled drops its changes.
//!
//! # Layout
//!
//! Arrows point one way: `web` → `sessions` → `session` → `engine` → `store` → `record`, `web` → `view` → `session`, and
//! `session` → `fields` → `schema`. A store never sees a type of the user's; an integration never sees a store.
//!
//! # Features
//!
//! - `axum` (default): the extractors. Implies `tower`.
//! - `tower`: [`SessionLayer`], [`CookiesLayer`].
//! - `memory`, `file` (default): the stores.
//! - `redis`: the store for several servers, on Redis or Valkey. `redis-tls`: the same over TLS, which takes a C compiler.
//! - `postgres`, `mysql`, `sqlite`: the store in a SQL database, each with its own. `sql-tls`: TLS to them.
//! - `testing`: sessions without HTTP, and the suite that every store must pass.

// Without a web integration nobody opens a request, and most of the engine lies idle.
#![cfg_attr(not(feature = "tower"), allow(dead_code, unused_imports))]

mod clock;
mod cookie;
mod engine;
mod error;
mod event;
mod fields;
pub mod guide;
mod id;
mod key;
mod keys;
mod record;
mod schema;
mod session;
mod sessions;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod value;
mod varint;
mod view;
#[cfg(feature = "tower")]
mod web;
mod words;

pub use self::store::cookie::CookieStore;
#[cfg(feature = "file")]
pub use self::store::file::FileStore;
#[cfg(feature = "memory")]
pub use self::store::memory::MemoryStore;
#[cfg(feature = "redis")]
pub use self::store::redis::RedisStore;
#[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
pub use self::store::sql::{SqlPool, SqlStore};
#[cfg(feature = "tower")]
pub use self::web::{
    Changes, SameOrigin, SameOriginFuture, SameOriginLayer, SessionFuture, SessionLayer, SessionRejection,
    SessionService, ViewRejection,
};
pub use self::{
    clock::{Clock, Timestamp},
    cookie::{CookieSpec, SameSite},
    engine::StoreDown,
    error::Error,
    event::{Event, Events},
    fields::{Atomic, Counter, Flash, FlashList, Maybe, Plain},
    keys::KeyRing,
    schema::{Bounded, SessionLimit},
    session::{Core, Identified, Identity, Listed, Schema, Session},
    sessions::{Config, ListedSession, NoHandle, SessionHandle, Sessions, SessionsBuilder, UserSessions},
    view::{View, Viewed, local_path},
};
#[cfg(feature = "tower")]
pub use self::{
    cookie::PlainCookie,
    web::{Cookies, CookiesFuture, CookiesLayer, CookiesRejection, CookiesService, ProtectedCookies},
};

/// Makes a session of a struct: see the crate's front page.
pub use session_macros::Session;
pub use session_macros::view;

/// What the derive's output names. Not part of the API: it changes with the derive, which is pinned to this version.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        cookie::{CookieSpec, SameSite},
        fields::{
            Atomic, Counter, Flash, FlashList, Maybe, Plain, Slot, State, Visitor, atomic, counter, filled, flash,
            flash_list, maybe, plain, slot,
        },
        schema::{
            Bound, Bounded, Codec, Collection, Decoder, Encoder, Field, Initial, Integer, Makes, Meta, Migration,
            Older, Optional, Policy, SessionLimit, Spec, Storable, field, fits, initial,
        },
        session::{Core, Identified, Identity, Listed, Schema, identity},
        store::{AnyPlace, SharedFields, UserLists},
        view::{NoSession, Project, ViewPolicy, Viewed, project},
    };
}
