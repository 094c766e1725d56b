//! Finds kinds of sessions in this process whose cookies overwrite each other.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Engine;

/// The engines of this process.
static ENGINES: Mutex<Vec<Weak<Engine>>> = Mutex::new(Vec::new());

/// Adds an engine. Logs a warning if another kind of session has the same cookie: a browser keeps only one of the two, so a
/// sign-in to one kind ends the other kind's session. Tests may build one kind twice; that causes no warning.
pub(crate) fn add(engine: &Arc<Engine>) {
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    engines.retain(|other| other.strong_count() > 0);
    let other = engines.iter().filter_map(Weak::upgrade).find(|other| engine.overwrites(other));
    engines.push(Arc::downgrade(engine));
    drop(engines);
    if let Some(other) = other {
        let (name, path) = (&engine.cookie.name, &engine.cookie.path);
        warn_limited!(
            "the `{}` and the `{}` sessions both use the cookie `{name}` with the path `{path}`: on one host, each would overwrite \
             the other's, so visitors would be signed out; give one of them another name or path, with `cookie = \"…\"` on its \
             struct or in its settings",
            engine.name,
            other.name,
        );
    }
}

impl Engine {
    fn overwrites(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.cookie, &other.cookie);
        self.scope != other.scope
            && (&ours.name, &ours.path, &ours.domain) == (&theirs.name, &theirs.path, &theirs.domain)
    }
}
