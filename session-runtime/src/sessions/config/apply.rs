//! Applies settings: the builder's methods that take them, and their use when sessions are built.

use std::{ffi::OsString, path::PathBuf};

use super::{
    Config,
    variables::{self, PREFIX},
};
use crate::{
    cookie::Attributes,
    error::Error,
    keys::{KeyRing, MAKE},
    secret_file::SecretFile,
    session::Schema,
    sessions::{Sessions, SessionsBuilder},
    store::StoreUrl,
};

impl<S: Schema> Sessions<S> {
    /// Builds sessions from environment variables: `SESSION_STORE` and `SESSION_KEYS` (or `SESSION_STORE_FILE` and
    /// `SESSION_KEYS_FILE`), and one such as `SESSION_IDLE=15m` for each option that differs from the attributes.
    ///
    /// This is short for `Sessions::builder().env()?.open().await`. The [guide](crate::guide::configuration) has a table of
    /// all variables.
    ///
    /// # Errors
    /// As [`SessionsBuilder::env`] and [`SessionsBuilder::open`].
    ///
    /// ```no_run
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn start() -> Result<(), Error> {
    /// let sessions = Sessions::<Shop>::from_env().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn from_env() -> Result<Self, Error> {
        Self::builder().env()?.open().await
    }
}

