//! Tests what sessions promise over HTTP. Each web framework serves the same table of routes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cookies;
mod failures;
mod layers;
mod origins;
mod outcomes;
mod pages;
mod sessions;
mod site;
mod views;

/// Returns the reason why a framework cannot show a behaviour of this suite; `None` if it can. The sections of
/// `session-runtime/docs/frameworks.md` list these exceptions for users, and further differences that come from the frameworks
/// themselves, such as optional arguments, disconnected clients and panics.
pub(crate) fn exception(framework: frameworks::Framework, behaviour: &str) -> Option<&'static str> {
    use frameworks::Framework::Rocket;
    match (framework, behaviour) {
        (Rocket, "guarded") => Some("rocket has no middleware for some routes: take the view as a guard"),
        (Rocket, "page of a guard") => Some("the catcher of its status answers a guard that failed"),
        (Rocket, "marker") => Some("rocket's responses have no extensions"),
        _ => None,
    }
}
