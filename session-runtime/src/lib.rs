//! Typed, field-level web sessions.

mod clock;
mod error;
mod event;
mod id;
mod record;
pub mod store;

pub use self::{
    clock::{Clock, Timestamp},
    error::Error,
    event::{Event, Events},
};
