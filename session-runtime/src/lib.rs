//! Typed, field-level web sessions.
//!
//! Annotate a plain struct, get a reader and a handle for each of its fields, and keep the session in the store that you choose,
//! behind a signed cookie. A request never overwrites the changes of another with an old copy of the session: it reads what the
//! other one wrote, and applies its own changes to that.
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
//! - [`Plain`], [`Maybe`], [`Atomic`], [`Counter`], [`Flash`], [`FlashList`], [`Identity`]: the methods of `x_mut()`, by
//!   policy.
//! - [`macro@view`] and [`View`]: the part of a session that a handler needs, as a plain struct. The handler runs only if the
//!   session has everything that the view requires.
//! - [`Sessions`] and [`SessionsBuilder`]: store, keys, lifetimes, cookie. [`Sessions::of`]: lists a user's sessions and
//!   ends them. [`Sessions::all`] and [`Sessions::revoke_everyone`]: the same for the sessions of all visitors.
//! - [`SessionLayer::same_origin`]: refuses requests that pages of other sites make (CSRF).
//! - [`Changes`]: stores or drops what a handler changed, whatever the status of its response. [`SessionRefusal`]: marks the
//!   responses that this crate made, so that a middleware can put another page in their place.
//! - [`Passive`]: marks requests that do not extend the idle timeout. [`View::layer`]: guards a whole router.
//! - [`Cookies`] and [`PlainCookie`]: cookies of the application's own, plain, signed or private. [`CookiesLayer`] serves
//!   them.
//! - [`Sessions::from_env`] and [`Config`]: configuration from the environment and from a settings file.
//! - [`store`]: the contract for a store of your own, and how to open a store by URL. [`CookieStore`]: keeps each session in its
//!   visitor's cookie.
//! - [`Event`] and [`Report`]: what happens to sessions, when, and to which user. [`SessionsBuilder::on_event`] passes them to a
//!   closure, [`Sessions::events`] to a stream.
//!
//! # Guides
//!
//! - [`guide::frameworks`]: axum, actix-web, poem, salvo and rocket.
//! - [`guide::configuration`]: every option, with its attribute, method, key in a settings file and environment variable.
//! - [`guide::security`]: which security requirements hold by default, and which are left to the application.
//! - [`guide::sign_ins`]: how users sign in, with or without proof, how to ask for a password again, and how a user acts as
//!   another.
//! - [`guide::events`]: an audit log, the events, the metrics and the spans.
//! - [`guide::back_channel_logout`]: how an identity provider ends sessions, by OpenID Connect Back-Channel Logout or by Shared
//!   Signals.
//! - [`guide::behaviours`]: the numbered behaviours that the tests check.
//! - [`guide::evolution`]: which changes to a session struct are safe while sessions are live, and how to make the rest
//!   safe.
//! - [`guide::values`]: which types cannot be stored, and what happens to a value that cannot be read.
//! - [`guide::format`]: the bytes that stores keep.
//! - [`guide::flask`]: the counterpart of each option of Flask and Flask-Session.
//! - [`guide::expansion`]: the code that the derive emits. [`guide::cost`]: how long that code takes to compile.
//!
//! # What a response says
//!
//! The head of a response waits for the commit of its session.
//!
//! | outcome | GET, HEAD | other methods |
//! |---|---|---|
//! | the changes are stored, or there were none | the response | the response |
//! | the session ended elsewhere | the response and [`Event::Gone`], no cookie | the same |
//! | a change was dropped, because a sign-in, a sign-out or `renew` elsewhere came first ([`Event::Moved`]), or because other requests kept changing the session ([`Event::Conflict`]) | the response and the event, no cookie | 409 and the event, no cookie |
//! | the user already has as many sessions as [`SessionLimit::Refuse`] allows | 409 and [`Event::SignInRefused`], no cookie | the same |
//! | the store is down or slow, or it is unknown whether the changes are stored | 503, no cookie | the same |
//! | a sign-in could not be added to the user's list of sessions | 503, no cookie; the sign-in is undone | the same |
//! | a value, the session or its cookie would be too large | 413, no cookie; nothing is stored | the same |
//! | a value cannot be encoded or read back, or exceeds the [`Bounded::MAX_BYTES`] of its type | 500, no cookie; nothing is stored | the same |
//! | the handler failed: its response has status 408, 499 or 5xx | that response; the changes and any sign-in are dropped, but `destroy`, `log_out`, `stop_impersonating` and `renew` still take effect | the same |
//!
//! An answer of 409 or 503 does not undo what the handler did elsewhere, such as in a database or a log. So call `save().await?`
//! first, and write elsewhere second: the handler then knows that the session is stored, or gets an error.
//!
//! Anything that `save` or `update` has already stored stays stored, except a sign-in that must be undone. If `save` stored a
//! new id, its cookie is always set. The changes of a request that is cancelled, because its client disconnected
//! or because an outer layer gave up on it, are dropped. [`Changes`] in the extensions of a response overrides what its status
//! says.
//!
//! # Layout
//!
//! `web` → `sessions` → `session` → `engine` → `store` → `value` → `record`: each module uses only those to its right. `fields`,
//! beside `session`, has the handles of the policies. `view` uses `session`. `schema` describes a struct to all of them. A store
//! knows neither the application's types nor what a session is. The code for a web framework does not know the store.
//!
//! # Features
//!
//! - `axum` (default): extractors for axum handlers. Implies `tower`.
//! - `tower`: the middlewares as tower layers.
//! - `actix`, `poem`, `salvo`, `rocket`: extractors and middlewares for each of these frameworks.
//! - `web`: the code that these integrations share, for adapters in other crates.
//! - `memory`, `file` (default): `MemoryStore` and `FileStore`.
//! - `redis`: `RedisStore`, for several servers, on Redis or Valkey. `redis-tls`: adds TLS, which needs a C compiler.
//! - `postgres`, `mysql`, `sqlite`: `SqlStore`, each for its database. `sql-tls`: adds TLS to them, which needs a C compiler.
//! - `metrics`: counters and histograms, through the facade `metrics`: see [`guide::events`].
//! - `testing`: sessions without HTTP, a cookie jar for tests of routers, the suite that every store must pass, and tests for
//!   deployments.

