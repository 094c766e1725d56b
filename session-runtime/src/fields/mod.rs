//! The fields in a handle: the [`Slot`] that holds a field, and one handle type per policy, with only the operations that suit
//! it. A handle records only *that* its field changed; the value is encoded when the session is folded into the request.

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
