//! [`StoreUrl`]: the URL of a store, as in settings. This file knows all schemes and opens their stores; `redis/url` and
//! `sql/open` read the URLs of those stores.

use std::{fmt, str::FromStr};

use zeroize::Zeroizing;

#[cfg(any(
    feature = "memory",
    feature = "file",
    feature = "redis",
    feature = "sqlite",
    feature = "postgres",
    feature = "mysql"
))]
use super::place::Backend as _;
use super::query::Query;
use super::{cookie::CookieStore, place::Place, register};
use crate::{
    cookie::MAX_CHUNKS,
    error::Error,
    words::{Quoted, nearest},
};

/// The URL that names a store in settings. With `cookie:`, sessions are in their visitors' cookies.
///
/// | URL | store | feature |
/// |---|---|---|
/// | `memory:`, `memory:?capacity=5000` | [`MemoryStore`](crate::MemoryStore), for at most this many sessions | `memory` |
/// | `file:sessions`, `file:///var/lib/shop/sessions`, `file:sessions?fsync=true` | [`FileStore`](crate::FileStore), in this folder | `file` |
/// | `redis://user:password@host:6379/2?prefix=shop:`, `redis+unix:`, `redis+cluster:`, `redis+sentinel:` | `RedisStore`, which documents them | `redis` |
/// | `rediss://`, `rediss+cluster:`, `rediss+sentinel:` | the same over TLS | `redis-tls` |
/// | `valkey:`, `valkeys:`, `valkey+cluster:` and so on | the same as `redis:`, `rediss:`, `redis+cluster:` and so on | as there |
/// | `postgres://user:password@host:5432/database?table=shop` | `SqlStore`, which documents them | `postgres` |
/// | `mysql://…`, `mariadb://…` | `SqlStore` | `mysql` |
/// | `sqlite:sessions.db` | `SqlStore` | `sqlite` |
/// | `cookie:`, `cookie:?form=signed`, `cookie:?split=2`, `cookie:?revocations=redis://localhost` | [`CookieStore`]: the sessions are in their visitors' cookies, without a store | |
/// | any other scheme, such as `etcd://localhost` | a store of another crate, after [`register`](super::register()) | |
///
/// A SQL store that is opened by URL creates its table if it is missing. With `?migrate=never`, the store does not create it:
/// the application's own migrations do. Characters with a meaning in URLs are percent-encoded in each part: `?` is `%3F`.
///
/// `Display` and `Debug` leave out the user, the password and the parameters.
///
/// ```
/// use session_runtime::store::StoreUrl;
///
/// let url: StoreUrl = "file:sessions?fsync=true".parse()?;
/// assert_eq!(url.to_string(), "file:sessions");
///
/// let error = "redsi://:secret@localhost".parse::<StoreUrl>().unwrap_err();
/// assert!(error.to_string().ends_with("did you mean `redis`?"));
/// # Ok::<(), session_runtime::Error>(())
/// ```
#[derive(Clone)]
pub struct StoreUrl {
    url: Zeroizing<String>,
    kind: Kind,
}

/// The kind of store, with the parameters of its URL, unless the store reads those itself.
#[derive(Clone)]
enum Kind {
    #[cfg(feature = "memory")]
    Memory {
        capacity: usize,
    },
    #[cfg(feature = "file")]
    File {
        path: String,
        fsync: bool,
    },
    #[cfg(feature = "redis")]
    Redis,
    #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
    Sql,
    /// A store of another crate.
    Registered {
        scheme: Box<str>,
    },
    Cookie {
        signed: bool,
        chunks: u8,
        revocations: Option<Box<StoreUrl>>,
    },
}

/// The schemes, each with the feature that it needs, and whether that feature is compiled in.
const SCHEMES: [(&str, &str, bool); 12] = [
    ("memory", "memory", cfg!(feature = "memory")),
    ("file", "file", cfg!(feature = "file")),
    ("redis", "redis", cfg!(feature = "redis")),
    ("rediss", "redis-tls", cfg!(feature = "redis-tls")),
    ("valkey", "redis", cfg!(feature = "redis")),
    ("valkeys", "redis-tls", cfg!(feature = "redis-tls")),
    ("postgres", "postgres", cfg!(feature = "postgres")),
    ("postgresql", "postgres", cfg!(feature = "postgres")),
    ("mysql", "mysql", cfg!(feature = "mysql")),
    ("mariadb", "mysql", cfg!(feature = "mysql")),
    ("sqlite", "sqlite", cfg!(feature = "sqlite")),
    ("cookie", "", true),
];

