//! Collects errors, so that one compile reports every mistake.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The errors so far. A context that is dropped without [`Context::finish`] would lose them, so the drop panics.
pub(crate) struct Context {
    errors: Vec<syn::Error>,
    finished: bool,
}

impl Context {
    pub(crate) fn new() -> Self {
        Self { errors: Vec::new(), finished: false }
    }

    /// Reports `message` at `span`.
    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(syn::Error::new(span, message.into()));
    }

    /// Reports `message` at all of `tokens`.
    pub(crate) fn error_at(&mut self, tokens: impl ToTokens, message: impl Into<String>) {
        self.push(tokens.to_token_stream(), message.into());
    }

    fn push(&mut self, tokens: TokenStream, message: String) {
        self.errors.push(syn::Error::new_spanned(tokens, message));
    }

    /// Runs `judge`, and drops its errors if `quiet`, because a reported mistake already explains them.
    pub(crate) fn quietly(&mut self, quiet: bool, judge: impl FnOnce(&mut Self)) {
        let so_far = self.errors.len();
        judge(self);
        if quiet {
            self.errors.truncate(so_far);
        }
    }

    pub(crate) fn is_broken(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Returns the errors as `compile_error!` calls; empty if there are none.
    pub(crate) fn finish(mut self) -> TokenStream {
        self.finished = true;
        self.errors.iter().map(syn::Error::to_compile_error).collect()
    }

    /// Returns only the messages, in the order in which they were found.
    #[cfg(test)]
    pub(crate) fn messages(mut self) -> Vec<String> {
        self.finished = true;
        self.errors.iter().map(ToString::to_string).collect()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        assert!(self.finished || std::thread::panicking(), "errors were collected and never reported");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finish_gives_one_compile_error_per_fault() {
        let mut cx = Context::new();
        assert!(!cx.is_broken());
        cx.error(Span::call_site(), "one");
        cx.error(Span::call_site(), "two");
        assert!(cx.is_broken());
        assert_eq!(cx.finish().to_string().matches("compile_error").count(), 2);
    }

    #[test]
    #[should_panic(expected = "never reported")]
    fn a_forgotten_context_panics() {
        drop(Context::new());
    }
}
