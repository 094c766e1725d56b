//! The derive behind `session-runtime`; use that crate, not this one.
//!
//! # Layout
//!
//! No step gives up early: all faults of a struct are reported in one compile.
//!
//! * `attr` reads `#[session(…)]`: `attr::keys` is the one table of attributes, `duration` and `suggest` help;
//! * `model` is the struct, understood, with `shape` for what the spelling of a type says;
//! * `check` has one function for each rule;
//! * `lock` compares it with what live sessions store;
//! * `expand` quotes the code, `span` says whose code it counts as;
//! * `context` collects the errors, which are appended to the code;
//! * `view` does all that for `#[view(…)]`.

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

/// Makes a session of a struct: `Session<Shop>` gets a reader `x()` and a handle `x_mut()` for each field `x`.
///
/// ```
/// use session_runtime::Session;
///
/// #[derive(Session)]
/// #[session(idle = 30m, absolute = 12h)]
/// struct Shop {
///     /// Who is signed in.
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
/// The struct itself is left alone. Beside it stands `ShopFields`, which `Session<Shop>` dereferences to, so that
/// `impl ShopFields { … }` adds verbs of the application's own. A reader returns `&T`; numbers, `bool`, `char` and
/// `Option`s of them come by value, `String` as `&str`, `Vec<T>` as `&[T]`, `Option<T>` as `Option<&T>`.
///
#[doc = include_str!("attributes.md")]
#[proc_macro_derive(Session, attributes(session))]
pub fn derive_session(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input.into()).into()
}

/// Makes a view of a struct: an argument of handlers, `View<SignedIn>`, that run only with all of it there.
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
/// /// Only for visitors who are signed in, and were asked for their password not long ago.
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
/// The session comes first. Each field of the struct is read from the field of the session that has its name, and has
/// its type: where that is `Option<T>`, a field of type `T` asks for a value, and one of type `Option<T>` takes what is
/// there. A value past its `expires` is not there. Values read by reference are cloned. Anything that a handler could
/// read by that name will do, also the session's own `created_at` or `impersonator`, and an application's own
/// `impl ShopFields { fn is_staff(&self) -> bool { … } }`. The session's type must be at least as visible as the view.
///
/// Refused requests never reach the handler. Without arguments the answer is 401.
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
    // What is no session yet is not compared with what was one.
    let lock = if cx.is_broken() { TokenStream::new() } else { lock::hold(&session, &mut cx) };
    let mut code = if cx.is_broken() { expand::expand_broken(&session) } else { expand::expand(&session) };
    code.extend(lock);
    code.extend(cx.finish());
    code
}