/// Returns whether URLs with this scheme name a store of this crate.
pub(super) fn is_own(scheme: &str) -> bool {
    let family = scheme.split_once('+').map_or(scheme, |(family, _)| family);
    SCHEMES.iter().any(|(known, ..)| *known == family)
}

impl FromStr for StoreUrl {
    type Err = Error;

    /// Ignores blanks and line breaks around the URL.
    ///
    /// # Errors
    /// [`Error::is_setup`] if there is no such store, its feature is not compiled in, or the URL is wrong. The message repeats
    /// nothing that may be a password.
    fn from_str(url: &str) -> Result<Self, Error> {
        let url = super::query::trimmed(url)?;
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(Error::setup(
                "the store's URL has no scheme: write it such as `memory:`, `file:sessions` or `redis://localhost`",
            ));
        };
        // `redis+cluster` belongs to `redis`.
        let family = scheme.split_once('+').map_or(scheme, |(family, _)| family);
        match SCHEMES.iter().find(|(known, ..)| *known == family) {
            None if register::find(scheme).is_some() => {
                Ok(Self { kind: Kind::Registered { scheme: scheme.into() }, url: Zeroizing::new(url.into()) })
            }
            None => Err(unknown(scheme)),
            Some((_, feature, false)) => Err(Error::setup(format!(
                "the store of `{family}:` URLs needs the feature `{feature}`: add `features = [\"{feature}\"]` to \
                 `session-runtime` in Cargo.toml"
            ))),
            Some((_, feature, true)) => {
                Ok(Self { kind: Kind::parse(feature, url, rest)?, url: Zeroizing::new(url.into()) })
            }
        }
    }
}

impl StoreUrl {
    /// Opens the store.
    pub(crate) async fn open(&self) -> Result<Place, Error> {
        Ok(match &self.kind {
            Kind::Cookie { signed, chunks, revocations } => {
                let store = if *signed { CookieStore::signed() } else { CookieStore::encrypted() };
                let mut store = store.split(*chunks);
                if let Some(url) = revocations
                    && let Place::Store(list) = Box::pin(url.open()).await?
                {
                    store.revoked = Some(list);
                }
                Place::Cookie(store)
            }
            Kind::Registered { scheme } => match register::find(scheme) {
                Some(open) => Place::Store(open(self.url.to_string()).await?),
                None => return Err(unknown(scheme)),
            },
            #[cfg(feature = "memory")]
            Kind::Memory { capacity } => super::memory::MemoryStore::with_capacity(*capacity).place(),
            #[cfg(feature = "file")]
            Kind::File { path, fsync } => super::file::FileStore::builder(path).fsync(*fsync).open().await?.place(),
            #[cfg(feature = "redis")]
            Kind::Redis => super::redis::RedisStore::open(&self.url).await?.place(),
            #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
            Kind::Sql => super::sql::SqlStore::open_with_tables(&self.url).await?.place(),
        })
    }
}

impl Kind {
    /// Parses `url`; `rest` is the part after its scheme.
    #[allow(unused_variables, reason = "each store has its feature")]
    fn parse(feature: &str, url: &str, rest: &str) -> Result<Self, Error> {
        match feature {
            #[cfg(feature = "memory")]
            "memory" => memory(rest),
            #[cfg(feature = "file")]
            "file" => file(rest),
            #[cfg(feature = "redis")]
            "redis" | "redis-tls" => super::redis::check(url).map(|()| Self::Redis),
            #[cfg(any(feature = "sqlite", feature = "postgres", feature = "mysql"))]
            "postgres" | "mysql" | "sqlite" => super::sql::check(url).map(|()| Self::Sql),
            "" => cookie(rest),
            _ => Err(unknown(feature)),
        }
    }
}