/// Settings from outside.
impl<S: Schema> SessionsBuilder<S> {
    /// Adds the options from the application's settings file. They take precedence over attributes, but not over variables or
    /// the builder's other methods, whatever the order of calls. If two files set an option, the later one takes precedence.
    ///
    /// ```
    /// # use session_runtime::{Config, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
    /// let config: Config = serde_json::from_str(r#"{ "store": "memory:", "keys_file": "session-keys" }"#)?;
    /// let sessions = Sessions::<Shop>::builder().config(config).env()?.open().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn config(mut self, config: Config) -> Self {
        self.layers.add_file(config);
        self
    }

    /// Adds the environment variables that begin with `SESSION_`. They take precedence over attributes and
    /// [`SessionsBuilder::config`], but not over the builder's other methods, whatever the order of calls.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a message that names the variable: the option does not exist, or its value is empty or wrong.
    /// These variables are ignored: `SESSION_MANAGER`, which desktops set, `SESSION_LOCK`, which the derive reads, and
    /// `SESSION_SERVICE_…` and `SESSION_PORT…`, which Kubernetes sets for a service with the name `session`.
    ///
    /// ```
    /// # use session_runtime::{Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn start() -> Result<(), session_runtime::Error> {
    /// let sessions = Sessions::<Shop>::builder().env()?.http_only(true).open().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn env(self) -> Result<Self, Error> {
        self.variables(PREFIX, std::env::vars_os())
    }

    /// Adds the variables that begin with `prefix`, and ignores all others. Use it for an application with several kinds of
    /// sessions, or for variables from another source than the environment, such as a file. If two calls set an option, the
    /// later one takes precedence.
    ///
    /// # Errors
    /// As [`SessionsBuilder::env`], or if the prefix is empty.
    ///
    /// ```
    /// # use session_runtime::{Error, Session, Sessions};
    /// # #[derive(Session)] struct Admin { theme: String }
    /// # async fn start() -> Result<(), Error> {
    /// // Store and keys are the same for all sessions; ADMIN_SESSION_IDLE=5m is only for these.
    /// let admins = Sessions::<Admin>::builder().env()?.variables("ADMIN_SESSION_", std::env::vars_os())?.open().await?;
    /// # Ok(())
    /// # }
    /// let error = Sessions::<Admin>::builder().variables("ADMIN_SESSION_", [("ADMIN_SESSION_IDEL", "5m")]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "`ADMIN_SESSION_IDEL` is not a session option; did you mean ADMIN_SESSION_IDLE?",
    /// );
    /// ```
    pub fn variables<N, V>(
        mut self,
        prefix: impl Into<String>,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, Error>
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        let prefix = prefix.into();
        let config = variables::read(&prefix, variables)?;
        self.layers.add_variables(prefix, config);
        Ok(self)
    }

    /// Opens the store at `url`, in one of the forms that [`StoreUrl`] lists. A SQL store creates its table if it is missing.
    /// Like [`SessionsBuilder::store`], this takes precedence over settings.
    ///
    /// # Errors
    /// [`Error::is_setup`], with a message that says what to do: the kind of store does not exist, its feature is not compiled
    /// in, the URL is wrong, or the store does not answer. The message never contains a password.
    ///
    /// ```
    /// # use session_runtime::{KeyRing, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn start() -> Result<(), session_runtime::Error> {
    /// let sessions = Sessions::<Shop>::builder().store_url("memory:").await?.keys(KeyRing::generate()).build()?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(start()).unwrap();
    /// ```
    pub async fn store_url(mut self, url: &str) -> Result<Self, Error> {
        self.store = Some(url.parse::<StoreUrl>()?.open().await?);
        self.layers.in_code.extend(["store", "store_file"]);
        Ok(self)
    }

    /// Opens the store that the settings name, unless the builder already has a store, and then calls [`SessionsBuilder::build`].
    /// All other options are checked before the store is opened.
    ///
    /// # Errors
    /// The errors of [`SessionsBuilder::build`], and [`Error::is_setup`] if the store cannot be opened.
    ///
    /// ```
    /// # use session_runtime::{Error, KeyRing, Session, Sessions};
    /// # #[derive(Session)] struct Shop { theme: String }
    /// # async fn start() -> Result<(), Error> {
    /// let variables = [("SESSION_STORE", "memory:"), ("SESSION_IDLE", "10m")];
    /// let builder = Sessions::<Shop>::builder().variables("SESSION_", variables)?;
    /// let sessions = builder.keys(KeyRing::generate()).open().await?;
    /// # Ok(())
    /// # }
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(start()).unwrap();
    /// ```
    pub async fn open(mut self) -> Result<Sessions<S>, Error> {
        self.settle()?;
        if self.store.is_none() {
            let Some((name, said)) = self.said_store() else { return Err(self.no_store()) };
            if self.keys.is_none() {
                return Err(self.no_keys());
            }
            let url = said.url().map_err(|error| named(&name, error))?;
            let opened = url.open().await;
            self.store = Some(opened.map_err(|error| named(&name, error))?);
        }
        self.build()
    }

    /// Overrides the defaults with the options that were given, and checks the result. Idempotent.
    pub(in crate::sessions) fn settle(&mut self) -> Result<(), Error> {
        self.put_options();
        let app = self.layers.find(|config| config.app.clone());
        if app.is_some_and(|app| app.is_empty() || app.contains(char::is_control)) {
            return Err(Error::setup(format!(
                "`app` of the `{}` sessions is {:?}, but the name of an application must not be empty or have control characters: \
                 correct it{}",
                S::SPEC.name,
                self.app,
                self.layers.whence(&["app"])
            )));
        }
        if self.keys.is_none() {
            self.keys = self.said_keys()?;
        }
        if let Some(name) = self.layers.name("max_per_user").filter(|_| !S::SPEC.is_listed()) {
            return Err(Error::setup(format!(
                "`max_per_user` cannot apply to the `{}` sessions, which are not listed by user: take it out of {name}, or \
                 mark a field with `#[session(identity)]`",
                S::SPEC.name
            )));
        }
        self.lifetimes()?;
        if let Some(flaw) = self.cookie.flaw() {
            let sentence = self.cookie.explain(flaw);
            return Err(Error::setup(format!("{sentence}{}", self.layers.whence(flaw.options()))));
        }
        if self.plain_http && self.cookie.secure {
            return Err(Error::setup(format!(
                "`plain_http` of the `{}` sessions has no effect while their cookie is `Secure`, since browsers keep such a \
                 cookie over HTTPS only: add `secure = false` and a `cookie` name without a prefix, or drop `plain_http`{}",
                S::SPEC.name,
                self.layers.whence(&["plain_http", "secure"])
            )));
        }
        self.former_cookies().map(drop)
    }

    /// Returns the former cookies, which are removed in addition to the current one.
    pub(in crate::sessions) fn former_cookies(&self) -> Result<Vec<Attributes>, Error> {
        let whence = || self.layers.whence(&["former_domain", "former_path"]);
        self.former.cookies(&self.cookie).map_err(|error| Error::setup(format!("{error}{}", whence())))
    }

    /// Returns the store from the settings.
    fn said_store(&self) -> Option<(String, SaidStore)> {
        self.layers.outside(|config| match (config.store.clone(), config.store_file.clone()) {
            (None, None) => None,
            (Some(url), None) => Some(("store", SaidStore::Url(url))),
            (None, Some(path)) => Some(("store_file", SaidStore::File(path))),
            (Some(_), Some(_)) => Some(("store", SaidStore::Both)),
        })
    }

    /// Returns the keys from the settings.
    fn said_keys(&self) -> Result<Option<KeyRing>, Error> {
        enum Said {
            Keys(KeyRing),
            File(PathBuf),
            Both,
        }
        let said = self.layers.outside(|config| match (config.keys.clone(), config.keys_file.clone()) {
            (None, None) => None,
            (Some(keys), None) => Some(("keys", Said::Keys(keys))),
            (None, Some(path)) => Some(("keys_file", Said::File(path))),
            (Some(_), Some(_)) => Some(("keys", Said::Both)),
        });
        match said {
            None => Ok(None),
            Some((_, Said::Keys(keys))) => Ok(Some(keys)),
            Some((name, Said::File(path))) => KeyRing::open(path).map(Some).map_err(|error| named(&name, error)),
            Some((name, Said::Both)) => {
                Err(Error::setup(format!("{name}: there is a key file as well; keep one of the two")))
            }
        }
    }

    /// Returns the error for a builder without a store.
    pub(in crate::sessions) fn no_store(&self) -> Error {
        let name = S::SPEC.name;
        if let Some((place, said)) = self.said_store() {
            let url = match said {
                SaidStore::Url(url) => format!(", {url}"),
                SaidStore::File(_) | SaidStore::Both => String::new(),
            };
            return Error::setup(format!(
                "the store of the `{name}` sessions{url} from {place}, is not open yet: write `.open().await?` instead \
                 of `.build()?`"
            ));
        }
        Error::setup(match self.layers.missing("store") {
            Some(missing) => format!(
                "{missing}; set it to where the `{name}` sessions are kept, such as `file:sessions` or `redis://localhost`"
            ),
            None => {
                format!(
                    "the `{name}` sessions have no store: add `.store(…)`, for example `.store(MemoryStore::new())`"
                )
            }
        })
    }

    /// Returns the error for a builder without keys.
    pub(in crate::sessions) fn no_keys(&self) -> Error {
        let name = S::SPEC.name;
        Error::setup(match self.layers.missing("keys") {
            Some(missing) => format!("{missing}; set it to a key made with `{MAKE}`"),
            None => format!(
                "the `{name}` sessions have no keys: add `.keys(…)`, for example `.keys(KeyRing::from_env(\"SESSION_KEYS\")?)`"
            ),
        })
    }

    /// Warns of settings that are valid but risky, or that have no effect. `asks_no_store`: the sessions are in cookies,
    /// without a store for revocations.
    pub(in crate::sessions) fn warn(&self, asks_no_store: bool) {
        for (place, method) in self.layers.overridden() {
            tracing::warn!(
                target: "session_runtime",
                sessions = S::SPEC.name,
                "{place} has no effect, since the code calls `.{method}(…)`, which takes precedence; drop one of the two"
            );
        }
        for option in ["clean_every", "watch_every", "store_timeout", "commit_timeout", "on_store_down"] {
            if let Some(place) = self.layers.name(option).filter(|_| asks_no_store) {
                tracing::warn!(
                    target: "session_runtime",
                    sessions = S::SPEC.name,
                    "`{option}` from {place} has no effect, since these sessions are in cookies and no store is asked; drop it"
                );
            }
        }
        if self.plain_http {
            tracing::warn!(
                target: "session_runtime",
                sessions = S::SPEC.name,
                "sessions are served over plain HTTP (`plain_http`): a machine between a visitor and this server can take them \
                 over; use HTTPS where the network is not yours alone"
            );
        } else if let Some(name) = self.layers.name("secure").filter(|_| !self.cookie.secure) {
            tracing::warn!(
                target: "session_runtime",
                sessions = S::SPEC.name,
                "by {name}, the session cookie is not `Secure`: sessions are served to localhost only; for others, \
                 put the server behind HTTPS and remove the setting, or add `plain_http = true` if plain HTTP is intended"
            );
        }
    }
}

/// Where the settings say the store is.
enum SaidStore {
    Url(StoreUrl),
    File(PathBuf),
    Both,
}

const STORE_FILE: SecretFile =
    SecretFile { name: "store file", holds: "where sessions are kept", risk: "open the store with the password in it" };

impl SaidStore {
    fn url(self) -> Result<StoreUrl, Error> {
        let path = match self {
            Self::Url(url) => return Ok(url),
            Self::Both => return Err(Error::setup("there is a store file as well; keep one of the two")),
            Self::File(path) => path,
        };
        let Some(bytes) = STORE_FILE.read(&path)? else {
            return Err(Error::setup(format!(
                "there is no store file {path:?}; correct the path, or put the URL into it"
            )));
        };
        let text = std::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
        if text.is_empty() {
            return Err(Error::setup(format!(
                "the store file {path:?} holds no text; put the URL of the store into it"
            )));
        }
        text.parse()
    }
}

/// Puts the name of the setting in front of its error.
fn named(name: &str, error: Error) -> Error {
    error.within(name)
}
