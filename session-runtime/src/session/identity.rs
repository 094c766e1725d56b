//! Who is signed in: the one field whose change makes another session of it.

use std::{borrow::Borrow, future::Ready, sync::Arc, time::Duration};

use serde::Serialize;

use super::{Core, Listed, Schema, SignIn};
use crate::{
    engine::Step,
    error::{Error, Kind},
    fields::{
        Edit, MarkedAtomic, MarkedCounter, MarkedFlash, Never, SetIdentity, Slot, encode, encode_readable, refused,
    },
    schema::{Stays, to_bytes},
};

/// Signs in and out.
///
/// ```
/// # use session_runtime::Session;
/// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
/// # fn handler(mut session: Session<Shop>) {
/// session.user_id_mut().log_in(7);
/// # }
/// ```
#[must_use = "a handle does nothing until one of its methods is called"]
pub struct Identity<'a, S: Schema, T: 'static> {
    core: &'a mut Core<S>,
    slot: fn(&mut S::Slots) -> &mut Slot<Option<T>>,
}

/// The handle of the field that says who is signed in.
#[doc(hidden)]
#[inline]
pub fn identity<S: Schema, T>(
    core: &mut Core<S>,
    slot: fn(&mut S::Slots) -> &mut Slot<Option<T>>,
) -> Identity<'_, S, T> {
    Identity { core, slot }
}

impl<S: Schema, T: 'static> Identity<'_, S, T> {
    /// Signs `user` in, who has just proved who they are: the session gets a new id and a new lifetime, and remembers when this
    /// was (OWASP ASVS 7.2.4). For a user who has not, and for one who has before, there is [`Identity::log_in_with`]; for one
    /// who is signed in and was asked again, [`Identity::reauthenticate`].
    ///
    /// What a guest collected stays, but for fields that are `rotates` or `secret`. If somebody else was signed in, only
    /// `device` fields do, and what this request wrote before belongs to the former visitor.
    ///
    /// A user that could not be read again (see [`guide::values`](crate::guide::values)), or that is encoded as nothing at
    /// all, such as a unit, would read as nobody: then the request is answered 500, and nothing of it is stored.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.user_id_mut().log_in(7);
    /// assert_eq!(session.user_id(), Some(7));
    /// # }
    /// ```
    pub fn log_in(&mut self, user: T) {
        self.log_in_with(user, SignIn::fresh());
    }

    /// Signs `user` in as [`Identity::log_in`] does, and says how: whether they have just proved who they are, whether the
    /// session is remembered, and when it ends at the latest.
    ///
    /// ```
    /// # use session_runtime::{Session, SignIn};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.user_id_mut().log_in_with(7, SignIn::stale());
    /// assert!(!session.is_fresh(std::time::Duration::from_secs(600)));
    /// # }
    /// ```
    pub fn log_in_with(&mut self, user: T, sign_in: SignIn) {
        let is_impersonated = self.core.impersonation_ends_at().is_some();
        let user = Some(user);
        let field = (self.slot)(&mut self.core.__slots).field;
        let new = encode_readable(&user, field);
        match (self.encoded(), new) {
            (Ok(old), Ok(Some(new))) => {
                let (first, same) = (old.is_none(), old.as_ref() == Some(&new) && !is_impersonated);
                if !same {
                    self.core.forget(if first { Stays::Guest } else { Stays::Device });
                }
                let terms = sign_in.terms();
                self.core.__state.steps.push(Step::LogIn { user: new.into(), first, same, terms });
                self.core.__state.steps.extend(sign_in.remember.map(Step::Remember));
            }
            (Ok(_), Ok(None)) => {
                self.core.__state.steps.push(Step::Failed(Error::new(Kind::Encode { field: field.name })))
            }
            (Err(error), _) | (_, Err(error)) => self.core.__state.steps.push(Step::Failed(error)),
        }
        let slot = (self.slot)(&mut self.core.__slots);
        slot.put(user);
        slot.edit = Edit::Signed;
    }

    /// Makes the session fresh: the user has just proved again that they are `user`, by their password or at their identity
    /// provider. Views with `fresh` let them in again.
    ///
    /// This is not a sign-in. No lifetime starts again, the fields stay, and no other session ends. The session gets a new id,
    /// unless it got one within the last minute, but requests of other tabs that are under way go on, as after
    /// [`rotate_every`](crate::SessionsBuilder::rotate_every). They are not fresh.
    ///
    /// Returns `false` and does nothing if `user` is not who is signed in, since at an identity provider somebody else may have
    /// answered; and while another user acts as `user`. It takes the identity, or a type that it borrows as.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user: Option<String> }
    /// # fn is_password_of(user: &str, password: &str) -> bool { true }
    /// fn confirm(mut session: Session<Shop>, password: &str) -> &'static str {
    ///     let Some(user) = session.user().map(str::to_owned) else { return "/login" };
    ///     if !is_password_of(&user, password) || !session.user_mut().reauthenticate(&user) {
    ///         return "/confirm?again";
    ///     }
    ///     "/account"
    /// }
    /// ```
    #[must_use = "`false` says that another user answered than the one who is signed in"]
    pub fn reauthenticate<Q>(&mut self, user: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        let Ok(Some(signed_in)) = self.encoded() else { return false };
        if self.core.impersonation_ends_at().is_some() || to_bytes(user).ok().as_ref() != Some(&signed_in) {
            return false;
        }
        self.core.__state.steps.push(Step::Reauthenticate { user: signed_in.into() });
        true
    }

