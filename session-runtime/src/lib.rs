//! Typed, field-level web sessions.

mod clock;
mod cookie;
mod engine;
mod error;
mod event;
mod fields;
mod id;
mod keys;
mod record;
mod schema;
mod session;
mod sessions;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "tower")]
mod web;

#[cfg(feature = "file")]
pub use self::store::file::FileStore;
#[cfg(feature = "memory")]
pub use self::store::memory::MemoryStore;
#[cfg(feature = "axum")]
pub use self::web::SessionRejection;
#[cfg(feature = "tower")]
pub use self::web::{SessionFuture, SessionLayer, SessionService};
pub use self::{
    clock::{Clock, Timestamp},
    cookie::{CookieSpec, SameSite},
    error::Error,
    event::{Event, Events},
    fields::{Atomic, Counter, Flash, FlashList, Identity, Maybe, Plain},
    keys::KeyRing,
    schema::Schema,
    session::{Core, Session},
    sessions::{Sessions, SessionsBuilder},
};

/// Makes a session of a struct: see the crate's front page.
pub use session_macros::Session;

/// What the derive's output names. Not part of the API: it changes with the derive, which is pinned to this version.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        cookie::{CookieSpec, SameSite},
        fields::{
            Atomic, Collection, Counter, Flash, FlashList, Identity, Integer, Maybe, Optional, Plain, Slot, State,
        },
        schema::{Codec, Decoder, Encoder, Field, Initial, Meta, Policy, Schema, Spec, Storable, Visitor, initial},
        session::Core,
    };
}
