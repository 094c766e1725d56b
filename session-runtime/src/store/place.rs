//! The place where sessions are stored: a store, or their visitors' cookies. Also the requirements that a kind of session has
//! on its place. The compiler checks them where the application chooses the place.

use std::sync::Arc;

use super::{DynStore, Store, cookie::CookieStore};

/// A place for sessions, with its type erased.
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
            `session_runtime::store::Store` for your own",
    note = "a URL is opened by `.store_url(\"redis://localhost\").await?`"
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

/// The requirements of a kind of session on its place.
#[doc(hidden)]
pub trait Requirements {
    /// Whether the place must be a store that all requests share.
    const SHARED: bool;
}

/// No requirement: any place will do.
#[doc(hidden)]
pub enum AnyPlace {}

impl Requirements for AnyPlace {
    const SHARED: bool = false;
}

/// The place must list and end sessions by their user, or by the value of an `index` field.
#[doc(hidden)]
pub enum UserLists {}

impl Requirements for UserLists {
    const SHARED: bool = true;
}

/// The place must keep the changes of two concurrent requests to the same field.
#[doc(hidden)]
pub enum SharedFields {}

impl Requirements for SharedFields {
    const SHARED: bool = true;
}

// Each requirement has its own trait, so that the compiler says which one is not met.

/// A place that lists sessions, if `R` requires that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot find sessions by their user or by an `index` field",
    label = "each session is known to its own visitor alone",
    note = "keep these sessions in a store, such as `FileStore` or `RedisStore`",
    note = "or write `#[session(identity, unlisted)]` for the field that says who is signed in, and drop `index`; `Sessions::of` cannot \
            be called then"
)]
#[doc(hidden)]
pub trait ListsUsers<R>: Backend {}

#[diagnostic::do_not_recommend]
impl<T: Backend> ListsUsers<AnyPlace> for T {}

#[diagnostic::do_not_recommend]
impl<T: Backend> ListsUsers<SharedFields> for T {}

#[diagnostic::do_not_recommend]
impl<T: Store> ListsUsers<UserLists> for T {}

/// A place where requests share the fields of a session, if `R` requires that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot keep `atomic` and `counter` fields",
    label = "each request has a copy of the session to itself",
    note = "keep these sessions in a store, such as `FileStore` or `RedisStore`",
    note = "or leave `atomic` and `counter` off; of two requests at once, the last response wins then"
)]
#[doc(hidden)]
pub trait SharesFields<R>: Backend {}

#[diagnostic::do_not_recommend]
impl<T: Backend> SharesFields<AnyPlace> for T {}

#[diagnostic::do_not_recommend]
impl<T: Backend> SharesFields<UserLists> for T {}

#[diagnostic::do_not_recommend]
impl<T: Store> SharesFields<SharedFields> for T {}
