//! The rule for `version`, which needs a lock.

use crate::{attr::keys::StructKey, context::Context, model::Session};

// #[session(version = 2)] without `lock`
pub(super) fn version(session: &Session, cx: &mut Context) {
    if let (Some(version), false) = (&session.attrs.version, session.attrs.written.contains(&StructKey::Lock)) {
        cx.error_at(
            version.at_key(),
            "`version` is compared with the one in the lock, and there is none; add `lock = \"…\"`, or drop `version`",
        );
    }
}
