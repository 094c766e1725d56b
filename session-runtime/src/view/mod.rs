//! Views: the values of a session that a handler needs, as a plain struct. A handler gets all of them or no view at all.
//! `project` maps the session's fields to the view's, and `local` checks redirect paths. The web layer answers visitors whom a
//! view refuses.

mod local;
mod project;

use std::{marker::PhantomData, time::Duration};

pub use self::{
    local::local_path,
    project::{Project, Projection, any, project},
};
use crate::{
    cookie::CookieSpec,
    fields::{State, Visitor},
    schema::Spec,
    session::{Core, Identified, Schema, Session},
    sessions::NoIndex,
    store::AnyPlace,
};

/// A view of a session. A handler with this argument runs only if the session has all values of the view.
///
/// ```
/// use session_runtime::{Session, View, view};
///
/// #[derive(Session)]
/// pub struct Shop {
///     #[session(identity)]
///     pub user_id: Option<u64>,
///     pub theme: String,
/// }
///
/// /// Admits signed-in visitors, and redirects all others to the login page.
/// #[view(Shop, or_redirect = "/login")]
/// pub struct SignedIn {
///     pub user_id: u64,
///     pub theme: String,
/// }
///
/// async fn account(View(me): View<SignedIn>) -> String {
///     format!("user {}, theme {}", me.user_id, me.theme)
/// }
/// ```
///
/// A view is read once, when the handler gets it. It changes nothing: it starts no session and sets no cookie. It shows the
/// changes of handles that were dropped earlier in the same request. `Option<View<V>>` is `None` if `View<V>` would refuse the
/// visitor. To test a handler, call it with a struct that the test builds.
///
/// A refused visitor gets the response that the arguments of `#[view(…)]` set, by default 401; see
/// [`ViewRejection`](crate::ViewRejection).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View<V: Viewed>(
    /// The values.
    pub V,
);

impl<V: Viewed> std::ops::Deref for View<V> {
    type Target = V;

    fn deref(&self) -> &V {
        &self.0
    }
}

impl<V: Viewed> View<V> {
    /// Returns the view of a session, as the handle sees it. `None` if a value that the view needs is missing, or if the user
    /// last proved who they are longer ago than `fresh` allows.
    ///
    /// ```
    /// # use session_runtime::{Session, View, view};
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// #[view(Shop)]
    /// struct SignedIn {
    ///     user_id: u64,
    /// }
    ///
    /// async fn home(mut session: Session<Shop>) -> String {
    ///     match View::<SignedIn>::of(&session) {
    ///         Some(View(me)) => format!("user {}", me.user_id),
    ///         None => "guest".to_owned(),
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn of(session: &Session<V::Session>) -> Option<Self> {
        Self::try_of(session).ok()
    }

    /// Returns the view of a session, or the reason why the view refuses it.
    pub(crate) fn try_of(session: &Session<V::Session>) -> Result<Self, Denied> {
        let core: &Core<V::Session> = session;
        // A missing value goes first: a user who may not see a page does not learn that it asks for a fresh sign-in.
        let view = V::project(session).map(Self).ok_or(Denied::Missing)?;
        match V::POLICY.fresh {
            Some(limit) if !core.is_fresh(limit) => Err(if core.signed_in_at().is_none() {
                Denied::Missing
            } else if core.impersonation_ends_at().is_some() {
                Denied::Impersonated
            } else {
                Denied::Stale
            }),
            _ => Ok(view),
        }
    }
}

/// Why a view refuses a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// A value is missing; usually, no user is signed in.
    Missing,
    /// The user is signed in, but proved who they are too long ago, or never in this session.
    Stale,
    /// The view requires a fresh sign-in, but the user acts as another.
    Impersonated,
}

/// A struct that can be read from a session. Implemented by [`#[view(…)]`](macro@crate::view).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a view",
    label = "write `#[view(…)]` on `{Self}`",
    note = "the attribute is `session_runtime::view`; it names the session first, such as `#[view(Shop)]`"
)]
pub trait Viewed: Sized {
    /// The session that the view reads.
    type Session: Schema;
    /// Which visitors the view admits, and the answers to the others.
    #[doc(hidden)]
    const POLICY: ViewPolicy<Self::Session>;

    #[doc(hidden)]
    fn project(fields: &<Self::Session as Schema>::Fields) -> Option<Self>;
}

/// The arguments of `#[view(…)]`.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ViewPolicy<S> {
    pub(crate) refusal: Refusal,
    /// The longest time that may have passed since the user last proved who they are. `None`: no limit.
    pub(crate) fresh: Option<Duration>,
    /// The answer to a user who is signed in but not fresh. `None`: the same as for other refused visitors.
    pub(crate) stale: Option<Refusal>,
    session: PhantomData<fn() -> S>,
}

/// The answer to a refused visitor.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Status(u16),
    Redirect(&'static str),
}

impl<S> ViewPolicy<S> {
    #[must_use]
    pub const fn status(status: u16) -> Self {
        Self::refusing(Refusal::Status(status))
    }

    #[must_use]
    pub const fn redirect(to: &'static str) -> Self {
        Self::refusing(Refusal::Redirect(to))
    }

    #[must_use]
    pub const fn fresh(mut self, limit: Duration) -> Self
    where
        S: Identified,
    {
        self.fresh = Some(limit);
        self
    }

    #[must_use]
    pub const fn stale_status(self, status: u16) -> Self {
        Self { stale: Some(Refusal::Status(status)), ..self }
    }

    #[must_use]
    pub const fn stale_redirect(self, to: &'static str) -> Self {
        Self { stale: Some(Refusal::Redirect(to)), ..self }
    }

    const fn refusing(refusal: Refusal) -> Self {
        Self { refusal, fresh: None, stale: None, session: PhantomData }
    }
}

/// Stands in for the session of a view whose attribute does not name one. That mistake is already reported; this type avoids
/// further errors in the view's handlers.
#[doc(hidden)]
#[derive(Debug)]
pub struct NoSession;

impl Schema for NoSession {
    type Fields = Box<Core<Self>>;
    type Slots = ();
    type Lookup = NoIndex;
    type Needs = AnyPlace;
    const SPEC: Spec = Spec::new("", CookieSpec::new("__Host-session"), &[]);

    fn visit(_: &mut (), _: &mut Visitor<'_>) {}

    fn split(self) {}

    fn join((): (), _: &State) -> Self {
        Self
    }
}

impl Identified for NoSession {
    type User = ();
}
