//! What a handler holds of a field: the [`Slot`] behind it, and one handle type per policy, which offers what makes sense
//! and nothing else. Handles note *that* a field changed; encoding waits until the session is folded into the request.

mod atomic;
mod counter;
mod flash;
mod identity;
mod plain;
mod slot;
mod state;

pub(crate) use self::slot::Edit;
pub use self::{
    atomic::Atomic,
    counter::{Counter, Integer},
    flash::{Collection, Flash, FlashList},
    identity::{Identity, Optional},
    plain::{Maybe, Plain},
    slot::Slot,
    state::State,
};
