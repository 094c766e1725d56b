//! Reads a session's id from the bytes of a `Cookie` header, and writes an id into a `Set-Cookie` header.
//!
//! For a request, `reader` finds the cookies of our name, `token` opens the valid ones, and `present` decides which of them
//! count. For a response, `rules` checks the attributes at start-up, and `writer` prepares the header. `session` keeps a whole
//! session in a cookie, instead of its id.
//!
//! The application's own cookies are handled in the same way: `plain` describes a cookie, `chosen` selects the value that counts,
//! `text` encodes any text, and `protected` signs or encrypts it.

mod base64;
#[cfg(feature = "web")]
mod chosen;
mod former;
mod loopback;
#[cfg(feature = "web")]
mod plain;
mod present;
#[cfg(feature = "web")]
mod protected;
mod reader;
mod rules;
mod session;
mod spec;
#[cfg(feature = "web")]
mod text;
mod token;
mod writer;

#[cfg(feature = "web")]
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
    token::{Fingerprints, Token, TokenSigner},
    writer::{LONGEST, Writer},
};
#[cfg(feature = "web")]
pub(crate) use self::{
    chosen::{opened, plain as plain_value},
    protected::{CookiePlace, Protection, Protector},
    text::encode,
};
