//! Rules for the `identity`, and for options that depend on it.

use crate::{
    attr::{Policy, keys::StructKey},
    context::Context,
    model::{Field, Session},
};

// #[session(identity)] user_id: …, #[session(identity)] admin_id: …
// #[session(identity, device)] user_id: …
pub(super) fn one(session: &Session, cx: &mut Context) {
    let mut first: Option<&Field> = None;
    for field in &session.fields {
        let Some((Policy::Identity, policy)) = field.attrs.policies.first() else { continue };
        if let Some(first) = first {
            cx.error_at(
                policy,
                format!(
                    "a session has one `identity`, and `{}` is it already; keep the other as a plain field",
                    first.name()
                ),
            );
        }
        first.get_or_insert(field);
        if let Some(device) = &field.attrs.device {
            cx.error_at(
                device,
                "an `identity` belongs to the user, not to the device: `log_out` must clear it; drop `device`",
            );
        }
    }
}

// #[session(identity, with = module)] user_id: …
pub(super) fn with(session: &Session, cx: &mut Context) {
    for field in session.fields.iter().filter(|field| field.policy() == Some(Policy::Identity)) {
        if let Some(with) = &field.attrs.with {
            cx.error_at(
                with.at_key(),
                "an `identity` must use its type's own serde encoding, since `Sessions::of` encodes borrowed users; drop \
                 `with`, or implement `Serialize` for the type",
            );
        }
    }
}

// #[session(identity, migrate = number("name"))] user_id: …
pub(super) fn migrate(session: &Session, cx: &mut Context) {
    for field in session.fields.iter().filter(|field| field.policy() == Some(Policy::Identity)) {
        for migrate in &field.attrs.migrations {
            cx.error_at(
                migrate.at_key(),
                "the store lists sessions by their `identity`, and a migration does not change that list; drop `migrate`, \
                 and let users sign in again",
            );
        }
    }
}

// #[session(unlisted)] name: …
pub(super) fn unlisted(session: &Session, cx: &mut Context) {
    for field in session.fields.iter().filter(|field| field.policy() != Some(Policy::Identity)) {
        if let Some(unlisted) = &field.attrs.unlisted {
            cx.error_at(unlisted, "`unlisted` is for the `identity` field; drop it here");
        }
    }
}

// #[session(max_per_user = 5)] without an identity, or with one that is unlisted
pub(super) fn max_per_user(session: &Session, cx: &mut Context) {
    if !session.attrs.written.contains(&StructKey::MaxPerUser) {
        return;
    }
    let at = session.attrs.max_per_user.as_ref().map(|given| given.at_key().clone());
    match (at, session.identity().map(|field| &field.attrs.unlisted)) {
        (Some(at), None) => cx.error_at(
            at,
            "`max_per_user` counts the sessions of a user, but no field is the `identity`; mark the one that holds the user with \
             `#[session(identity)]`",
        ),
        (Some(_), Some(Some(unlisted))) => {
            cx.error_at(
                unlisted,
                "`max_per_user` counts the sessions of a user, so they must be listed; drop `unlisted`",
            );
        }
        _ => {}
    }
}

// #[session(rotates, identity)]
// #[session(rotates, counter)]
// #[session(rotates, device)]
pub(super) fn rotates(session: &Session, cx: &mut Context) {
    for field in &session.fields {
        let Some(rotates) = &field.attrs.rotates else { continue };
        match field.policy() {
            Some(Policy::Identity) => {
                cx.error_at(rotates, "an `identity` renews the session's id anyway; drop `rotates`");
            }
            Some(_) => {
                let policy = &field.attrs.policies[0].1;
                cx.error_at(
                    rotates,
                    format!("a `rotates` field cannot be `{policy}`; drop one of them, or call `renew` yourself"),
                );
            }
            None => {}
        }
        if let Some(device) = &field.attrs.device {
            cx.error_at(
                device,
                "a `rotates` field decides what a visitor may do, so a log-out must forget it; drop `device` or `rotates`",
            );
        }
    }
}
