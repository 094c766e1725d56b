//! The only table of attributes. The parser, the suggestions and the reference page all use it.

use crate::suggest::brought_along;

/// An attribute of the struct or of a field.
pub(crate) struct Known<K: 'static> {
    pub(crate) key: K,
    pub(crate) name: &'static str,
    /// An example of the attribute, as a developer writes it.
    pub(crate) written: &'static str,
    /// The attribute's effect, in a sentence or two.
    pub(crate) says: &'static str,
}

impl<K> Known<K> {
    /// Returns whether the attribute never takes a value. `persistent` and `partitioned` are shown without a value, but accept
    /// `= false`.
    pub(crate) fn takes_nothing(&self) -> bool {
        self.written == self.name && !["persistent", "partitioned"].contains(&self.name)
    }
}

/// The key of an attribute: of the struct, of a field, or of a view.
pub(crate) trait Key: Copy + PartialEq + 'static {
    const ALL: &'static [Known<Self>];
    /// `the struct`, `a field` or `a view`.
    const PLACE: &'static str;
    const ON_STRUCT: bool;
    /// The noun for such an attribute in errors.
    const KIND: &'static str = if Self::ON_STRUCT { "struct attribute" } else { "field attribute" };

    /// Returns the place where an attribute of this name is allowed, and the place where it was found. `None` if the name is
    /// allowed nowhere.
    fn elsewhere(name: &str) -> Option<(&'static str, &'static str)> {
        let known = StructKey::find(name).is_some() || FieldKey::find(name).is_some();
        known.then_some(if Self::ON_STRUCT { ("a field", "the struct") } else { ("the struct", "a field") })
    }

    /// Returns this crate's name for a name from another library.
    fn brought_along(name: &str) -> Option<&'static str> {
        brought_along(Self::ON_STRUCT, name)
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|known| known.name == name).map(|known| known.key)
    }

    fn known(self) -> &'static Known<Self> {
        Self::ALL.iter().find(|known| known.key == self).unwrap_or(&Self::ALL[0])
    }

    fn names() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|known| known.name)
    }
}

/// Attributes of the struct.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum StructKey {
    Cookie,
    Kind,
    App,
    Idle,
    Absolute,
    Remember,
    RotateEvery,
    Touch,
    MaxPerUser,
    Persistent,
    Secure,
    HttpOnly,
    SameSite,
    Path,
    Domain,
    Partitioned,
    Bounded,
    Lock,
    Version,
    Crate,
}

/// Attributes of a field.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum FieldKey {
    Atomic,
    Counter,
    Flash,
    Identity,
    Unlisted,
    Index,
    Expires,
    Rotates,
    Device,
    Secret,
    Rename,
    Alias,
    Migrate,
    Default,
    Skip,
    Copy,
    With,
    MaxLen,
}

const fn on_struct(key: StructKey, name: &'static str, written: &'static str, says: &'static str) -> Known<StructKey> {
    Known { key, name, written, says }
}

const fn on_field(key: FieldKey, name: &'static str, written: &'static str, says: &'static str) -> Known<FieldKey> {
    Known { key, name, written, says }
}

