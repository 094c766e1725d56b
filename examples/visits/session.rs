//! The session that all `visits` examples share, and the pages that show it.

use session_runtime::{Error, KeyRing, MemoryStore, Session, Sessions, view};

#[derive(Session)]
pub(crate) struct Site {
    #[session(identity)]
    pub(crate) user: Option<String>,
    #[session(counter)]
    pub(crate) visits: u64,
}

/// Lets in signed-in visitors. Other visitors are redirected to the front page.
#[view(Site, or_redirect = "/")]
pub(crate) struct SignedIn {
    pub(crate) user: String,
    pub(crate) visits: u64,
}

/// Creates sessions that last as long as this process. On a real server, the store and the keys outlive the process: see
/// [`Sessions::from_env`].
pub(crate) fn sessions() -> Result<Sessions<Site>, Error> {
    Sessions::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build()
}

#[allow(dead_code, reason = "frameworks that render views of their own do not need it")]
pub(crate) fn front(session: &Session<Site>) -> String {
    let form = match session.user() {
        Some(_) => {
            r#"<form action="/log-out" method="post"><button>Log out</button></form><a href="/account">Account</a>"#
        }
        None => r#"<form action="/log-in" method="post"><button>Log in as Ada</button></form>"#,
    };
    format!("<!doctype html><title>Visits</title><p>Visit <b id=\"visits\">{}</b></p>{form}", session.visits())
}

#[allow(dead_code, reason = "as `front`")]
pub(crate) fn account(me: &SignedIn) -> String {
    format!("<!doctype html><title>Account</title><p><b id=\"user\">{}</b> was here {} times.</p>", me.user, me.visits)
}
