//! What a kind of session asks of its store, checked where the store is given.

use std::sync::Arc;

use super::{DynStore, DynUserIndex, Store, UserIndex};

/// A store with its type forgotten, and what it can do besides.
pub(crate) struct Kept {
    pub(crate) store: Arc<dyn DynStore>,
    /// The same store, if sessions are to be listed by user.
    pub(crate) users: Option<Arc<dyn DynUserIndex>>,
}

/// What sessions of one kind ask of a store of type `T`. For [`Nothing`], any will do.
#[doc(hidden)]
pub trait Admits<T> {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    #[doc(hidden)]
    fn keep(store: T) -> Kept;
}

/// Asks for no more than a store.
#[doc(hidden)]
pub enum Nothing {}

#[diagnostic::do_not_recommend]
impl<T: Store> Admits<T> for Nothing {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn keep(store: T) -> Kept {
        Kept { store: Arc::new(store), users: None }
    }
}

/// Asks for a store that knows which sessions are whose.
#[doc(hidden)]
pub enum ByUser {}

impl<T: UserIndex> Admits<T> for ByUser {
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn keep(store: T) -> Kept {
        let users: Arc<dyn DynUserIndex> = Arc::new(store);
        Kept { store: Arc::<dyn DynUserIndex>::clone(&users), users: Some(users) }
    }
}

/// What sessions of one kind ask of a store that is only known at run time: one that a URL names.
#[doc(hidden)]
pub trait Asks {
    /// Whether for one that knows which sessions are whose.
    const FOR_USERS: bool;
    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    #[doc(hidden)]
    fn keep_opened<T: UserIndex>(store: T) -> Kept;
}

impl Asks for Nothing {
    const FOR_USERS: bool = false;

    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn keep_opened<T: UserIndex>(store: T) -> Kept {
        <Self as Admits<T>>::keep(store)
    }
}

impl Asks for ByUser {
    const FOR_USERS: bool = true;

    #[allow(private_interfaces, reason = "nobody but this crate calls it")]
    fn keep_opened<T: UserIndex>(store: T) -> Kept {
        <Self as Admits<T>>::keep(store)
    }
}
