//! [`Schema`]: what the derive implements, and so what a [`Session`](super::Session) is made of.

use std::ops::DerefMut;

use super::Core;
use crate::{
    fields::{State, Visitor},
    schema::Spec,
    store::Requirements,
};

/// A struct that can be kept in a session. Implemented by `#[derive(Session)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session",
    label = "write `#[derive(Session)]` on `{Self}`",
    note = "the derive is `session_runtime::Session`; it turns each field into a typed accessor"
)]
pub trait Schema: Sized + 'static {
    /// The generated accessors, which `Session<Self>` derefs to.
    #[doc(hidden)]
    type Fields: From<Core<Self>> + DerefMut<Target = Core<Self>>;
    /// One slot per field.
    #[doc(hidden)]
    type Slots: Default;
    /// What the store must be able to do.
    #[doc(hidden)]
    type Needs: Requirements;
    /// Names, lifetimes and cookie as the attributes give them.
    #[doc(hidden)]
    const SPEC: Spec;

    #[doc(hidden)]
    fn visit(slots: &mut Self::Slots, visitor: &mut Visitor<'_>);
    #[doc(hidden)]
    fn split(self) -> Self::Slots;
    #[doc(hidden)]
    fn join(slots: Self::Slots, state: &State) -> Self;
}

/// A session in which somebody can be signed in: it has an `identity` field. Implemented by `#[derive(Session)]`.
///
/// ```
/// use session_runtime::{Identified, Session};
///
/// #[derive(Session)]
/// struct Shop {
///     #[session(identity)]
///     user_id: Option<u64>,
/// }
///
/// fn greet<S: Identified<User = u64>>(user: S::User) -> String {
///     format!("Welcome, number {user}")
/// }
/// assert_eq!(greet::<Shop>(7), "Welcome, number 7");
/// ```
#[diagnostic::on_unimplemented(
    message = "nobody can be signed in to a `{Self}` session",
    label = "`{Self}` has no `identity`",
    note = "mark the field that says who is signed in with `#[session(identity)]`; it is an `Option`"
)]
pub trait Identified: Schema {
    /// Who is signed in: the type within the field's `Option`. It can be stored like the field, which is judged there.
    type User;
}

/// A session that can be found by who is signed in. Implemented by `#[derive(Session)]`, unless the `identity` is
/// `unlisted`.
///
/// ```
/// use session_runtime::{Error, Listed, Sessions};
///
/// /// Signs this user out everywhere.
/// async fn disable<S: Listed<User = u64>>(sessions: &Sessions<S>, user: u64) -> Result<u64, Error> {
///     sessions.of(&user).revoke_all().await
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the sessions of `{Self}` are not listed by user",
    label = "`{Self}` has no `identity` to list them by, or one that is `unlisted`",
    note = "mark the field that says who is signed in with `#[session(identity)]`, without `unlisted`"
)]
pub trait Listed: Identified {}