impl Key for StructKey {
    const PLACE: &'static str = "the struct";
    const ON_STRUCT: bool = true;
    const ALL: &'static [Known<Self>] = &[
        on_struct(
            Self::Cookie,
            "cookie",
            "cookie = \"shop\"",
            "The cookie's name, exactly as written. Default: `__Host-` and the struct's name in kebab case.",
        ),
        on_struct(
            Self::Kind,
            "kind",
            "kind = \"Shop\"",
            "Names the kind of session: cookies, stored sessions and users' lists of one kind are never mistaken for those \
             of another. Default: the struct's name.",
        ),
        on_struct(
            Self::App,
            "app",
            "app = \"shop\"",
            "Names the application. Two packages that serve the same sessions must give the same name. The option `app`, in \
             the builder or the configuration, overrides it. Default: the package that the struct is in.",
        ),
        on_struct(
            Self::Idle,
            "idle",
            "idle = 30m",
            "Ends the session after this long without a request. Default: 30 minutes.",
        ),
        on_struct(
            Self::Absolute,
            "absolute",
            "absolute = 12h",
            "Ends the session this long after it began, or after the sign-in, however active it is. Default: 12 hours.",
        ),
        on_struct(
            Self::Remember,
            "remember",
            "remember = 30d",
            "Replaces `idle` and `absolute` after `remember(true)`. Default: 30 days.",
        ),
        on_struct(
            Self::RotateEvery,
            "rotate_every",
            "rotate_every = 15m",
            "Renews the session's id this often. Requests in progress with the previous id still succeed. Default: off.",
        ),
        on_struct(
            Self::Touch,
            "touch",
            "touch = 30s",
            "How stale the idle deadline may get before a read refreshes it. Default: `idle` / 20, at most 1 minute.",
        ),
        on_struct(
            Self::MaxPerUser,
            "max_per_user",
            "max_per_user = 5",
            "How many sessions a user may have. A sign-in beyond the limit ends the oldest session, or is refused with \
             `(5, refuse)`. Default: 100, and the oldest sessions end.",
        ),
        on_struct(
            Self::Persistent,
            "persistent",
            "persistent",
            "The cookie outlives the browser: it gets a `Max-Age`. Default: off.",
        ),
        on_struct(
            Self::Secure,
            "secure",
            "secure = false",
            "Whether browsers send the cookie over HTTPS (and to localhost) only. Default: on.",
        ),
        on_struct(
            Self::HttpOnly,
            "http_only",
            "http_only = false",
            "Whether the cookie is hidden from scripts. Default: on.",
        ),
        on_struct(
            Self::SameSite,
            "same_site",
            "same_site = strict",
            "`strict`, `lax` or `none`: whether requests from other sites carry the cookie. Default: `lax`.",
        ),
        on_struct(Self::Path, "path", "path = \"/shop\"", "The cookie's path. Default: `/`."),
        on_struct(
            Self::Domain,
            "domain",
            "domain = \"example.com\"",
            "The cookie's domain: all hosts below it get the cookie. Default: only this host.",
        ),
        on_struct(
            Self::Partitioned,
            "partitioned",
            "partitioned",
            "Whether each site that embeds this one has a separate cookie. Default: off.",
        ),
        on_struct(
            Self::Bounded,
            "bounded",
            "bounded",
            "Proves that the session always fits into an encrypted cookie. Each field needs a bound; text and lists get \
             it from `max_len`.",
        ),
        on_struct(
            Self::Lock,
            "lock",
            "lock = \"shop.lock\"",
            "A file next to this source file that records what live sessions store. A change that would lose data of live \
             sessions, or end them, does not compile. `SESSION_LOCK=update cargo check` writes the file.",
        ),
        on_struct(
            Self::Version,
            "version",
            "version = 2",
            "With `lock`: raise it to allow a change that loses fields of live sessions. Default: 1.",
        ),
        on_struct(
            Self::Crate,
            "crate",
            "crate = my::session_runtime",
            "The path of the runtime, for a crate that re-exports it.",
        ),
    ];
}

