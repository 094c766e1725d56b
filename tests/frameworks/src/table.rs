//! The routes of the test application, without the types of any framework.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use session_runtime::{Changes, CookieStore, Cookies, Error, Passive, Session, SessionLayer, Sessions, View, view};
use tests::app::Site;

/// Another kind of session. Its fields can also be kept in cookies.
#[derive(Session)]
pub struct Desk {
    pub tickets: u64,
    pub paper: String,
}

#[view(Site, or_redirect = "/login")]
pub struct Member {
    pub user: String,
}

#[view(Site, or_status = 404)]
pub struct Hidden {
    pub note: String,
}

#[view(Site, fresh = 10m, or_redirect = "/login", stale_redirect = "/confirm")]
pub struct Fresh {
    pub user: String,
}

/// The header in which a middleware of the application, around all layers, names the refusal that it finds in the response's
/// extensions. Rocket's responses have none, so this middleware is missing there.
pub const REFUSAL: &str = "x-refusal";

/// The answer of a handler.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: Text,
    pub changes: Option<Changes>,
}

#[derive(Debug)]
pub enum Text {
    Whole(String),
    /// A body that sends this text, and then never ends.
    Endless(&'static str),
}

impl Text {
    /// Returns an endless text as a stream.
    pub fn stream(
        text: &'static str,
    ) -> impl futures_util::Stream<Item = Result<Bytes, std::io::Error>> + Send + Sync + 'static {
        use futures_util::StreamExt as _;
        let first = futures_util::stream::iter([Ok(Bytes::from_static(text.as_bytes()))]);
        first.chain(futures_util::stream::pending())
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self { status: 200, headers: Vec::new(), body: Text::Whole(text), changes: None }
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::from("failed") }
    }
}

type Replied = BoxFuture<'static, Result<Reply, Error>>;

/// The handler of a route, by the arguments that it takes. A `String` is the rest of the path.
#[derive(Clone)]
pub enum Run {
    Plain,
    Session(Arc<dyn Fn(Session<Site>, String) -> Replied + Send + Sync>),
    /// The handler also runs if the session cannot be opened. It then gets `None`.
    Either(Arc<dyn Fn(Option<Session<Site>>) -> Reply + Send + Sync>),
    Both(Arc<dyn Fn(Session<Site>, Session<Desk>) -> Reply + Send + Sync>),
    Polled(Arc<dyn Fn(Passive, Session<Site>) -> Reply + Send + Sync>),
    Cookies(Arc<dyn Fn(Cookies, String) -> Result<Reply, Error> + Send + Sync>),
    Member,
    Hidden,
    Fresh,
    /// A plain route behind `View::<Member>::layer()`.
    Guarded(Arc<AtomicUsize>),
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Run")
    }
}

/// A route of GET or POST: `/path`, or `/path/{rest}`.
#[derive(Clone, Debug)]
pub struct Route {
    pub is_post: bool,
    pub path: &'static str,
    pub has_rest: bool,
    pub run: Run,
}

impl Route {
    /// Returns the path with a framework's own syntax for the rest.
    pub fn pattern(&self, rest: &str) -> String {
        if self.has_rest { format!("{}/{rest}", self.path) } else { self.path.to_owned() }
    }
}

fn get(path: &'static str, run: Run) -> Route {
    Route { is_post: false, path, has_rest: false, run }
}

fn post(path: &'static str, run: Run) -> Route {
    Route { is_post: true, path, has_rest: false, run }
}

fn with_rest(route: Route) -> Route {
    Route { has_rest: true, ..route }
}

