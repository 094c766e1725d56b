//! [`Config`]: what a deployment says of its sessions, in a settings file or in environment variables. The one list of all
//! options is here. `deserialize` and `variables` are the two ways to it, `read` has the grammar of the values and `names`
//! what to say of unknown ones, `layers` who wins, and `apply` what comes of it.

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

/// Makes, of the list of options below, all that goes by it: the fields, the names, how a value is read and what it does to
/// a builder (store and keys: in `apply`). An option that is not in the list does not exist; the tests hold the list to the
/// builder and to the guide.
macro_rules! options {
    ($($(#[$doc:meta])* $option:ident: $kind:ty = $read:path $(, |$builder:ident, $value:ident| $put:expr)?;)*) => {
        /// What a deployment says of its sessions: a part of the application's own settings, in any format of serde.
        ///
        /// Each option is called as the attribute and the method of [`SessionsBuilder`] are. What is not said stays as the
        /// attributes have it. Durations are texts, `"30m"`, written as in attributes. Give it a table of its own: of what is
        /// flattened into another struct, serde passes over the keys that are unknown.
        ///
        /// Deserializing checks what can be checked: an unknown option, a bad duration, a weak key, a store whose feature
        /// is not compiled in are errors that name the option and the way out. The rest is checked by
        /// [`SessionsBuilder::open`]. `Debug` shows neither keys nor passwords (SECURITY S49). The [guide] has a table of
        /// all options.
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
            /// What the options are called in a settings file. A variable is called the same in capitals, after `SESSION_`.
            pub(crate) const OPTIONS: &'static [&'static str] = &[$(stringify!($option)),*];

            /// Whether `option` is said.
            fn has(&self, option: &str) -> bool {
                match option {
                    $(stringify!($option) => self.$option.is_some(),)*
                    _ => false,
                }
            }

            /// Sets `option`, found under this name, to what `text` means. Files that variables are read from end with a
            /// line break, and so do blocks in YAML: no option needs blanks around it (F26).
            fn set(&mut self, option: &str, text: &str, site: Site<'_>) -> Result<(), Error> {
                let text = text.trim();
                match option {
                    $(stringify!($option) => self.$option = Some($read(text, site)?),)*
                    _ => return Err(site.wrong("it is no option")),
                }
                Ok(())
            }
        }

        impl<S: Schema> SessionsBuilder<S> {
            /// Puts in the place of each default what is said about it. The one place where that is done.
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
    /// Where the sessions are kept. [`SessionsBuilder::open`] opens it.
    store: StoreUrl = read::store;
    /// The keys that sign the cookie: text as [`KeyRing`] describes it, or a list of such.
    keys: KeyRing = read::keys;
    /// The file that they are in instead, as by [`KeyRing::open`].
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
    /// [`SessionsBuilder::clean_every`]; zero, written `never`, is never.
    clean_every: Duration = read::every, |builder, every| builder.clean_every = every;
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
    /// [`SessionsBuilder::cookie`]: its name.
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
