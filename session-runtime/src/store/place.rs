//! Where sessions are kept: a store, or their visitors' cookies; and what a kind of session requires of that place, checked
//! at compile time where the place is given.

use std::sync::Arc;

use super::{DynStore, Store, cookie::CookieStore};

/// A place for sessions, its type forgotten.
pub(crate) enum Place {
    Store(Arc<dyn DynStore>),
    /// The sessions are in their visitors' cookies.
    Cookie(CookieStore),
}

/// A place for sessions: any [`Store`], or their visitors' cookies.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session store",
    label = "not a store",
    note = "give one, such as `MemoryStore::new()` or `FileStore::open(\"sessions\").await?`, or implement \
            `session_runtime::store::Store` for your own"
)]
#[doc(hidden)]
pub trait Backend: 'static {
    #[allow(private_interfaces, reason = "only this crate calls it")]
    #[doc(hidden)]
    fn place(self) -> Place;
}

#[diagnostic::do_not_recommend]
impl<T: Store> Backend for T {
    #[allow(private_interfaces, reason = "only this crate calls it")]
    fn place(self) -> Place {
        Place::Store(Arc::new(self))
    }
}

impl Backend for CookieStore {
    #[allow(private_interfaces, reason = "only this crate calls it")]
    fn place(self) -> Place {
        Place::Cookie(self)
    }
}

/// What a kind of session requires of its place.
#[doc(hidden)]
pub trait Requirements {
    /// Whether it must be a store that all requests share.
    const SHARED: bool;
}

/// A place that meets the requirements `R`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot keep these sessions: in their visitors' cookies, sessions cannot be listed by user, and no `atomic` \
               or `counter` field sees two requests at once",
    label = "each request has a copy of the session to itself",
    note = "keep these sessions in a store, such as `FileStore` or `RedisStore`",
    note = "or leave `atomic` and `counter` off, and write `#[session(identity, unlisted)]` for the field that says who is signed in"
)]
#[doc(hidden)]
pub trait Satisfies<R>: Backend {}

/// Any place will do.
#[doc(hidden)]
pub enum AnyPlace {}

impl Requirements for AnyPlace {
    const SHARED: bool = false;
}

#[diagnostic::do_not_recommend]
impl<T: Backend> Satisfies<AnyPlace> for T {}

/// A store that all requests share: for lists by user, and for fields that two requests may change at once.
#[doc(hidden)]
pub enum SharedStore {}

impl Requirements for SharedStore {
    const SHARED: bool = true;
}

#[diagnostic::do_not_recommend]
impl<T: Store> Satisfies<SharedStore> for T {}
