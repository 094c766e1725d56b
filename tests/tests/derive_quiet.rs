//! A crate that forbids all default lints and many others. The derive's output triggers none of them, even if it is not used.
#![forbid(warnings, unused, missing_docs, rust_2018_idioms, nonstandard_style, future_incompatible)]
#![forbid(
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    single_use_lifetimes,
    trivial_casts,
    unsafe_code
)]
#![forbid(let_underscore_drop, unused_results, elided_lifetimes_in_paths, unused_lifetimes)]
#![forbid(variant_size_differences, non_local_definitions, redundant_lifetimes, trivial_numeric_casts, unit_bindings)]
#![forbid(
    explicit_outlives_requirements,
    redundant_imports,
    unused_import_braces,
    unused_macro_rules,
    unused_extern_crates
)]
#![forbid(absolute_paths_not_starting_with_crate, deprecated_in_future, meta_variable_misuse, macro_use_extern_crate)]
// Changes of the 2024 edition, and of the next one.
#![forbid(rust_2021_compatibility, rust_2024_compatibility, keyword_idents, if_let_rescope, tail_expr_drop_order)]
#![forbid(clippy::all, clippy::pedantic, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![forbid(clippy::absolute_paths, clippy::allow_attributes, clippy::missing_docs_in_private_items)]
#![forbid(clippy::missing_inline_in_public_items, clippy::same_name_method, clippy::default_numeric_fallback)]
#![forbid(clippy::indexing_slicing, clippy::arbitrary_source_item_ordering, clippy::partial_pub_fields)]
#![deny(clippy::nursery)]
// This lint contradicts `unreachable_pub`.
#![allow(clippy::redundant_pub_crate)]

mod shop {
    //! Sessions that are used in part, or not at all.

    use session_runtime::{Session, View, view};

    /// The shop's session.
    #[derive(Session)]
    #[session(idle = 30m, absolute = 12h, same_site = strict, touch = 10s, remember = 30d, persistent)]
    pub(crate) struct Shop {
        /// The cart's items.
        #[session(atomic)]
        cart: Vec<String>,
        /// The code that was sent.
        #[session(expires = 5m, alias = "old_code")]
        code: Option<String>,
        /// How many attempts are left.
        #[session(counter, default = 3_u8)]
        countdown: u8,
        /// A field of the past.
        #[deprecated = "nobody asks"]
        height: Option<u32>,
        /// A message.
        #[session(flash)]
        notice: Option<String>,
        /// More messages.
        #[session(flash)]
        notices: Vec<String>,
        /// A pair.
        #[session(copy)]
        pair: (u8, u8),
        /// For this request only.
        #[session(skip)]
        scratch: Option<String>,
        /// The colour theme.
        #[session(device, rename = "t", default = String::from("dark"))]
        theme: String,
        /// The user who is signed in.
        #[session(identity)]
        user_id: Option<u64>,
    }

    /// Never constructed, and only one of its accessors is used.
    #[derive(Session)]
    pub(crate) struct Unmade {
        /// One.
        one: u8,
        /// Two.
        two: Option<bool>,
    }

    /// Never used.
    #[derive(Session)]
    #[session(bounded)]
    struct Unused {
        /// A word.
        #[session(max_len = 8, rotates, expires = 1h)]
        word: String,
    }

    /// A user who has signed in recently.
    #[view(Shop, or_redirect = "/login", fresh = 10m)]
    pub(crate) struct Recent {
        /// The cart's items.
        cart: Vec<String>,
        /// The code, if one was sent.
        code: Option<String>,
        /// The colour theme.
        #[cfg(test)]
        theme: String,
        /// The user.
        user_id: u64,
    }

    /// Returns the user and a length.
    pub(crate) fn recent(session: &Session<Shop>) -> Option<(u64, usize)> {
        let View(Recent { cart, code, theme, user_id }) = View::of(session)?;
        Some((user_id, cart.len().max(theme.len()).max(code?.len())))
    }

    /// Returns `one`.
    pub(crate) fn one(session: &Session<Unmade>) -> u8 {
        session.one()
    }

    /// Returns the user.
    pub(crate) fn user(session: &Session<Shop>) -> Option<u64> {
        session.user_id()
    }
}

#[test]
fn the_expansion_triggers_no_lint() {
    let _: (fn(&_) -> _, fn(&_) -> _) = (shop::one, shop::user);
    let _: fn(&_) -> _ = shop::recent;
}
