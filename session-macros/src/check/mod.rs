//! The rules, one function each. The comment above a rule shows code that it rejects. All rules run, so that one compile reports
//! every mistake.

mod bounds;
mod cookie;
mod identity;
mod index;
mod item;
mod lifetime;
mod lock;
mod names;
mod policy;
mod scope;

use crate::{context::Context, model::Session};

/// Reports every mistake in the session.
pub(crate) fn check(session: &Session, cx: &mut Context) {
    const RULES: &[fn(&Session, &mut Context)] = &[
        item::form,
        item::generics,
        item::borrows,
        scope::names,
        cookie::name,
        cookie::prefix,
        cookie::needs_secure,
        cookie::path,
        cookie::domain,
        lifetime::idle,
        lifetime::touch,
        lifetime::remember,
        lifetime::rotate_every,
        lifetime::fields,
        policy::one,
        policy::types,
        policy::nothing,
        identity::one,
        identity::with,
        identity::migrate,
        identity::unlisted,
        identity::max_per_user,
        identity::rotates,
        index::types,
        index::policy,
        index::modifiers,
        policy::default,
        policy::with,
        policy::secret,
        policy::skip,
        policy::copy,
        bounds::lengths,
        bounds::bounded,
        lock::version,
        names::stored,
        names::unique,
        names::reserved,
        names::accessors,
    ];
    for rule in RULES {
        rule(session, cx);
    }
}