// Without a web integration no request opens a session, so most of the engine is unused.
#![cfg_attr(not(feature = "web"), allow(dead_code, unused_imports))]

#[macro_use]
mod log;

mod access;
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
mod meter;
mod record;
mod schema;
mod secret_file;
mod session;
mod sessions;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod timeout;
mod value;
mod varint;
mod view;
#[cfg(feature = "web")]
pub mod web;
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
#[cfg(feature = "rocket")]
#[doc(inline)]
pub use self::web::WithChanges;
// In rustdoc, the pages of these items are at the root of the crate, and not in `web`.
#[cfg(feature = "web")]
pub use self::cookie::PlainCookie;
#[cfg(feature = "web")]
#[doc(inline)]
pub use self::web::{
    Changes, Cookies, CookiesLayer, CookiesRejection, OriginReason, OriginRefusal, Passive, SameOriginLayer,
    SessionLayer, SessionRefusal, SessionRejection, ViewLayer, ViewRejection,
};
#[cfg(feature = "tower")]
#[doc(inline)]
pub use self::web::{CookiesFuture, CookiesService, SameOrigin, SessionFuture, SessionService, ViewService};
pub use self::{
    clock::{Clock, Timestamp},
    cookie::{CookieSpec, SameSite},
    engine::StoreDown,
    error::Error,
    event::{Event, EventStream, Events, ImpersonationEnd, Report, SessionEnd},
    fields::{Atomic, Counter, Flash, FlashList, Maybe, Plain},
    keys::KeyRing,
    schema::{Bounded, SessionLimit},
    session::{Core, Ended, Identified, Identity, Listed, Schema, Session, SignIn, UntilEnded},
    sessions::{AllSessions, Config, ListedSession, NoHandle, SessionHandle, Sessions, SessionsBuilder, SessionsOf},
    view::{View, Viewed, local_path},
};

/// Turns a struct into a web session, with a reader and a handle for each field.
pub use session_macros::Session;
pub use session_macros::view;

/// The names that the derive's output uses. Not part of the API: it changes with the derive, which is pinned to this
/// version.
#[doc(hidden)]
pub mod __private {
    pub use serde::Serialize;

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
        sessions::{Lookup, NoIndex, SessionsOf},
        store::{AnyPlace, SharedFields, UserLists},
        view::{NoSession, Project, Projection, ViewPolicy, Viewed, any, project},
    };
}
