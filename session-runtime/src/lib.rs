//! Typed, field-level web sessions.

mod clock;
mod error;
mod event;
mod id;
mod record;
pub mod store;

#[cfg(feature = "file")]
pub use self::store::file::FileStore;
#[cfg(feature = "memory")]
pub use self::store::memory::MemoryStore;
pub use self::{
    clock::{Clock, Timestamp},
    error::Error,
    event::{Event, Events},
};
