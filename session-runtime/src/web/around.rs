//! [`Around`]: the work of each of our middlewares before and after a handler, for frameworks whose middlewares are async
//! functions. (The tower layers do the same with futures of their own.)

use http::HeaderMap;

use super::{
    Answer, Changes, Commit, CookiesCommit, CookiesLayer, Page, RequestHead, SameOriginLayer, SessionLayer, ViewLayer,
    Visit,
};
use crate::{
    session::Schema,
    view::{View, Viewed},
};

/// A middleware, in any framework.
pub(super) trait Around: Clone + 'static {
    /// The state that [`Self::after`] needs once the handler has run.
    type After: Send;

    /// # Errors
    /// The page to answer with. The handler then does not run.
    async fn before(&self, head: &impl RequestHead, visit: &mut Visit) -> Result<Self::After, Page>;

    async fn after(after: Self::After, handled: Handled) -> Ending;
}

/// Describes the handler's response, as far as a middleware needs to know it.
pub(super) struct Handled {
    pub(super) status: u16,
    pub(super) changes: Option<Changes>,
    /// Our page, if a view or an error of ours made the response.
    pub(super) made: Option<Page>,
}

/// The changes to the handler's response.
#[derive(Default)]
pub(super) struct Ending {
    /// The page that replaces the response. The response's cookies stay.
    pub(super) page: Option<Page>,
    /// The application's own page. Its text replaces the text of the response.
    pub(super) own_page: Option<Page>,
    writes: Writes,
}

#[derive(Default)]
enum Writes {
    #[default]
    Nothing,
    Session(Answer),
    Cookies(CookiesCommit, u16),
}

impl Ending {
    /// Returns whether [`Self::write`] writes anything.
    #[cfg(any(feature = "actix", feature = "poem", feature = "rocket"))]
    pub(super) fn writes(&self) -> bool {
        match &self.writes {
            Writes::Nothing => false,
            Writes::Session(answer) => !answer.is_untouched(),
            Writes::Cookies(cookies, _) => !cookies.is_untouched(),
        }
    }

    /// Writes the headers `Set-Cookie`, `Vary` and `Cache-Control`, and reads no others.
    pub(super) fn write(self, headers: &mut HeaderMap) {
        match self.writes {
            Writes::Nothing => {}
            Writes::Session(answer) => answer.write(headers),
            Writes::Cookies(cookies, status) => cookies.finish(status, headers),
        }
    }
}

impl<S: Schema + 'static> Around for SessionLayer<S> {
    type After = Commit;

    async fn before(&self, head: &impl RequestHead, visit: &mut Visit) -> Result<Commit, Page> {
        self.begin(head, visit)
    }

    async fn after(commit: Commit, handled: Handled) -> Ending {
        let own_page = commit.own_page(handled.made.as_ref());
        let mut answer = commit.finish(handled.status, handled.changes).await;
        Ending { page: answer.page(), own_page, writes: Writes::Session(answer) }
    }
}

impl Around for CookiesLayer {
    type After = Option<CookiesCommit>;

    async fn before(&self, _head: &impl RequestHead, visit: &mut Visit) -> Result<Self::After, Page> {
        Ok(self.begin(visit))
    }

    async fn after(cookies: Self::After, handled: Handled) -> Ending {
        let writes = cookies.map_or(Writes::Nothing, |cookies| Writes::Cookies(cookies, handled.status));
        Ending { writes, ..Ending::default() }
    }
}

impl Around for SameOriginLayer {
    type After = ();

    async fn before(&self, head: &impl RequestHead, _visit: &mut Visit) -> Result<(), Page> {
        self.check(head)
    }

    async fn after((): (), _handled: Handled) -> Ending {
        Ending::default()
    }
}

impl<V: Viewed + 'static> Around for ViewLayer<V> {
    type After = ();

    async fn before(&self, head: &impl RequestHead, visit: &mut Visit) -> Result<(), Page> {
        let view = View::<V>::of_visit(Some(visit), head).await;
        view.map(drop).map_err(super::ViewRejection::into_page)
    }

    async fn after((): (), _handled: Handled) -> Ending {
        Ending::default()
    }
}
