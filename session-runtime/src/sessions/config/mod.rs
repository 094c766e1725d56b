//! [`Config`]: the settings of a deployment for its sessions, from a settings file or environment variables. This file has the
//! only list of options. `deserialize` and `variables` read the options, `read` parses their values, `names` explains unknown
//! options, `layers` defines the precedence, and `apply` applies the options.

mod apply;
mod deserialize;
mod layers;
mod names;
mod read;
mod site;
#[cfg(test)]
mod tests;
mod variables;

use std::{path::PathBuf, time::Duration};

pub(super) use self::layers::Layers;
use self::site::Site;
#[cfg(feature = "testing")]
pub(crate) use self::variables::read as read_variables;
use super::SessionsBuilder;
use crate::{
    cookie::SameSite, engine::StoreDown, error::Error, keys::KeyRing, schema::SessionLimit, session::Schema,
    store::StoreUrl,
};

/// Generates everything that follows from the list of options below: the fields, the names, how a value is read and how it
/// changes a builder (except for store and keys, which `apply` handles). Only options in the list exist. The tests compare the
/// list with the builder and the guide.
macro_rules! options {
    ($($(#[$doc:meta])* $option:ident: $kind:ty = $read:path $(, |$builder:ident, $value:ident| $put:expr)?;)*) => {
        /// The settings of a deployment for its sessions: a part of the application's own settings, in any format of serde.
        ///
        /// Each option has the name of its attribute and of its method of [`SessionsBuilder`]. An option that is not set keeps
        /// its attribute. Durations are text, `"30m"`, written as in attributes. Give the options a table of their own: if the
        /// table is flattened into another struct, serde ignores unknown keys.
        ///
        /// Deserializing already finds many mistakes: an unknown option, a bad duration, a weak key, or a store whose feature
        /// is not compiled in. The error names the option and what to write instead. [`SessionsBuilder::open`] checks the rest.
        /// `Debug` shows neither keys nor passwords (SECURITY S49). The [guide] has a table of all options.
        ///
        /// [guide]: crate::guide::configuration
        ///
        /// ```
        /// use session_runtime::{Config, Session, Sessions};
        ///
        /// #[derive(serde::Deserialize)]
        /// struct Settings {
        ///     listen: String,
        ///     session: Config,
        /// }
        ///
        /// #[derive(Session)]
        /// struct Shop {
        ///     theme: String,
        /// }
        ///
        /// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
        /// let settings: Settings = serde_json::from_str(
        ///     r#"{
        ///         "listen": "127.0.0.1:3000",
        ///         "session": { "store": "file:sessions", "keys_file": "session-keys", "idle": "15m" }
        ///     }"#,
        /// )?;
        /// let sessions = Sessions::<Shop>::builder().config(settings.session).open().await?;
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Clone, Debug, Default)]
        #[non_exhaustive]
        pub struct Config {
            $($(#[$doc])* pub $option: Option<$kind>,)*
        }

        impl Config {
            /// The names of the options in a settings file. A variable has the same name in capitals, after `SESSION_`.
            pub(crate) const OPTIONS: &'static [&'static str] = &[$(stringify!($option)),*];

            /// Returns whether `option` is set.
            fn has(&self, option: &str) -> bool {
                match option {
                    $(stringify!($option) => self.$option.is_some(),)*
                    _ => false,
                }
            }

            /// Sets `option` to the value of `text`, without blanks and line breaks around it: a file that holds a variable's
            /// value ends with a line break, and so does a block in YAML (F26).
            fn set(&mut self, option: &str, text: &str, site: Site<'_>) -> Result<(), Error> {
                let text = text.trim();
                match option {
                    $(stringify!($option) => self.$option = Some($read(text, site)?),)*
                    _ => return Err(site.wrong("it is not an option")),
                }
                Ok(())
            }
        }

        impl<S: Schema> SessionsBuilder<S> {
            /// Overrides each default with the option that was given. This is the only place that does so.
            fn put_options(&mut self) {
                $($(
                    if let Some($value) = self.layers.find(|config| config.$option.clone()) {
                        let $builder = &mut *self;
                        $put;
                    }
                )?)*
            }
        }
    };
}

options! {
    /// Where sessions are kept. [`SessionsBuilder::open`] opens it.
    store: StoreUrl = read::store;
    /// The file that holds the store's URL, instead of `store`: for a URL with a password. The rules for who may change and read
    /// it are those of [`KeyRing::open`].
    store_file: PathBuf = read::path;
    /// The keys that sign the cookie: text as [`KeyRing`] describes it, or a list of such texts.
    keys: KeyRing = read::keys;
    /// The file that holds the keys, instead of `keys`: see [`KeyRing::open`].
    keys_file: PathBuf = read::path;
    /// [`SessionsBuilder::app`].
    app: String = read::text, |builder, app| builder.app = app;
    /// [`SessionsBuilder::idle`].
    idle: Duration = read::lasting, |builder, idle| builder.idle = idle;
    /// [`SessionsBuilder::absolute`].
    absolute: Duration = read::lasting, |builder, absolute| builder.absolute = absolute;
    /// [`SessionsBuilder::remember`].
    remember: Duration = read::lasting, |builder, remember| builder.remember = remember;
    /// [`SessionsBuilder::touch`].
    touch: Duration = read::lasting, |builder, touch| builder.touch = Some(touch);
    /// [`SessionsBuilder::rotate_every`].
    rotate_every: Duration = read::lasting, |builder, every| builder.rotate_every = Some(every);
    /// [`SessionsBuilder::clean_every`]; `never` means zero.
    clean_every: Duration = read::every, |builder, every| builder.clean_every = every;
    /// [`SessionsBuilder::watch_every`].
    watch_every: Duration = read::lasting, |builder, every| builder.watch_every = every;
    /// [`SessionsBuilder::store_timeout`].
    store_timeout: Duration = read::lasting, |builder, limit| builder.store_timeout = limit;
    /// [`SessionsBuilder::commit_timeout`].
    commit_timeout: Duration = read::lasting, |builder, limit| builder.commit_timeout = limit;
    /// [`SessionsBuilder::max_per_user`]: `5`, or `"5, refuse"`.
    max_per_user: SessionLimit = read::limit, |builder, limit| builder.max_per_user = Some(limit);
    /// [`SessionsBuilder::max_bytes`].
    max_bytes: usize = read::bytes, |builder, bytes| builder.max_bytes = bytes;
    /// [`SessionsBuilder::on_store_down`]: `unavailable` or `anonymous`.
    on_store_down: StoreDown = read::store_down, |builder, answer| builder.store_down = answer;
    /// [`SessionsBuilder::end_on_replay`].
    end_on_replay: bool = read::yes_or_no, |builder, end| builder.end_replayed = end;
    /// [`SessionsBuilder::events_name_users`].
    events_name_users: bool = read::yes_or_no, |builder, names| builder.names_users = names;
    /// [`SessionsBuilder::cookie`]: the cookie's name.
    cookie: String = read::text, |builder, name| builder.cookie.name = name.into();
    /// [`SessionsBuilder::persistent`].
    persistent: bool = read::yes_or_no, |builder, persistent| builder.cookie.persistent = persistent;
    /// [`SessionsBuilder::same_site`]: `lax`, `strict` or `none`.
    same_site: SameSite = read::same_site, |builder, same_site| builder.cookie.same_site = same_site;
    /// [`SessionsBuilder::secure`].
    secure: bool = read::yes_or_no, |builder, secure| builder.cookie.secure = secure;
    /// [`SessionsBuilder::plain_http`].
    plain_http: bool = read::yes_or_no, |builder, plain| builder.plain_http = plain;
    /// [`SessionsBuilder::http_only`].
    http_only: bool = read::yes_or_no, |builder, http_only| builder.cookie.http_only = http_only;
    /// [`SessionsBuilder::path`].
    path: String = read::text, |builder, path| builder.cookie.path = path.into();
    /// [`SessionsBuilder::domain`].
    domain: String = read::text, |builder, domain| builder.cookie.domain = Some(domain.into());
    /// [`SessionsBuilder::former_domain`].
    former_domain: String = read::text, |builder, domain| builder.former.domain = Some(domain);
    /// [`SessionsBuilder::former_path`].
    former_path: String = read::text, |builder, path| builder.former.path = Some(path);
    /// [`SessionsBuilder::partitioned`].
    partitioned: bool = read::yes_or_no, |builder, partitioned| builder.cookie.partitioned = partitioned;
}