/// Returns a handler that takes the session.
pub fn session<F>(run: impl Fn(Session<Site>, String) -> F + Send + Sync + 'static) -> Run
where
    F: Future<Output = Result<Reply, Error>> + Send + 'static,
{
    Run::Session(Arc::new(move |session, rest| Box::pin(run(session, rest))))
}

/// Returns a handler that changes the session and answers `done`.
fn change(run: impl Fn(&mut Session<Site>, &str) + Send + Sync + 'static) -> Run {
    Run::Session(Arc::new(move |mut session, rest| {
        run(&mut session, &rest);
        Box::pin(async { Ok("done".into()) })
    }))
}

/// Makes handlers wait for the test, and lets the test wait for handlers.
#[derive(Clone, Debug)]
pub struct Gate {
    pub reached: Arc<tokio::sync::Semaphore>,
    pub open: Arc<tokio::sync::Semaphore>,
    /// How often the guarded handler ran. No refused request may reach it.
    pub guarded: Arc<AtomicUsize>,
    /// Keeps what `save` returned in the task of `/late-stream`.
    pub saved: Arc<Mutex<Option<Result<(), String>>>>,
}

impl Gate {
    pub fn new() -> Self {
        let closed = || Arc::new(tokio::sync::Semaphore::new(0));
        Self { reached: closed(), open: closed(), guarded: Arc::default(), saved: Arc::default() }
    }

    /// Waits until a handler is at the gate.
    pub async fn reached(&self) {
        self.reached.acquire().await.unwrap().forget();
    }

    pub fn open(&self) {
        self.open.add_permits(1);
    }

    async fn wait(self) {
        self.reached.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the routes. The handlers of `/wait`, and the tasks of `/late` and `/late-stream`, wait at `gate`.
pub fn routes(gate: &Gate) -> Vec<Route> {
    let (wait, late, streaming) = (gate.clone(), gate.clone(), gate.clone());
    let waiting = session(move |mut session, rest| {
        let gate = wait.clone();
        async move {
            gate.wait().await;
            *session.name_mut() = rest;
            Ok("waited".into())
        }
    });
    vec![
        get("/untouched", Run::Plain),
        get("/read", session(async |session, _| Ok(session.name().to_owned().into()))),
        get("/show", session(async |session, _| Ok(tests::app::show(&session).to_string().into()))),
        get("/either", Run::Either(Arc::new(|session| if session.is_some() { "session" } else { "none" }.into()))),
        get(
            "/both",
            Run::Both(Arc::new(|mut site, mut desk| {
                site.visits_mut().add(1);
                *desk.tickets_mut() += 1;
                format!("{} {}", site.visits(), desk.tickets()).into()
            })),
        ),
        // A paper that takes several cookies, if the session is kept in cookies.
        post(
            "/paper",
            Run::Both(Arc::new(|_, mut desk| {
                *desk.tickets_mut() += 1;
                *desk.paper_mut() = "x".repeat(8000);
                "written".into()
            })),
        ),
        get("/paper", Run::Both(Arc::new(|_, desk| format!("{} {}", desk.paper().len(), desk.tickets()).into()))),
        post(
            "/no-paper",
            Run::Both(Arc::new(|_, mut desk| {
                *desk.paper_mut() = String::new();
                "thrown away".into()
            })),
        ),
        get("/polled", Run::Polled(Arc::new(|_, session| session.visits().to_string().into()))),
        post("/visit", change(|session, _| session.visits_mut().add(1))),
        with_rest(post("/name", change(|session, rest| *session.name_mut() = rest.into()))),
        with_rest(post("/note", change(|session, rest| session.note_mut().set(rest.into())))),
        with_rest(post("/notice", change(|session, rest| session.notice_mut().put(rest.into())))),
        get("/notice", session(async |mut session, _| Ok(session.notice_mut().take().unwrap_or_default().into()))),
        with_rest(post("/login", change(|session, rest| session.user_mut().log_in(rest.into())))),
        post("/logout", change(|session, _| session.user_mut().log_out())),
        with_rest(post(
            "/cart",
            session(async |mut session, rest| {
                session.cart_mut().update(|cart| cart.push(rest.clone())).await?;
                Ok("added".into())
            }),
        )),
        post("/large", change(|session, _| *session.name_mut() = "x".repeat(100_000))),
        // Changes the session and answers with the status in the path. A `-keep` or `-drop` after the status decides whether the
        // change is stored.
        with_rest(post(
            "/fail",
            session(async |mut session, rest| {
                *session.name_mut() = "failed".into();
                let (status, changes) = rest.split_once('-').unwrap_or((&rest, ""));
                let changes = match changes {
                    "keep" => Some(Changes::Keep),
                    "drop" => Some(Changes::Drop),
                    _ => None,
                };
                Ok(Reply { changes, ..Reply::status(status.parse().unwrap()) })
            }),
        )),
        post(
            "/fail-and-log-out",
            session(async |mut session, _| {
                *session.name_mut() = "failed".into();
                session.user_mut().log_out();
                Ok(Reply::status(500))
            }),
        ),
        post(
            "/panic",
            session(async |mut session, _| {
                *session.name_mut() = "panicked".into();
                panic!("a handler of the test panics")
            }),
        ),
        post(
            "/stream",
            session(async |mut session, _| {
                session.visits_mut().add(1);
                Ok(Reply { body: Text::Endless("first"), ..Reply::from("") })
            }),
        ),
        get(
            "/headers",
            session(async |mut session, _| {
                session.visits_mut().add(1);
                let headers = vec![("vary", "Accept-Encoding"), ("cache-control", "public"), ("set-cookie", "other=1")];
                Ok(Reply { headers, ..Reply::from("") })
            }),
        ),
        with_rest(post("/wait", waiting.clone())),
        with_rest(get("/wait", waiting)),
        // Keeps its session handle after the response has been sent.
        with_rest(post(
            "/late",
            session(move |mut session, rest| {
                let gate = late.clone();
                async move {
                    tokio::spawn(async move {
                        gate.clone().wait().await;
                        *session.name_mut() = rest;
                        let saved = session.save().await;
                        assert!(saved.is_ok(), "{saved:?}");
                        gate.reached.add_permits(1);
                    });
                    Ok("goes on".into())
                }
            }),
        )),
        // Sends its head and the beginning of its body. Then a task changes the session, and saves the change or drops the
        // handle.
        with_rest(post(
            "/late-stream",
            session(move |mut session, rest| {
                let gate = streaming.clone();
                async move {
                    tokio::spawn(async move {
                        gate.clone().wait().await;
                        *session.name_mut() = "late".into();
                        let saved = match rest.as_str() {
                            "save" => session.save().await.map_err(|error| error.to_string()),
                            _ => Ok(()),
                        };
                        drop(session);
                        *gate.saved.lock().unwrap() = Some(saved);
                        gate.reached.add_permits(1);
                    });
                    Ok(Reply { body: Text::Endless("first"), ..Reply::from("") })
                }
            }),
        )),
        get("/member", Run::Member),
        get("/hidden", Run::Hidden),
        post("/member", Run::Member),
        get("/fresh", Run::Fresh),
        get("/guarded", Run::Guarded(Arc::clone(&gate.guarded))),
        get("/theme", Run::Cookies(Arc::new(|cookies, _| Ok(cookies.get("theme").unwrap_or_default().into())))),
        with_rest(post(
            "/theme",
            Run::Cookies(Arc::new(|cookies, rest| {
                cookies.set("theme", &rest)?;
                Ok("set".into())
            })),
        )),
        post(
            "/failed-theme",
            Run::Cookies(Arc::new(|cookies, _| {
                cookies.set("theme", "failed")?;
                cookies.remove("old")?;
                Ok(Reply::status(500))
            })),
        ),
        post(
            "/reserved",
            Run::Cookies(Arc::new(|cookies, _| {
                cookies.set("__Host-site", "forged")?;
                Ok("set".into())
            })),
        ),
    ]
}

pub fn member(View(member): View<Member>) -> Reply {
    member.user.into()
}

pub fn hidden(View(hidden): View<Hidden>) -> Reply {
    hidden.note.into()
}

pub fn fresh(View(fresh): View<Fresh>) -> Reply {
    fresh.user.into()
}

pub fn plain() -> Reply {
    "plain".into()
}

pub fn guarded(ran: &AtomicUsize) -> Reply {
    ran.fetch_add(1, SeqCst);
    plain()
}

/// Returns the layer of the other kind of session, with its own cookie.
pub fn desk() -> SessionLayer<Desk> {
    desk_named("__Host-desk")
}

/// Returns the layer of the other kind of session, which is kept in up to four cookies.
pub fn desk_in_cookies() -> SessionLayer<Desk> {
    let sessions = Sessions::<Desk>::builder().store(CookieStore::encrypted().split(4));
    sessions.keys(session_runtime::KeyRing::generate()).build().unwrap().layer()
}

pub fn desk_named(cookie: &'static str) -> SessionLayer<Desk> {
    let sessions = Sessions::<Desk>::builder().store(session_runtime::MemoryStore::new()).cookie(cookie);
    sessions.keys(session_runtime::KeyRing::generate()).build().unwrap().layer()
}
