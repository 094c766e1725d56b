//! The derive's description of a session struct: names, lifetimes, policies, and each field's encoding. The derive emits values
//! of these types, and the logic is elsewhere.

mod bounds;
mod codec;
mod field;
mod kinds;
mod limit;
mod migrate;
mod spec;

pub use self::{
    bounds::{Bound, Bounded, fits},
    codec::{Codec, Decoder, Encoder, Initial, Storable, initial},
    field::{Field, Meta, Policy, field},
    kinds::{Collection, Integer, Optional},
    limit::SessionLimit,
    migrate::{Makes, Migration, Older},
    spec::Spec,
};
pub(crate) use self::{
    bounds::{Exceeded, most_bytes},
    codec::{MAX_DEPTH, NIL, UNREADABLE, from_bytes, is_too_deep, items, to_bytes},
    field::{Index, Stays},
};
