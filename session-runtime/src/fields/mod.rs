//! The fields of a session handle. A [`Slot`] holds one field. Each policy has its own type of field handle, with only the
//! operations of that policy. A field handle records only *that* its field changed. The value is encoded later, when the session
//! handle's changes are merged into the request's.

mod atomic;
mod counter;
mod flash;
mod origin;
mod plain;
mod refused;
mod reordered;
mod slot;
mod state;
mod visit;

pub use self::{
    atomic::{Atomic, atomic},
    counter::{Counter, counter},
    flash::{Flash, FlashList, flash, flash_list},
    plain::{Maybe, Plain, maybe, plain},
    slot::{Slot, filled, slot},
    state::State,
    visit::Visitor,
};
pub(crate) use self::{
    origin::Origin,
    refused::{MarkedAtomic, MarkedCounter, MarkedFlash, NamedDestroy, NamedRenew, Never, SetIdentity, refused},
    slot::{Edit, Listed, encode, encode_readable},
    visit::AnySlot,
};
