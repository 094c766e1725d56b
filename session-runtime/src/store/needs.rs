//! What a kind of session asks of its store, checked where the store is given.

use std::sync::Arc;

use super::{DynStore, DynUserIndex, Store, UserIndex, cookie::CookieStore};

/// A place for sessions with its type forgotten, and what it can do besides.
pub(crate) enum Kept {
    Store {
        store: Arc<dyn DynStore>,
        /// The same store, if sessions are to be listed by user.
        users: Option<Arc<dyn DynUserIndex>>,
    },
    /// Sessions are in their visitors' cookies.
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
pub trait Place: 'static {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    #[doc(hidden)]
    fn kept(self) -> Kept;
}

#[diagnostic::do_not_recommend]
impl<T: Store> Place for T {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn kept(self) -> Kept {
        Kept::Store { store: Arc::new(self), users: None }
    }
}

impl Place for CookieStore {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn kept(self) -> Kept {
        Kept::Cookie(self)
    }
}

/// A place that all requests share, so that it sees two at once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot keep `atomic` and `counter` fields: nothing there sees two requests at once",
    label = "each request has a copy of the session to itself",
    note = "keep these sessions in a store, such as `FileStore` or `RedisStore`, or leave `atomic` and `counter` off"
)]
#[doc(hidden)]
pub trait Shared {}

#[diagnostic::do_not_recommend]
impl<T: Store> Shared for T {}

/// What sessions of one kind ask of a place of type `T`. For [`Nothing`], any will do; two are asked for as a pair.
#[doc(hidden)]
pub trait Admits<T> {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    #[doc(hidden)]
    fn keep(place: T) -> Kept;
}

/// Asks for no more than a place.
#[doc(hidden)]
pub enum Nothing {}

#[diagnostic::do_not_recommend]
impl<T: Place> Admits<T> for Nothing {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn keep(place: T) -> Kept {
        place.kept()
    }
}

/// Asks for a store that knows which sessions are whose.
#[doc(hidden)]
pub enum ByUser {}

impl<T: UserIndex> Admits<T> for ByUser {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn keep(store: T) -> Kept {
        let users: Arc<dyn DynUserIndex> = Arc::new(store);
        Kept::Store { store: Arc::<dyn DynUserIndex>::clone(&users), users: Some(users) }
    }
}

/// Asks for a store that sees two requests at once.
#[doc(hidden)]
pub enum Together {}

impl<T: Place + Shared> Admits<T> for Together {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn keep(place: T) -> Kept {
        place.kept()
    }
}

impl<T, A: Admits<T>, B: Admits<T>> Admits<T> for (A, B) {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn keep(place: T) -> Kept {
        A::keep(place)
    }
}

/// What sessions of one kind ask of a place that is only known at run time: one that a URL names.
#[doc(hidden)]
pub trait Asks {
    /// Whether for one that knows which sessions are whose.
    const FOR_USERS: bool = false;
    /// Whether for one that sees two requests at once.
    const TOGETHER: bool = false;

    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    #[doc(hidden)]
    fn keep_opened<T: UserIndex>(store: T) -> Kept {
        if Self::FOR_USERS { ByUser::keep(store) } else { Nothing::keep(store) }
    }
}

impl Asks for Nothing {}

impl Asks for ByUser {
    const FOR_USERS: bool = true;
}

impl Asks for Together {
    const TOGETHER: bool = true;
}

impl<A: Asks, B: Asks> Asks for (A, B) {
    const FOR_USERS: bool = A::FOR_USERS || B::FOR_USERS;
    const TOGETHER: bool = A::TOGETHER || B::TOGETHER;
}