    /// Lets the user who is signed in act as `user` for at most `limit`: an administrator who sees what a customer sees. Whether
    /// they may is for the application to check, in a view with `fresh`.
    ///
    /// - The session shows `user`, and [`Core::impersonator`] the one who acts. Its fields start empty, except those of the
    ///   device; what the user who acts had in theirs is set aside.
    /// - It ends by itself after `limit`, and with the session of the user who acts;
    ///   [`stop_impersonating`](Identity::stop_impersonating) ends it before. Then the session is their own again, fields and all.
    /// - It is never fresh, so views with `fresh` refuse it (403).
    /// - It is no session of `user`'s: it counts for no `max_per_user`, and [`UserSessions::list`](crate::UserSessions::list)
    ///   does not show it, but [`impersonations`](crate::UserSessions::impersonations) does. `revoke_all` of `user` ends it;
    ///   that of the user who acts ends the whole session.
    /// - [`Event::ImpersonationStarted`](crate::Event::ImpersonationStarted) and
    ///   [`Event::ImpersonationEnded`](crate::Event::ImpersonationEnded) report it.
    ///
    /// The id is renewed as at a sign-in. A log-out signs the user who acts out too. A sign-in ends their session.
    ///
    /// # Errors
    /// [`Error::is_impersonation_refused`](crate::Error::is_impersonation_refused) if nobody is signed in, if `user` is who is signed in, if they act as
    /// another user already, or if this request changed who is signed in.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use session_runtime::{Error, Session, View, view};
    ///
    /// #[derive(Session)]
    /// struct Shop {
    ///     #[session(identity)]
    ///     user: Option<String>,
    ///     #[session(rotates)]
    ///     is_admin: bool,
    /// }
    ///
    /// #[view(Shop, or_status = 404, fresh = 10m, stale_redirect = "/confirm")]
    /// struct Admin {
    ///     user: String,
    ///     is_admin: bool,
    /// }
    ///
    /// async fn act_as(View(admin): View<Admin>, mut session: Session<Shop>, customer: String) -> Result<(), Error> {
    ///     if admin.is_admin {
    ///         session.user_mut().impersonate(customer, Duration::from_secs(1800))?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn impersonate(&mut self, user: T, limit: Duration) -> Result<(), Error>
    where
        S: Listed,
    {
        let field = (self.slot)(&mut self.core.__slots).field;
        let refused = |why| Err(Error::new(Kind::NotImpersonated(why)));
        if self.core.__state.changed_user() {
            return refused("this request signed in or out before");
        }
        if self.core.impersonation_ends_at().is_some() {
            return refused("the user acts as another one already; end that first");
        }
        let Some(by) = self.encoded()? else { return refused("no user is signed in") };
        let user = Some(user);
        let Some(encoded) = encode(&user, field)? else {
            return Err(Error::new(Kind::Encode { field: field.name }));
        };
        if encoded == by {
            return refused("it is the user who is signed in");
        }
        self.core.forget(Stays::Device);
        let ends_at = self.core.__state.now() + limit;
        let (by, encoded): (Arc<[u8]>, Arc<[u8]>) = (by.into(), encoded.into());
        self.core.__state.steps.push(Step::Impersonate { by, user: encoded, ends_at });
        let slot = (self.slot)(&mut self.core.__slots);
        slot.put(user);
        slot.edit = Edit::Signed;
        Ok(())
    }

    /// Ends an impersonation: the user who acted is themselves again, under a new id, with the fields that they had before. What
    /// this handle wrote as the other user is dropped, except `device` fields.
    ///
    /// Returns `false` and does nothing if no user acts as another, or if this request changed who is signed in.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user: Option<String> }
    /// async fn stop(mut session: Session<Shop>) -> &'static str {
    ///     if session.user_mut().stop_impersonating() { "/admin" } else { "/" }
    /// }
    /// ```
    pub fn stop_impersonating(&mut self) -> bool {
        if self.core.__state.steps.iter().any(Step::is_about_user) {
            return false;
        }
        let Some(request) = self.core.__state.request() else { return false };
        let Some((snapshot, step)) = request.stop_impersonating() else { return false };
        self.core.forget(Stays::Device);
        self.core.show(snapshot);
        self.core.__state.steps.push(step);
        true
    }

    /// Signs out: the session gets a new id and keeps `device` fields alone; with none of those, it is deleted. For a
    /// guest this does nothing. A user who acts as another signs out of their own session too.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.user_id_mut().log_out();
    /// assert_eq!(session.user_id(), None);
    /// # }
    /// ```
    pub fn log_out(&mut self) {
        let Core { __slots, __state } = &mut *self.core;
        // While the store is down nobody knows; to whom it matters will be told.
        if __state.snapshot.unknown || (self.slot)(__slots).get(__state).is_some() {
            self.core.forget(Stays::Device);
            self.core.__state.steps.push(Step::LogOut);
        }
    }

    /// Who is signed in so far, as stored.
    fn encoded(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Core { __slots, __state } = &mut *self.core;
        let slot = (self.slot)(__slots);
        encode(slot.get(__state), slot.field)
    }
}

refused! {
    <S: Schema, T> Identity<'_, S, T>: SetIdentity {
        set<V>(V); reset(); clear(); insert<V>(V); replace<V>(V) -> Option<T>; take() -> Option<T>;
    }
    <S: Schema, T> Identity<'_, S, T>: MarkedAtomic {
        update<R>(impl FnMut(&mut Option<T>) -> R) -> Ready<Result<R, Error>>;
    }
    <S: Schema, T> Identity<'_, S, T>: MarkedFlash { put<V>(V); }
    <S: Schema, T> Identity<'_, S, T>: MarkedCounter { add<V>(V); sub<V>(V); }
}
