//! Parses `Shop, or_redirect = "/login"`: first the session's type, then entries as in `#[session(…)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{Path, ext::IdentExt};

use super::keys::ViewKey;
use crate::{
    attr::{
        Given,
        keys::Key,
        list::{Entry, read, split},
        twice,
    },
    context::Context,
    duration::Lifetime,
    span::flatten,
};

/// The arguments of `#[view(…)]`.
#[derive(Default)]
pub(super) struct Arguments {
    /// The session's type. `None` if it is missing, which is already reported.
    pub(super) session: Option<Path>,
    pub(super) or_redirect: Option<Given<String>>,
    pub(super) or_status: Option<Given<u16>>,
    pub(super) fresh: Option<Given<Lifetime>>,
    pub(super) stale_redirect: Option<Given<String>>,
    pub(super) stale_status: Option<Given<u16>>,
    pub(super) krate: Option<Given<Path>>,
}

impl Arguments {
    pub(super) fn read(tokens: TokenStream, cx: &mut Context) -> Self {
        let mut parts = split(tokens);
        let session = session(&mut parts, cx);
        let mut arguments = Self { session, ..Self::default() };
        let mut entries: Vec<Entry<ViewKey>> = Vec::new();
        for part in parts {
            read(&part, &mut entries, cx);
        }
        let mut written = Vec::new();
        for entry in entries {
            if twice(&written, &entry, cx) {
                continue;
            }
            written.push(entry.key);
            cx.quietly(entry.reported, |cx| match entry.key {
                ViewKey::OrRedirect => arguments.or_redirect = entry.text(cx),
                ViewKey::OrStatus => arguments.or_status = entry.number(cx),
                ViewKey::Fresh => arguments.fresh = entry.lifetime(cx),
                ViewKey::StaleRedirect => arguments.stale_redirect = entry.text(cx),
                ViewKey::StaleStatus => arguments.stale_status = entry.number(cx),
                ViewKey::Crate => arguments.krate = entry.path(cx),
            });
        }
        arguments
    }
}

const MISSING: &str = "a view is of a session; write its type first, such as `#[view(Shop)]`";

/// Takes the session's type out of the arguments. A type that is not the first argument is reported, and still used.
fn session(parts: &mut Vec<Vec<TokenTree>>, cx: &mut Context) -> Option<Path> {
    let Some(first) = parts.first().and_then(|part| part.first()).cloned() else {
        // #[view]
        cx.error(Span::call_site(), MISSING);
        return None;
    };
    if let Some((path, rest)) = leading_path(&parts[0]) {
        match rest.first() {
            None => {}
            // #[view(Shop or_redirect = "/login")]
            Some(next @ TokenTree::Ident(_)) => cx.error_at(next, format!("expected a comma before `{next}`")),
            // #[view(Shop<u8>)]
            Some(next) => cx.error_at(next, format!("expected a comma after the session's type, found `{next}`")),
        }
        parts[0] = if matches!(rest.first(), Some(TokenTree::Ident(_))) { rest.to_vec() } else { Vec::new() };
        return Some(path);
    }
    if let Some((at, path)) = parts.iter().enumerate().find_map(|(at, part)| Some((at, alone(part)?))) {
        // #[view(or_redirect = "/login", Shop)]
        cx.error_at(&parts[at][0], format!("the session comes first; write `#[view({}, …)]`", parts[at][0]));
        parts.remove(at);
        return Some(path);
    }
    // #[view(or_redirect = "/login")]
    // #[view("Shop")]
    cx.error_at(first.clone(), MISSING);
    if !matches!(first, TokenTree::Ident(_)) {
        parts.remove(0);
    }
    None
}

/// Returns the path, if the part has nothing else.
fn alone(part: &[TokenTree]) -> Option<Path> {
    leading_path(part).filter(|(_, rest)| rest.is_empty()).map(|(path, _)| path)
}

/// Returns the path at the start of a part, and the rest; `None` if the part is an entry.
fn leading_path(part: &[TokenTree]) -> Option<(Path, &[TokenTree])> {
    // A group from a `macro_rules!` fragment: `#[view($session)]`.
    if let [TokenTree::Group(group), rest @ ..] = part
        && group.delimiter() == proc_macro2::Delimiter::None
    {
        let flat: Vec<_> = flatten(group.stream());
        return alone(&flat).map(|path| (path, rest));
    }
    let (mut end, mut names) = (0, 0);
    let colon = |at: usize| matches!(part.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    loop {
        let separated = colon(end) && colon(end + 1);
        if names > 0 && !separated {
            break;
        }
        let name = end + if separated { 2 } else { 0 };
        if !matches!(part.get(name), Some(TokenTree::Ident(_))) {
            break;
        }
        (end, names) = (name + 1, names + 1);
    }
    let (path, rest) = part.split_at(end);
    if let [TokenTree::Ident(name)] = path {
        let given = matches!(rest.first(), Some(TokenTree::Punct(punct)) if punct.as_char() == '=');
        if given || ViewKey::find(&name.unraw().to_string()).is_some() {
            return None;
        }
    }
    let path = syn::parse::Parser::parse2(Path::parse_mod_style, path.iter().cloned().collect()).ok()?;
    Some((path, rest))
}