fn cookie(rest: &str) -> Result<Kind, Error> {
    let wrong = |sentence: &str| Error::setup(format!("the URL of sessions in cookies is wrong: {sentence}"));
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut query = Query::parse(query).map_err(wrong)?;
    let signed = match query.take("form").as_deref() {
        None | Some("encrypted") => false,
        Some("signed") => true,
        Some(_) => return Err(wrong("`form` is `encrypted` or `signed`")),
    };
    let chunks = match query.take("split") {
        None => 1,
        Some(number) => {
            let chunks = number.parse().ok().filter(|chunks| (1..=MAX_CHUNKS).contains(chunks));
            chunks.ok_or_else(|| wrong("`split` is a number of cookies, from 1 to 4"))?
        }
    };
    let revocations = query.take("revocations").map(|url| url.parse::<StoreUrl>()).transpose()?.map(Box::new);
    if revocations.as_ref().is_some_and(|url| matches!(url.kind, Kind::Cookie { .. })) {
        return Err(wrong(
            "`revocations` names a store that a server keeps, as in `cookie:?revocations=redis://localhost`",
        ));
    }
    if !place.is_empty() || !query.is_empty() {
        return Err(wrong(
            "after `cookie:` only `?form=signed`, `?split=2` and `?revocations=redis://localhost` may follow, joined by `&`",
        ));
    }
    Ok(Kind::Cookie { signed, chunks, revocations })
}

#[cfg(feature = "memory")]
fn memory(rest: &str) -> Result<Kind, Error> {
    let wrong = |sentence: &str| Error::setup(format!("the URL of the memory store is wrong: {sentence}"));
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut query = Query::parse(query).map_err(wrong)?;
    let capacity =
        match query.take("capacity") {
            None => super::memory::MemoryStore::CAPACITY,
            Some(number) => number.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
                wrong("`capacity` is a number of sessions, at least 1, as in `memory:?capacity=5000`")
            })?,
        };
    if !place.is_empty() || !query.is_empty() {
        return Err(wrong("after `memory:` only `?capacity=5000` may follow"));
    }
    Ok(Kind::Memory { capacity })
}

#[cfg(feature = "file")]
fn file(rest: &str) -> Result<Kind, Error> {
    let wrong = |sentence: &str| Error::setup(format!("the URL of the file store is wrong: {sentence}"));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut query = Query::parse(query).map_err(wrong)?;
    let fsync = match query.take("fsync").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(wrong("`fsync` is `true` or `false`")),
    };
    if !query.is_empty() {
        return Err(wrong(
            "it has an unknown or repeated parameter: the only one is `fsync`, and a `?` in a path is written %3F",
        ));
    }
    let path = super::query::decode(match path.strip_prefix("//") {
        None => path,
        Some(path) if path.starts_with('/') => path,
        Some(_) => {
            return Err(wrong(
                "`file://` must be followed by an absolute path, as in `file:///var/lib/shop`; otherwise write `file:sessions`",
            ));
        }
    });
    match path.map_err(wrong)? {
        path if path.is_empty() => Err(wrong("the path is empty; name a folder, as in `file:sessions`")),
        path if path.contains('\0') => Err(wrong("a path cannot contain a zero byte")),
        path => Ok(Kind::File { path, fsync }),
    }
}

fn unknown(scheme: &str) -> Error {
    let mut registered = register::schemes();
    registered.sort();
    let known = SCHEMES.iter().map(|(scheme, ..)| *scheme).chain(registered.iter().map(String::as_str));
    let end = match nearest(scheme, known) {
        Some(meant) => format!("; did you mean `{meant}`?"),
        None => String::new(),
    };
    let others = match &registered[..] {
        [] => String::new(),
        schemes => format!(" (registered: `{}`)", schemes.join("`, `")),
    };
    Error::setup(format!(
        "the store's URL begins with {}, and there is no such store: write `memory:`, `file:PATH`, `redis://HOST`, \
         `postgres://HOST/DATABASE`, `mysql://HOST/DATABASE`, `sqlite:PATH` or `cookie:`, or register a store of yours with \
         `session_runtime::store::register` before the URL is read{others}{end}",
        Quoted(scheme)
    ))
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.url.split_once(':').unwrap_or((&self.url, ""));
        let (slashes, place) = rest.strip_prefix("//").map_or(("", rest), |place| ("//", place));
        // Keeps the part after the last `@`, since an unescaped password may contain others. Paths have no user or password.
        let place = match scheme {
            "file" | "sqlite" | "memory" | "cookie" => place,
            _ => place.rsplit_once('@').map_or(place, |(_, place)| place),
        };
        let place = place.split_once('?').map_or(place, |(place, _)| place);
        write!(f, "{scheme}:{slashes}{place}")
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}
