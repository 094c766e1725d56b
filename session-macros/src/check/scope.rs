//! Rules for the names that separate sessions: those of their kind and of their application.

use crate::{attr::Given, context::Context, model::Session};

/// The longest name of a kind or an application, in bytes.
const LONGEST: usize = 64;

// kind = ""
// app = "shop\n"
// a name of more than 64 bytes
pub(super) fn names(session: &Session, cx: &mut Context) {
    let attrs = &session.attrs;
    name(attrs.kind.as_ref(), "the struct's name", cx);
    name(attrs.app.as_ref(), "the package's name", cx);
}

fn name(given: Option<&Given<String>>, default: &str, cx: &mut Context) {
    let Some(given) = given else { return };
    let (key, name) = (&given.key, &given.value);
    let message = if name.is_empty() {
        format!("the name in `{key}` is empty; write one, or drop `{key}` for {default}")
    } else if name.len() > LONGEST {
        format!("the name in `{key}` has {} bytes, and at most {LONGEST} are allowed; shorten it", name.len())
    } else if let Some(bad) = name.chars().find(|c| c.is_control()) {
        format!("the name in `{key}` contains the control character {bad:?}; remove it")
    } else {
        return;
    };
    cx.error_at(given.at_value(), message);
}
