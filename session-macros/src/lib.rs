//! The derive behind `session-runtime`; use that crate, not this one.
//!
//! # Layout
//!
//! No step stops at the first mistake, so that one compile reports all mistakes in a struct.
//!
//! * `attr` parses `#[session(…)]`: `attr::keys` is the only table of attributes, `duration` parses durations, and `suggest`
//!   finds the name that a misspelled name stands for;
//! * `model` is the parsed struct, and `shape` interprets the spelling of a field's type;
//! * `check` has one function for each rule;
//! * `lock` compares the struct with the data of live sessions;
//! * `expand` generates the code, and `span` decides where the compiler shows an error in it;
//! * `context` collects the errors, which are appended to the code;
//! * `view` implements `#[view(…)]` in the same steps, except for the lock.

mod attr;
mod check;
mod context;
mod duration;
mod expand;
mod lock;
mod model;
mod private;
mod shape;
mod span;
mod suggest;
mod view;

use context::Context;
use proc_macro2::TokenStream;
use syn::DeriveInput;

/// Turns a struct into a session: `Session<Shop>` gets a reader `x()` and a handle `x_mut()` for each field `x`.
///
/// ```
/// use session_runtime::Session;
///
/// #[derive(Session)]
/// #[session(idle = 30m, absolute = 12h)]
/// struct Shop {
///     /// The signed-in user.
///     #[session(identity)]
///     user_id: Option<u64>,
///     #[session(counter)]
///     visits: u64,
///     #[session(device, default = "en".to_owned())]
///     language: String,
/// }
///
/// async fn home(mut session: Session<Shop>) -> String {
///     session.visits_mut().add(1);
///     format!("{}: visit {}", session.language(), session.visits())
/// }
/// ```
///
/// The struct itself does not change. The derive adds `ShopFields`, which `Session<Shop>` dereferences to, so an
/// `impl ShopFields { … }` adds the application's own methods. A reader returns `&T`. Numbers, `bool`, `char` and `Option`s of
/// them are returned by value, `String` as `&str`, `Vec<T>` as `&[T]`, `Option<T>` as `Option<&T>`, and `Option<String>` as
/// `Option<&str>`.
///
#[doc = include_str!("attributes.md")]
#[proc_macro_derive(Session, attributes(session))]
pub fn derive_session(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input.into()).into()
}

/// Turns a struct into a view: a handler with the argument `View<Payer>` runs only if the session has all values of `Payer`.
///
/// ```
/// use session_runtime::{Session, View, view};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
///     #[session(expires = 5m)]
///     one_time_code: Option<String>,
///     visits: u64,
/// }
///
/// /// Admits visitors who are signed in, and were asked for their password recently.
/// #[view(Shop, or_redirect = "/login", fresh = 10m)]
/// struct Payer {
///     user_id: u64,
///     one_time_code: Option<String>,
///     visits: u64,
/// }
///
/// async fn pay(View(payer): View<Payer>) -> String {
///     format!("user {} pays", payer.user_id)
/// }
/// ```
///
/// The first argument is the session's type. Each field of the view is read from the session's field of the same name, and has
/// the same type. If the session's field is an `Option<T>`, the view's field may be a `T`, which requires a value, or an
/// `Option<T>`, which does not. A value past its `expires` counts as absent. Values that the session returns by reference are
/// cloned. A view field can also have the name of any other reader, such as the session's own `created_at` or a method of the
/// application. The session's type must be at least as visible as the view.
///
/// **A value that is always there guards nothing**: a `bool` is there even when it is `false`, and a `String` even when it is
/// empty. To admit only some users, give the session a method that returns an `Option`. A view with `or_redirect` or `or_status`
/// does not compile if none of its values can be missing and it has no `fresh`.
///
/// ```
/// use session_runtime::{Session, View, view};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user: Option<String>,
///     #[session(rotates)]
///     is_admin: bool,
/// }
///
/// impl ShopFields {
///     /// Returns the user if they are an administrator, and if no other user acts as them.
///     fn admin(&self) -> Option<&str> {
///         self.user().filter(|_| self.is_admin() && self.impersonation_ends_at().is_none())
///     }
/// }
///
/// /// Admits administrators. For others, the page does not exist.
/// #[view(Shop, or_status = 404)]
/// struct Admin {
///     admin: String,
/// }
///
/// async fn audit(View(me): View<Admin>) -> String {
///     format!("seen by {}", me.admin)
/// }
/// ```
///
/// `.route_layer(View::<Admin>::layer())` guards a whole router with the same view.
///
/// Refused requests never reach the handler. If the attribute has neither `or_redirect` nor `or_status`, the answer is 401.
///
#[doc = include_str!("view/arguments.md")]
#[proc_macro_attribute]
pub fn view(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    view::view(arguments.into(), item.into()).into()
}

fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut cx = Context::new();
    let session = model::Session::build(input, &mut cx);
    check::check(&session, &mut cx);
    // Only a valid session is compared with its lock.
    let lock = if cx.is_broken() { TokenStream::new() } else { lock::hold(&session, &mut cx) };
    let mut code = if cx.is_broken() { expand::expand_broken(&session) } else { expand::expand(&session) };
    code.extend(lock);
    code.extend(cx.finish());
    code
}
