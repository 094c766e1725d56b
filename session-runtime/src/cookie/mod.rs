//! From the bytes of a `Cookie` header to a session's id, and from an id to a `Set-Cookie` header.
//!
//! Inbound, `reader` finds the cookies of our name, `token` says which are ours, and `present` decides what a request came
//! with. Outbound, `rules` judges the attributes at start, and `writer` has them ready to send.

mod base64;
mod loopback;
mod present;
mod reader;
mod rules;
mod spec;
mod token;
mod writer;

pub use self::spec::{CookieSpec, SameSite};
pub(crate) use self::{
    loopback::is_loopback,
    present::{find_one, present},
    rules::LARGEST_PAIR,
    spec::{Attributes, piece_name},
    token::{Opened, Signer},
    writer::Writer,
};
