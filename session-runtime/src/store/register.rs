//! Stores of other crates, by the scheme of their URLs.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use super::{DynStore, Store};
use crate::error::Error;

type Opened = Pin<Box<dyn Future<Output = Result<Arc<dyn DynStore>, Error>> + Send>>;
type Open = Arc<dyn Fn(String) -> Opened + Send + Sync>;

/// Makes URLs that begin with `scheme` open a store of yours, in `SESSION_STORE` and wherever else a URL names a store.
///
/// `open` gets the whole URL. Call this before the first [`Sessions`](crate::Sessions) are built; a second call for the
/// same scheme replaces the first. `scheme` is given without the colon, in lower case.
///
/// # Errors
/// [`Error::is_setup`] if `scheme` is one of this crate's own, or not a URL scheme.
///
/// ```
/// use session_runtime::{MemoryStore, store::{StoreUrl, register}};
///
/// // A store of yours in place of this.
/// register("etcd", |_url: String| async { Ok::<_, std::io::Error>(MemoryStore::new()) })?;
/// let url: StoreUrl = "etcd://localhost:2379/sessions".parse()?;
/// # Ok::<(), session_runtime::Error>(())
/// ```
pub fn register<S, E, F>(scheme: &str, open: impl Fn(String) -> F + Send + Sync + 'static) -> Result<(), Error>
where
    S: Store,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Future<Output = Result<S, E>> + Send + 'static,
{
    if super::url::is_own(scheme) {
        return Err(Error::setup(format!("`{scheme}:` is a scheme of this crate's own stores: register another")));
    }
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    if !is_scheme {
        return Err(Error::setup(format!(
            "`{}` is not a URL scheme: give one of lower-case letters and digits, without the colon, such as `etcd`",
            scheme.escape_debug()
        )));
    }
    let open: Open = Arc::new(move |url| {
        let opening = open(url);
        Box::pin(async move {
            match opening.await {
                Ok(store) => Ok(Arc::new(store) as Arc<dyn DynStore>),
                Err(error) => {
                    let error = error.into();
                    Err(Error::setup(format!("the store could not be opened: {error}")).because(error))
                }
            }
        })
    });
    registered().write().unwrap_or_else(PoisonError::into_inner).insert(scheme.to_owned(), open);
    Ok(())
}

/// What opens the stores of this scheme.
pub(super) fn find(scheme: &str) -> Option<Open> {
    registered().read().unwrap_or_else(PoisonError::into_inner).get(scheme).map(Arc::clone)
}

pub(super) fn schemes() -> Vec<String> {
    registered().read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
}

fn registered() -> &'static RwLock<HashMap<String, Open>> {
    static REGISTERED: OnceLock<RwLock<HashMap<String, Open>>> = OnceLock::new();
    REGISTERED.get_or_init(RwLock::default)
}
