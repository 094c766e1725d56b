//! Registers stores of other crates by the scheme of their URLs.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use super::{DynStore, Store};
use crate::error::{Error, StoreError};

type Opening = Pin<Box<dyn Future<Output = Result<Arc<dyn DynStore>, Error>> + Send>>;
type Open = Arc<dyn Fn(String) -> Opening + Send + Sync>;

/// Makes URLs that begin with `scheme` open your own store, in `SESSION_STORE` and wherever else a URL names a store.
///
/// Call this at the start of `main`, before any [`StoreUrl`](super::StoreUrl) is parsed. So call it before
/// [`env`](crate::SessionsBuilder::env) and [`from_env`](crate::Sessions::from_env), and before you read a
/// [`Config`](crate::Config). A second call for the same scheme replaces the first. `scheme` is in lower case, without the
/// colon.
///
/// `open` gets the whole URL, including any password. The text of its error is shown when the application starts, and may
/// end up in a log: it must not repeat a password.
///
/// # Errors
/// [`Error::is_setup`] if `scheme` belongs to a store of this crate, or is not a URL scheme.
///
/// ```
/// use session_runtime::{MemoryStore, store::{StoreUrl, register}};
///
/// // Replace this with a store of yours.
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
                    let error = StoreError::new("the store could not be opened").because(error);
                    Err(Error::setup(error.to_string()))
                }
            }
        })
    });
    registered().write().unwrap_or_else(PoisonError::into_inner).insert(scheme.to_owned(), open);
    Ok(())
}

/// Returns the function that opens the stores of this scheme.
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

#[cfg(all(test, feature = "memory"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::{io, sync::Mutex};

    use super::*;
    use crate::{
        clock::Timestamp,
        key::Key,
        store::{Place, StoreUrl, Swapped, Value, memory::MemoryStore},
    };

    fn wait<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn fails(url: &str) -> String {
        url.parse::<StoreUrl>().unwrap_err().to_string()
    }

    #[test]
    fn a_url_with_a_registered_scheme_opens_the_store() {
        const URL: &str = "shelves+tls://ada:hunter2@host/place?room=7";
        let (store, opened) = (MemoryStore::new(), Arc::new(Mutex::new(Vec::new())));
        let (shelves, urls) = (store.clone(), opened.clone());
        register("shelves+tls", move |url| {
            urls.lock().unwrap().push(url);
            let shelves = shelves.clone();
            async move { Ok::<_, io::Error>(shelves) }
        })
        .unwrap();
        let url: StoreUrl = URL.parse().unwrap();
        assert_eq!(url.to_string(), "shelves+tls://host/place", "without user, password and parameters");
        wait(async {
            let Place::Store(place) = url.open().await.unwrap() else { unreachable!() };
            let (key, now) = (Key::random().unwrap(), Timestamp::from_millis(0));
            let swapped = place.swap(&key, None, Some(&Value::from_bytes("value")), now).await.unwrap();
            assert!(matches!(swapped, Swapped::Done(_)));
            assert_eq!(store.len(), 1);
        });
        assert_eq!(*opened.lock().unwrap(), [URL]);
        // The revocations of sessions in cookies can be in such a store too.
        let Place::Cookie(store) =
            wait("cookie:?revocations=shelves%2Btls://host".parse::<StoreUrl>().unwrap().open()).unwrap()
        else {
            unreachable!()
        };
        assert!(store.revoked.is_some());
    }

    #[test]
    fn an_error_of_opening_the_store_is_reported() {
        register("broken", |_| async { Err::<MemoryStore, _>(io::Error::other("no such host")) }).unwrap();
        let Err(error) = wait("broken:".parse::<StoreUrl>().unwrap().open()) else { unreachable!() };
        assert!(error.is_setup() && error.to_string().contains("no such host"), "{error}");
    }

    #[test]
    fn a_second_registration_replaces_the_first() {
        for capacity in [1, 2] {
            register("twice", move |_| async move { Ok::<_, io::Error>(MemoryStore::with_capacity(capacity)) })
                .unwrap();
        }
        let Place::Store(store) = wait("twice:".parse::<StoreUrl>().unwrap().open()).unwrap() else { unreachable!() };
        wait(async {
            let now = Timestamp::from_millis(0);
            let keys = [Key::random().unwrap(), Key::random().unwrap()];
            for key in &keys {
                store.swap(key, None, Some(&Value::from_bytes("value")), now).await.unwrap();
            }
            assert!(store.load(&keys[0], now).await.unwrap().is_some());
        });
    }

    #[test]
    fn an_unknown_scheme_is_an_error_that_suggests_another() {
        register("dynamo", |_| async { Ok::<_, io::Error>(MemoryStore::new()) }).unwrap();
        let error = fails("dynano://:hunter2@localhost");
        assert!(error.ends_with("did you mean `dynamo`?") && !error.contains("hunter2"), "{error}");
        assert!(error.contains("`session_runtime::store::register`") && error.contains("`dynamo`"), "{error}");
        assert!(fails("memroy:").ends_with("did you mean `memory`?"));
        assert!(!fails("zookeeper://localhost").contains("did you mean"));
    }

    #[test]
    fn a_scheme_of_this_crate_or_an_invalid_one_cannot_be_registered() {
        let register = |scheme| register(scheme, |_| async { Ok::<_, io::Error>(MemoryStore::new()) });
        for own in ["memory", "redis", "redis+cluster", "redis+mine", "rediss", "postgres", "cookie"] {
            let error = register(own).unwrap_err();
            assert!(error.is_setup() && error.to_string().contains(own), "{error}");
        }
        for wrong in ["", "Etcd", "etcd:", "etcd://", "4d", "+x", "a b", "ätcd", "a\n"] {
            let error = register(wrong).unwrap_err();
            assert!(error.is_setup() && error.to_string().contains("is not a URL scheme"), "{error}");
            assert!(!error.to_string().contains('\n'));
        }
    }
}
