//! The rules of a view, one function each. The comment above a rule shows code that it rejects. The compiler itself compares the
//! view's fields with the session's, and reports errors at the view's fields.

use syn::GenericParam;

use super::model::View;
use crate::{
    attr::Given,
    context::Context,
    model::Form,
    shape::{borrowed, owned},
};

/// Reports every mistake in the view.
pub(super) fn check(view: &View, cx: &mut Context) {
    const RULES: &[fn(&View, &mut Context)] = &[form, generics, borrows, one_answer, stale, redirects, statuses];
    for rule in RULES {
        rule(view, cx);
    }
}

// enum SignedIn { … }
// struct SignedIn(u64);
// struct SignedIn;
fn form(view: &View, cx: &mut Context) {
    let name = &view.ident;
    match &view.form {
        Form::Struct => {}
        Form::Empty => cx.error_at(
            name,
            format!(
                "`{name}` has no fields, so it asks for nothing; give it one of the session's, such as `user_id: u64`"
            ),
        ),
        Form::Tuple(fields) => cx.error_at(
            fields,
            format!("a view's fields are found in the session by name; write `struct {name} {{ name: Type, … }}`"),
        ),
        Form::Other(keyword) => {
            let article = if keyword.to_string() == "enum" { "an" } else { "a" };
            cx.error_at(
                keyword,
                format!("a view is a struct, not {article} `{keyword}`; write a struct with fields of the session"),
            );
        }
    }
}

// struct SignedIn<T> { … }
// struct SignedIn<'a> { … }
fn generics(view: &View, cx: &mut Context) {
    let name = &view.ident;
    for param in &view.generics.params {
        match param {
            // The borrowing fields already have an error.
            GenericParam::Lifetime(_) if view.fields.iter().any(|field| borrowed(&field.ty).is_some()) => {}
            GenericParam::Lifetime(param) => {
                let lifetime = &param.lifetime;
                cx.error_at(param, format!("{CANNOT_BORROW}; let `{name}` own them and drop `{lifetime}`"));
            }
            param => cx.error_at(
                param,
                format!(
                    "a view cannot be generic: its fields have the types of the session's; write a struct for each kind \
                     of `{name}`"
                ),
            ),
        }
    }
    if let (true, Some(clause)) = (view.generics.params.is_empty(), &view.generics.where_clause) {
        cx.error_at(clause, "a view has no `where` clause; drop it");
    }
}

// name: &'static str
fn borrows(view: &View, cx: &mut Context) {
    for reference in view.fields.iter().filter_map(|field| borrowed(&field.ty)) {
        cx.error_at(reference, format!("{CANNOT_BORROW}; use `{}`", owned(reference)));
    }
}

const CANNOT_BORROW: &str = "a view cannot borrow: its values are taken out of the session";

// or_redirect = "/login", or_status = 401
// stale_redirect = "/confirm", stale_status = 403
fn one_answer(view: &View, cx: &mut Context) {
    let given = &view.arguments;
    if let (Some(_), Some(status)) = (&given.or_redirect, &given.or_status) {
        cx.error_at(
            status.at_key(),
            "`or_redirect` and `or_status` exclude each other: a refused visitor gets one answer; keep one of the two",
        );
    }
    if let (Some(_), Some(status)) = (&given.stale_redirect, &given.stale_status) {
        cx.error_at(
            status.at_key(),
            "`stale_redirect` and `stale_status` exclude each other: a user who is not fresh gets one answer; keep one of the two",
        );
    }
}

// stale_redirect = "/confirm", without `fresh`
fn stale(view: &View, cx: &mut Context) {
    let given = &view.arguments;
    if given.fresh.is_some() {
        return;
    }
    let redirect = given.stale_redirect.as_ref().map(|given| (given.at_key(), "stale_redirect"));
    let status = given.stale_status.as_ref().map(|given| (given.at_key(), "stale_status"));
    if let Some((at, name)) = redirect.or(status) {
        cx.error_at(
            at,
            format!("`{name}` is for users who are not fresh, and this view does not ask for that; add `fresh = 10m`"),
        );
    }
}

/// The most bytes in a path. A longer one might not leave enough room for `next` in the request head that servers accept.
const LONGEST: usize = 2048;

// or_redirect = "login"
// or_redirect = "https://example.com/login"
// or_redirect = "//example.com/login"
// or_redirect = "/login#form"
fn redirects(view: &View, cx: &mut Context) {
    let given = &view.arguments;
    for redirect in [&given.or_redirect, &given.stale_redirect].into_iter().flatten() {
        check_redirect(redirect, cx);
    }
}

fn check_redirect(given: &Given<String>, cx: &mut Context) {
    let path = given.value.as_str();
    let bad = path.chars().find(|c| !c.is_ascii_graphic() || "\\#".contains(*c));
    let fault = match bad {
        _ if path.is_empty() => "the path is empty; write one such as `/login`".to_owned(),
        Some('#') => {
            "refused visitors get `?next=…` appended to this, which cannot follow a `#`; drop the fragment".to_owned()
        }
        Some('\\') => {
            "browsers take a `\\` for a `/`, so this may lead to another site; write a path such as `/login`".to_owned()
        }
        Some(bad) => format!("{bad:?} cannot be part of a path as it is sent; percent-encode it"),
        None if path.starts_with("//") => {
            format!("browsers take `{path}` for another host; write a path of this site, such as `/login`")
        }
        None if !path.starts_with('/') => {
            format!("`{path}` is not a path of this site; write one such as `/login`, with the `/` in front")
        }
        None if path.len() > LONGEST => format!("the path has more than {LONGEST} bytes; shorten it"),
        None => return,
    };
    cx.error_at(given.at_value(), fault);
}

// or_status = 200
fn statuses(view: &View, cx: &mut Context) {
    let given = &view.arguments;
    for status in [&given.or_status, &given.stale_status].into_iter().flatten() {
        check_status(status, cx);
    }
}

fn check_status(given: &Given<u16>, cx: &mut Context) {
    let way_out = match given.value {
        400..=599 => return,
        300..=399 => "; for a redirect write `or_redirect = \"/login\"`",
        _ => "; write one from 400 to 599, such as `401`",
    };
    cx.error_at(given.at_value(), format!("`{}` is not the status of an error{way_out}", given.tokens));
}
