//! Decides which changes of a session are safe for live sessions.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::{Subject, file::Lock, form::Form};
use crate::{
    attr::{Given, Policy},
    model::{Field, Session},
};

/// The difference between a session and its lock.
pub(super) enum Difference {
    None,
    /// Live sessions keep everything. The text completes the sentence "`shop.lock` …".
    Harmless(String),
    /// Changes that would lose data of live sessions: for each, the place to report it, and the message.
    Loses(Vec<Fault>),
}

pub(super) fn compare(subject: &Subject<'_>, before: &Lock) -> Difference {
    let today = &Lock::of(subject);
    let next = before.version.saturating_add(1);
    let compared = Compared { session: subject.session, given: subject.given, today, before, next };
    if let Some(fault) = compared.kind().or_else(|| compared.lower_version()) {
        return Difference::Loses(vec![fault]);
    }
    if today.version == before.version {
        let mut faults: Vec<_> = compared.app().into_iter().chain(compared.cookie()).collect();
        for field in subject.session.fields.iter().filter(|field| field.attrs.skip.is_none()) {
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
        [] => match &today.app {
            Some(app) if before.app.is_none() => {
                Difference::Harmless(format!("does not name the application `{app}` yet"))
            }
            _ => Difference::None,
        },
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
    today: &'a Lock,
    before: &'a Lock,
    /// The version that allows a loss.
    next: u32,
}

type Fault = (TokenStream, String);

impl Compared<'_> {
    // struct Store { … }, which was `struct Shop`
    // #[session(lock = "shop.lock")] on `struct Admin`
    fn kind(&self) -> Option<Fault> {
        let (old, new, file) = (&self.before.kind, &self.today.kind, &self.given.value);
        // The cookie is also named after the struct.
        let cookie = match self.session.attrs.cookie {
            None if self.before.cookie != self.today.cookie => format!(", cookie = {:?}", self.before.cookie),
            _ => String::new(),
        };
        // No version allows this, since the lock of another struct must not be overwritten.
        let message = || {
            format!(
                "live sessions are of the kind `{old}`, and would all end with the kind `{new}`; write `kind = \
                 {old:?}{cookie}`; if `{file}` is the lock of another struct, name another file; if the sessions may end, \
                 change the kind in that file"
            )
        };
        (old != new).then(|| (self.at(&self.session.attrs.kind), message()))
    }

    // #[session(version = 2)] after 3
    fn lower_version(&self) -> Option<Fault> {
        let (version, before) = (self.today.version, self.before.version);
        let at = self.session.attrs.version.as_ref().map_or_else(|| self.given.at_value(), Given::at_value);
        let message = || {
            format!(
                "live sessions are of version {before}, and versions only grow; write `version = {before}`, or more"
            )
        };
        (version < before).then(|| (at, message()))
    }

    // name = "store" in Cargo.toml, where it was "shop"
    fn app(&self) -> Option<Fault> {
        let (old, new) = (self.before.app.as_ref()?, self.today.app.as_ref()?);
        let given = &self.session.attrs.app;
        let origin = if given.is_none() { ", named after the package" } else { "" };
        let message = || {
            format!(
                "live sessions belong to the application `{old}`, and would all end in the application `{new}`{origin}; \
                 write `app = {old:?}`, or raise `version` to {} if they may end",
                self.next
            )
        };
        (old != new).then(|| (self.at(given), message()))
    }

    // #[session(cookie = "shop")], where the name was `__Host-shop`
    fn cookie(&self) -> Option<Fault> {
        let (old, new) = (&self.before.cookie, &self.today.cookie);
        let message = || {
            format!(
                "live sessions are in the cookie `{old}`, and would all end with the cookie `{new}`; write `cookie = \
                 {old:?}`, or raise `version` to {} if they may end",
                self.next
            )
        };
        (old != new).then(|| (self.at(&self.session.attrs.cookie), message()))
    }

    /// Returns the place of a name: the attribute, or the struct if the name is its default.
    fn at(&self, given: &Option<Given<String>>) -> TokenStream {
        given.as_ref().map_or_else(|| self.session.ident.to_token_stream(), Given::at_value)
    }

    // hits: String, which was u64
    fn form(&self, field: &Field) -> Option<Fault> {
        let (name, new) = (field.stored_name(), Form::of(field));
        let old = self.before.form(&name).filter(|old| !new.reads(old))?;
        let (at, what) = what_changed(field, old, &new);
        let next = self.next;
        let way_out = if field.policy() == Some(Policy::Identity) {
            format!("; raise `version` to {next} if signed-in users may have to sign in again")
        } else if old.secret == new.secret {
            format!(
                "; store it under a new name with `rename = \"{name}_2\", migrate = convert(\"{name}\")`, where \
                 `convert` takes the `{}`, or raise `version` to {next} if it reads the same, or may be lost",
                old.ty
            )
        } else {
            format!(
                "; store it under a new name with `rename = \"{name}_2\"`, or raise `version` to {next}: either way live \
                 sessions lose it"
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

/// Returns the place where a field's form changed, and a description of the change.
fn what_changed(field: &Field, old: &Form, new: &Form) -> (TokenStream, String) {
    let ty = field.ty.to_token_stream();
    if old.secret != new.secret {
        let at = field.attrs.secret.as_ref().map_or_else(|| field.ident.to_token_stream(), ToTokens::to_token_stream);
        let (before, now) = match new.secret {
            true => ("readable", "a `secret` must be encrypted"),
            false => ("encrypted, as a `secret`", "without `secret` nothing decrypts it"),
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
