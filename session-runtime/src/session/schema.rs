//! [`Schema`]: the trait that the derive implements, and that [`Session`](super::Session) builds on.

use std::ops::DerefMut;

use super::Core;
use crate::{
    fields::{State, Visitor},
    schema::Spec,
    sessions::Lookup,
    store::Requirements,
};

/// A struct that can be stored in a session. Implemented by `#[derive(Session)]`.
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
    /// The generated lookups, which `Sessions<Self>` derefs to.
    #[doc(hidden)]
    type Lookup: From<Lookup<Self>> + Send + Sync;
    /// The capabilities that the store must have.
    #[doc(hidden)]
    type Needs: Requirements;
    /// Names, lifetimes and cookie from the attributes.
    #[doc(hidden)]
    const SPEC: Spec;

    #[doc(hidden)]
    fn visit(slots: &mut Self::Slots, visitor: &mut Visitor<'_>);
    #[doc(hidden)]
    fn split(self) -> Self::Slots;
    #[doc(hidden)]
    fn join(slots: Self::Slots, state: &State) -> Self;
}

/// A session with an `identity` field, which users can sign in to. Implemented by `#[derive(Session)]`.
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
    message = "users cannot sign in to a `{Self}` session",
    label = "`{Self}` has no `identity`",
    note = "put `#[session(identity)]` on the field that says who is signed in; that field must be an `Option`"
)]
pub trait Identified: Schema {
    /// The user: the type within the field's `Option`. It needs no bounds here, since the field's bounds cover it.
    type User;
}

/// A session with a list of each user's sessions. Implemented by `#[derive(Session)]` if there is an `identity`, unless it is
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
    note = "put `#[session(identity)]`, without `unlisted`, on the field that says who is signed in"
)]
pub trait Listed: Identified {}
