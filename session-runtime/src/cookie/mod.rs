//! From the bytes of a `Cookie` header to a session's id, and from an id to a `Set-Cookie` header.
//!
//! Inbound, `reader` finds the cookies of our name, `token` says which are ours, and `present` decides what a request came
//! with. Outbound, `rules` judges the attributes at start, and `writer` has them ready to send. `session` is a whole session
//! in a cookie, instead of its id.
//!
//! The application's own cookies go the same way: `plain` is what it says of one, `chosen` which value a request came with,
//! `text` how a value holds any text, and `protected` how it is signed or sealed.

mod base64;
#[cfg(feature = "tower")]
mod chosen;
mod former;
mod loopback;
#[cfg(feature = "tower")]
mod plain;
mod present;
#[cfg(feature = "tower")]
mod protected;
mod reader;
mod rules;
mod session;
mod spec;
#[cfg(feature = "tower")]
mod text;
mod token;
mod writer;

#[cfg(feature = "tower")]
pub use self::plain::PlainCookie;
pub use self::spec::{CookieSpec, SameSite};
pub(crate) use self::{
    base64::{decoded, encoded},
    former::FormerScope,
    loopback::is_loopback,
    present::{Brought, find_all, present},
    reader::Candidates,
    rules::LARGEST_PAIR,
    session::{Carried, Chunks, Form, MAX_CHUNKS, OpenedSession, SessionCookie, new_selector, split},
    spec::Attributes,
    token::{Opened, Signer},
    writer::{LONGEST, Writer},
};
#[cfg(feature = "tower")]
pub(crate) use self::{
    chosen::{opened, plain as plain_value},
    protected::{Place, Protection, Protector},
    text::encode,
};
