//! [`Identity`]: the handle of the field that says which user the session belongs to.

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

/// The handle of the identity field: signs users in and out.
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

/// Returns the handle of the identity field.
#[doc(hidden)]
#[inline]
pub fn identity<S: Schema, T>(
    core: &mut Core<S>,
    slot: fn(&mut S::Slots) -> &mut Slot<Option<T>>,
) -> Identity<'_, S, T> {
    Identity { core, slot }
}

impl<S: Schema, T: 'static> Identity<'_, S, T> {
    /// Signs in `user`, who has just proved who they are. The session gets a new id and a new lifetime, and stores the time of
    /// the proof (OWASP ASVS 7.2.4). If the user proved their identity earlier, or not at all, call [`Identity::log_in_with`].
    /// If the user is already signed in and has proved their identity again, call [`Identity::reauthenticate`].
    ///
    /// A guest's fields stay, except those that are `rotates` or `secret`. If another user was signed in, only `device` fields
    /// stay, and earlier writes of this request belong to the former user.
    ///
    /// If `user` is a value that could not be decoded again (see [`guide::values`](crate::guide::values)), or that is encoded as
    /// nil, such as `()`, later requests would read it as a guest. So this request is answered 500 and stores nothing.
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

    /// Signs in `user` as [`Identity::log_in`] does, with more options: whether they have just proved who they are, whether the
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
    /// provider. Views with `fresh` then admit them again.
    ///
    /// This is not a sign-in. No lifetime starts again, the fields stay, and no other session ends. The session gets a new id,
    /// and only that id is fresh. As after [`rotate_every`](crate::SessionsBuilder::rotate_every), requests in progress in other
    /// tabs are not refused. If the response is lost, the user stays signed in, and has to confirm again.
    ///
    /// Returns `false` and does nothing if `user` is not the signed-in user, since another person may have signed in at the
    /// identity provider. It also returns `false` while another user acts as `user`, and in a request whose id another request
    /// has just replaced: that request is answered 409. `user` may also be a type that the identity borrows as, such as `str`
    /// for a `String`.
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
    #[must_use = "`false` says that the session is not fresh: `user` is not the signed-in user"]
    pub fn reauthenticate<Q>(&mut self, user: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Serialize + ?Sized,
    {
        if self.core.refuse_if_hidden() {
            return false;
        }
        let Ok(Some(signed_in)) = self.encoded() else { return false };
        if self.core.impersonation_ends_at().is_some() || to_bytes(user).ok().as_ref() != Some(&signed_in) {
            return false;
        }
        self.core.__state.steps.push(Step::Reauthenticate { user: signed_in.into() });
        true
    }

    /// Lets the signed-in user act as `user` for at most `limit`: for example, an administrator who needs to see a customer's
    /// pages. The application must check whether the signed-in user may do that, in a view with `fresh`.
    ///
    /// - The session shows `user`; [`Core::impersonator`] returns the acting user. The session's fields start empty, except
    ///   `device` fields. The acting user's fields are set aside.
    /// - The impersonation ends by itself after `limit`, and with the acting user's session.
    ///   [`stop_impersonating`](Identity::stop_impersonating) ends it earlier. After it, the acting user has their own session
    ///   and fields again.
    /// - The session is never fresh meanwhile, so views with `fresh` refuse it (403).
    /// - The session is not one of `user`'s sessions: it does not count for `max_per_user`, and
    ///   [`SessionsOf::list`](crate::SessionsOf::list) leaves it out.
    ///   [`impersonations`](crate::SessionsOf::impersonations) lists it. `revoke_all` of `user` ends the impersonation;
    ///   `revoke_all` of the acting user ends the whole session.
    /// - [`Event::ImpersonationStarted`](crate::Event::ImpersonationStarted) and
    ///   [`Event::ImpersonationEnded`](crate::Event::ImpersonationEnded) report the impersonation. In between, the report of
    ///   each event names both users.
    ///
    /// The id is renewed as at a sign-in. A log-out during an impersonation also signs out the acting user, and a sign-in ends
    /// the acting user's session.
    ///
    /// # Errors
    /// [`Error::is_impersonation_refused`](crate::Error::is_impersonation_refused) if no user is signed in, if `user` is
    /// already signed in, if the signed-in user already acts as another, or if this request changed the signed-in user.
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
    /// impl ShopFields {
    ///     /// The user, if they are an administrator.
    ///     fn admin(&self) -> Option<&str> {
    ///         self.user().filter(|_| self.is_admin())
    ///     }
    /// }
    ///
    /// #[view(Shop, or_status = 404, fresh = 10m, stale_redirect = "/confirm")]
    /// struct Admin {
    ///     admin: String,
    /// }
    ///
    /// async fn act_as(View(me): View<Admin>, mut session: Session<Shop>, customer: String) -> Result<(), Error> {
    ///     session.user_mut().impersonate(customer.clone(), Duration::from_secs(1800))?;
    ///     // The audit log comes second, since another request may have ended the session or changed its user.
    ///     session.save().await?;
    ///     println!("audit: {} acts as {customer}", me.admin);
    ///     Ok(())
    /// }
    /// ```
    pub fn impersonate(&mut self, user: T, limit: Duration) -> Result<(), Error>
    where
        S: Listed,
    {
        let field = (self.slot)(&mut self.core.__slots).field;
        let refused = |why| Err(Error::new(Kind::NotImpersonated(why)));
        if let Some(error) = self.core.hidden() {
            return Err(error);
        }
        if self.core.__state.changed_user() {
            return refused("this request already signed in or out");
        }
        if self.core.impersonation_ends_at().is_some() {
            return refused("the user already acts as another; end that first");
        }
        let Some(by) = self.encoded()? else { return refused("no user is signed in") };
        let user = Some(user);
        let Some(encoded) = encode(&user, field)? else {
            return Err(Error::new(Kind::Encode { field: field.name }));
        };
        if encoded == by {
            return refused("that user is already signed in");
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

    /// Ends an impersonation: the session shows the acting user again, under a new id, with the fields that they had before. This
    /// handle's writes as the other user are dropped, except those to `device` fields.
    ///
    /// Returns `false` and does nothing if no user acts as another, or if this request changed the signed-in user. Also returns
    /// `false` in a request whose id another request has just replaced: that request is answered 409.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user: Option<String> }
    /// async fn stop(mut session: Session<Shop>) -> &'static str {
    ///     if session.user_mut().stop_impersonating() { "/admin" } else { "/" }
    /// }
    /// ```
    pub fn stop_impersonating(&mut self) -> bool {
        if self.core.refuse_if_hidden() || self.core.__state.steps.iter().any(Step::is_about_user) {
            return false;
        }
        let Some(request) = self.core.__state.request() else { return false };
        let Some((snapshot, step)) = request.stop_impersonating() else { return false };
        self.core.forget(Stays::Device);
        self.core.show(snapshot);
        self.core.__state.steps.push(step);
        true
    }

    /// Signs out: the session gets a new id and keeps only its `device` fields. If none of them has a value, the session is
    /// deleted. Does nothing for a guest. A user who acts as another also signs out of their own session.
    ///
    /// If another request has just replaced the id of this request's session, for example by a sign-in in another tab, the
    /// session shows a guest, but a user may be signed in. So this request is answered 409, unless that user has signed out too.
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
        // If the session is hidden, a user may be signed in, so the log-out is recorded, and the commit fails.
        if __state.snapshot.is_hidden || (self.slot)(__slots).get(__state).is_some() {
            self.core.forget(Stays::Device);
            self.core.__state.steps.push(Step::LogOut);
        }
    }

    /// Returns the user whom this handle shows as signed in, in stored form.
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
