//! Which changes of a session its live ones survive.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::{file::Lock, form::Form};
use crate::{
    attr::{Given, Policy},
    model::{Field, Session},
};

/// What a session has that its lock has not.
pub(super) enum Difference {
    None,
    /// What the lock is or has not yet.
    Harmless(String),
    /// What live sessions would lose, and where that is to be said.
    Loses(Vec<(TokenStream, String)>),
}

pub(super) fn compare(session: &Session, given: &Given<String>, before: &Lock) -> Difference {
    let today = Lock::of(session);
    let compared = Compared { session, given, before, next: before.version.saturating_add(1) };
    if let Some(fault) = compared.other_session().or_else(|| compared.lower_version()) {
        return Difference::Loses(vec![fault]);
    }
    if today.version == before.version {
        let mut faults: Vec<_> = compared.cookie(&today).into_iter().collect();
        for field in session.fields.iter().filter(|field| field.attrs.skip.is_none()) {
            faults.extend(compared.form(field).or_else(|| compared.renamed(field)));
            faults.extend(compared.aliases(field));
        }
        if !faults.is_empty() {
            return Difference::Loses(faults);
        }
    }
    let new: Vec<_> = today.fields.iter().filter(|(name, form)| before.form(name) != Some(form)).collect();
    match new[..] {
        _ if today.version > before.version => {
            Difference::Harmless(format!("is of version {}, not of {} yet", before.version, today.version))
        }
        [] => Difference::None,
        [(name, form)] => Difference::Harmless(format!("has no `{name}: {form}` yet, which live sessions survive")),
        [(name, form), ..] => Difference::Harmless(format!(
            "has no `{name}: {form}` yet, nor {} more, which live sessions survive",
            new.len() - 1
        )),
    }
}

struct Compared<'a> {
    session: &'a Session,
    given: &'a Given<String>,
    before: &'a Lock,
    /// The version that a loss takes.
    next: u32,
}

type Fault = (TokenStream, String);

impl Compared<'_> {
    // #[session(lock = "shop.lock")] on `struct Admin`
    fn other_session(&self) -> Option<Fault> {
        let (ours, theirs, file) = (&self.session.ident, &self.before.session, &self.given.value);
        let message = || {
            format!(
                "`{file}` is the lock of `{theirs}`; name another file, or if `{ours}` was called `{theirs}`, write its new \
                 name in there"
            )
        };
        (ours != theirs).then(|| (self.given.at_value(), message()))
    }

    // #[session(version = 2)] after 3
    fn lower_version(&self) -> Option<Fault> {
        let (version, before) = (self.session.version(), self.before.version);
        let at = self.session.attrs.version.as_ref().map_or_else(|| self.given.at_value(), Given::at_value);
        let message = || {
            format!(
                "live sessions are of version {before}, and versions only grow; write `version = {before}`, or more"
            )
        };
        (version < before).then(|| (at, message()))
    }

    // struct Store { … }, whose cookie was named after `Shop`
    fn cookie(&self, today: &Lock) -> Option<Fault> {
        let (old, new) = (&self.before.cookie, &today.cookie);
        let at = match &self.session.attrs.cookie {
            Some(cookie) => cookie.at_value(),
            None => self.session.ident.to_token_stream(),
        };
        let message = || {
            format!(
                "live sessions are in the cookie `{old}`, and nobody looks for them in `{new}`; write \
                 `cookie = \"{old}\"`, or raise `version` to {} if all may end",
                self.next
            )
        };
        (old != new).then(|| (at, message()))
    }

    // hits: String, which was u64
    fn form(&self, field: &Field) -> Option<Fault> {
        let (name, new) = (field.stored_name(), Form::of(field));
        let old = self.before.form(&name).filter(|old| !new.reads(old))?;
        let (at, what) = what_changed(field, old, &new);
        let next = self.next;
        let way_out = if field.policy() == Some(Policy::Identity) {
            format!("; raise `version` to {next} if who is signed in may have to sign in anew")
        } else if old.secret == new.secret {
            format!(
                "; store it anew with `rename = \"{name}_2\", migrate = convert(\"{name}\")`, where `convert` takes the \
                 `{}`, or raise `version` to {next} if it reads the same, or may be lost",
                old.ty
            )
        } else {
            format!(
                "; store it anew with `rename = \"{name}_2\"`, or raise `version` to {next}: either way live sessions lose it"
            )
        };
        Some((at, format!("live sessions have `{name}` {what}{way_out}")))
    }

    // #[session(alias = "hits")] visits: String
    fn aliases(&self, field: &Field) -> Vec<Fault> {
        let new = Form::of(field);
        let faults = field.attrs.aliases.iter().filter_map(|alias| {
            let name = &alias.value;
            let old = self.before.form(name).filter(|old| !new.reads(old))?;
            let what = what_changed(field, old, &new).1;
            let next = self.next;
            let way_out = match old.secret == new.secret {
                true => format!(
                    "write `migrate = convert(\"{name}\")` instead, where `convert` takes the `{}`, or raise `version` to \
                     {next} if it reads the same",
                    old.ty
                ),
                false => "drop this `alias`: live sessions lose it".to_owned(),
            };
            Some((alias.at_value(), format!("live sessions have `{name}` {what}; {way_out}")))
        });
        faults.collect()
    }

    // cart: Vec<Line>, which was called basket
    fn renamed(&self, field: &Field) -> Option<Fault> {
        let (name, form) = (field.stored_name(), Form::of(field));
        if self.before.form(&name).is_some() || field.older_names().next().is_some() {
            return None;
        }
        let gone = |name: &str| {
            let read = |field: &Field| field.stored_name() == name || field.older_names().any(|older| older == name);
            !self.session.fields.iter().any(read)
        };
        let (old, _) = self.before.fields.iter().find(|(old, before)| gone(old) && form == **before)?;
        let next = self.next;
        let message = format!(
            "live sessions have no `{name}`, but a `{old}` of the same type, which is gone; if that was renamed, add \
             `alias = \"{old}\"`, if not, raise `version` to {next}"
        );
        Some((field.ident.to_token_stream(), message))
    }
}

/// Where a field's form changed, and from what to what.
fn what_changed(field: &Field, old: &Form, new: &Form) -> (TokenStream, String) {
    let ty = field.ty.to_token_stream();
    if old.secret != new.secret {
        let at = field.attrs.secret.as_ref().map_or_else(|| field.ident.to_token_stream(), ToTokens::to_token_stream);
        let (before, now) = match new.secret {
            true => ("readable", "what is not encrypted is no `secret`"),
            false => ("encrypted, as a `secret`", "without that nothing opens it"),
        };
        return (at, format!("{before}, and {now}"));
    }
    if old.with != new.with {
        let at = field.attrs.with.as_ref().map_or(ty, Given::at_value);
        let says = |with: &Option<String>| with.as_ref().map_or("serde".to_owned(), |with| format!("`{with}`"));
        return (at, format!("as {} writes it, which {} may not read", says(&old.with), says(&new.with)));
    }
    (ty, format!("as `{}`, which `{}` may not read", old.ty, new.ty))
}
