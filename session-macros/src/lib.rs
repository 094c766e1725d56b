//! The derive behind `session-runtime`; use that crate, not this one.
//!
//! # Layout
//!
//! No step gives up early: all faults of a struct are reported in one compile.
//!
//! * `attr` reads `#[session(…)]`: `attr::keys` is the one table of attributes, `duration` and `suggest` help;
//! * `model` is the struct, understood, with `shape` for what the spelling of a type says;
//! * `check` has one function for each rule;
//! * `expand` quotes the code, `span` says whose code it counts as;
//! * `context` collects the errors, which are appended to the code.

mod attr;
mod check;
mod context;
mod duration;
mod expand;
mod model;
mod shape;
mod span;
mod suggest;

use context::Context;
use proc_macro2::TokenStream;
use syn::DeriveInput;

/// Makes a session of a struct: `Session<Shop>` gets a reader `x()` and a handle `x_mut()` for each field `x`.
///
#[doc = include_str!("attributes.md")]
#[proc_macro_derive(Session, attributes(session))]
pub fn derive_session(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(input.into()).into()
}

fn derive(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut cx = Context::new();
    let session = model::Session::build(input, &mut cx);
    check::check(&session, &mut cx);
    let mut code = if cx.is_broken() { expand::expand_broken(&session) } else { expand::expand(&session) };
    code.extend(cx.finish());
    code
}
