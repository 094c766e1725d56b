//! Views: what a handler needs of a session, as a plain struct that is there whole or not at all. `project` says what a
//! view's field may be taken from, `local` where a visitor may be sent. The answer to who is refused is the web's business.

mod local;
mod project;

use std::{marker::PhantomData, time::Duration};

pub use self::{
    local::local_path,
    project::{Project, project},
};
use crate::{
    cookie::CookieSpec,
    fields::{State, Visitor},
    schema::Spec,
    session::{Core, Identified, Schema, Session},
    store::AnyPlace,
};

/// A view of a session: an argument of handlers that run only with all of it there.
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
/// /// Only for signed-in visitors; everyone else is sent to the login page.
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
/// A view is read once, when the handler gets it, and changes nothing: it begins no session and sets no cookie. It sees
/// what handles that are gone by then did in the same request. `Option<View<V>>` is `None` where a `View<V>` would be
/// refused. A handler is tested by calling it with a struct made by hand.
///
/// Who is refused gets the answer that the view names, 401 if it names none; [`ViewRejection`](crate::ViewRejection) has
/// the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct View<V: Viewed>(
    /// The values.
    pub V,
);

impl<V: Viewed> View<V> {
    /// The view of a session that is at hand, as the handle sees it; `None` if something that the view asks for is
    /// missing, or if the user proved who they are longer ago than `fresh` allows.
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

    /// The same, or why not.
    pub(crate) fn try_of(session: &Session<V::Session>) -> Result<Self, Denied> {
        let core: &Core<V::Session> = session;
        match V::POLICY.fresh {
            Some(limit) if !core.is_fresh(limit) => Err(if core.signed_in_at().is_none() {
                Denied::Missing
            } else if core.impersonation_ends_at().is_some() {
                Denied::Impersonated
            } else {
                Denied::Stale
            }),
            _ => V::project(session).map(Self).ok_or(Denied::Missing),
        }
    }
}

/// Why a session does not have what a view asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// A value is missing; mostly, no user is signed in.
    Missing,
    /// The user is signed in, but proved too long ago who they are, or never in this session.
    Stale,
    /// The view asks for a fresh sign-in, and the user who asks acts as another.
    Impersonated,
}

/// A struct that can be taken out of a session. Implemented by [`#[view(…)]`](macro@crate::view).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a view",
    label = "write `#[view(…)]` on `{Self}`",
    note = "the attribute is `session_runtime::view`; it names the session first, such as `#[view(Shop)]`"
)]
pub trait Viewed: Sized {
    /// The session that the view is of.
    type Session: Schema;
    /// Who is let in, and what others get.
    #[doc(hidden)]
    const POLICY: ViewPolicy<Self::Session>;

    #[doc(hidden)]
    fn project(fields: &<Self::Session as Schema>::Fields) -> Option<Self>;
}

/// What the arguments of `#[view(…)]` say.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct ViewPolicy<S> {
    pub(crate) refusal: Refusal,
    /// How long ago the user may have proved who they are. `None`: as long as they like, or never.
    pub(crate) fresh: Option<Duration>,
    /// The answer to a user who is signed in but not fresh. `None`: the same as to other refused visitors.
    pub(crate) stale: Option<Refusal>,
    session: PhantomData<fn() -> S>,
}

/// What who is refused gets.
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

/// The session of a view whose own is not known: its fault is reported, and its handlers are to be quiet.
#[doc(hidden)]
#[derive(Debug)]
pub struct NoSession;

impl Schema for NoSession {
    type Fields = Box<Core<Self>>;
    type Slots = ();
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