impl Key for FieldKey {
    const PLACE: &'static str = "a field";
    const ON_STRUCT: bool = false;
    const ALL: &'static [Known<Self>] = &[
        on_field(
            Self::Atomic,
            "atomic",
            "atomic",
            "Is changed only by `update`, with a compare-and-swap: no concurrent update is lost.",
        ),
        on_field(
            Self::Counter,
            "counter",
            "counter",
            "An integer that `add` and `sub` change: no concurrent change is lost.",
        ),
        on_field(
            Self::Flash,
            "flash",
            "flash",
            "An `Option` or a `Vec` of values that are shown once: `put` now, `take` later.",
        ),
        on_field(
            Self::Identity,
            "identity",
            "identity",
            "An `Option` that holds the user, whose type must be as visible as the session. `log_in` and `log_out` renew \
             the session's id.",
        ),
        on_field(
            Self::Unlisted,
            "unlisted",
            "unlisted",
            "On an `identity`: sessions are not listed by user, so they can be stored in the visitors' cookies.",
        ),
        on_field(
            Self::Index,
            "index",
            "index",
            "On an `Option` or a `Vec`: `sessions.by_x(&value)` lists and ends the sessions in which the field `x` has this \
             value, or its list has this item. A session that was stored before the field was an `index` is found from its next \
             write on.",
        ),
        on_field(
            Self::Expires,
            "expires",
            "expires = 5m",
            "Expires only this field, this long after its last write. Adds `x_expires_at()`.",
        ),
        on_field(
            Self::Rotates,
            "rotates",
            "rotates",
            "Decides what a visitor may do: a change renews the session's id, and a sign-in resets the field. Until the browser has the \
             new id, its other requests are a guest's: set the field in a POST, or with `sessions.of(&user).update(…)`, which keeps ids.",
        ),
        on_field(
            Self::Device,
            "device",
            "device",
            "Belongs to the browser rather than to the user: `log_out` keeps it.",
        ),
        on_field(
            Self::Secret,
            "secret",
            "secret",
            "Is encrypted in every store, so that the value can be read only in this session and field, and is never shown \
             in a log or an error. Its length is not hidden.",
        ),
        on_field(
            Self::Rename,
            "rename",
            "rename = \"lang\"",
            "The name that the field is stored under. Default: the field's own name.",
        ),
        on_field(
            Self::Alias,
            "alias",
            "alias = \"basket\"",
            "A name under which older builds stored the field, and which is still read. May be repeated.",
        ),
        on_field(
            Self::Migrate,
            "migrate",
            "migrate = in_cents(\"price\")",
            "This function makes the field from a value that older builds stored under another name: `fn \
             in_cents(price: f64) -> u64`. For several names: `fn(Option<A>, Option<B>) -> T`. May be repeated.",
        ),
        on_field(
            Self::Default,
            "default",
            "default = Theme::Dark",
            "The value in a new session. Default: the type's own `Default`.",
        ),
        on_field(Self::Skip, "skip", "skip", "Is not stored: it lasts as long as the request."),
        on_field(Self::Copy, "copy", "copy", "Is read by value. Numbers, `bool` and `char` always are."),
        on_field(
            Self::With,
            "with",
            "with = module",
            "Is encoded by `module::serialize` and `module::deserialize`, as in serde.",
        ),
        on_field(
            Self::MaxLen,
            "max_len",
            "max_len = 64",
            "The largest `len()` that text (in bytes) or a list (in items) may have. A longer value is refused when \
             it is stored.",
        ),
    ];
}

/// Writes a table of the reference.
#[cfg(test)]
pub(crate) fn table<K: Key>(into: &mut String) {
    into.push_str("| attribute | meaning |\n|---|---|\n");
    for known in K::ALL {
        into.push_str(&format!("| `{}` | {} |\n", known.written, known.says));
    }
}

/// Returns the reference page, `src/attributes.md`.
#[cfg(test)]
fn reference() -> String {
    let mut page = String::from("On the struct:\n\n");
    table::<StructKey>(&mut page);
    page.push_str("\nOn a field; the first four exclude each other:\n\n");
    table::<FieldKey>(&mut page);
    page.push_str(
        "\nDurations are written `500ms`, `30s`, `15m`, `12h`, `7d`, `2w`, `1h 30m`, with or without quotes, or as the \
         path of a `const` of type `Duration`.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_page_is_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/attributes.md");
        if std::env::var_os("BLESS").is_some() {
            assert!(std::fs::write(path, reference()).is_ok());
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(page, reference(), "run the tests with BLESS=1 to update src/attributes.md");
    }

    #[test]
    fn every_key_is_found_by_its_name_and_its_example_begins_with_it() {
        fn check<K: Key>() {
            for known in K::ALL {
                assert!(K::find(known.name) == Some(known.key) && known.key.known().name == known.name);
                assert!(known.written.starts_with(known.name), "{}", known.name);
            }
        }
        check::<StructKey>();
        check::<FieldKey>();
    }
}
