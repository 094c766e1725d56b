//! B19–B23 as a property test: two concurrent requests perform random operations on one session. The model below computes the
//! outcome that the policies prescribe, on a plain struct, and the stored session must be equal to it.

use std::sync::{Arc, Mutex};

use axum::{Router, extract::Path, routing::post};
use http::StatusCode;
use proptest::prelude::*;
use serde_json::json;
use session_runtime::Session;
use tests::{
    app::{Server, Site},
    client::Visitor,
    databases::{self, Engine},
    servers::Kind,
    store::AnyStore,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One operation of a request on its session.
#[derive(Clone, Debug)]
enum Deed {
    Name(u8),
    Note(Option<u8>),
    Visits(i8),
    Put(u8),
    Take,
    PutOne(u8),
    TakeAll,
    Cart(u8),
    LogIn,
    Renew,
    Destroy,
}

fn deeds() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => (0..3u8).prop_map(Deed::Name),
        3 => proptest::option::of(0..3u8).prop_map(Deed::Note),
        3 => (-3..4i8).prop_map(Deed::Visits),
        2 => (0..3u8).prop_map(Deed::Put),
        2 => Just(Deed::Take),
        3 => any::<u8>().prop_map(Deed::PutOne),
        2 => Just(Deed::TakeAll),
        3 => any::<u8>().prop_map(Deed::Cart),
        1 => prop_oneof![Just(Deed::LogIn), Just(Deed::Renew), Just(Deed::Destroy)],
    ]
}

/// A model of the stored session.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    alive: bool,
    generation: u32,
    user: bool,
    name: Option<u8>,
    note: Option<u8>,
    visits: u64,
    notice: Option<u8>,
    notices: Vec<u8>,
    cart: Vec<u8>,
}

/// The operation of a request on its flash.
#[derive(Clone, Debug, PartialEq)]
enum Notice {
    Untouched,
    Put,
    /// The request took the flash. This value was stored when the request last loaded the session.
    Taken(Option<u8>),
}

/// A model of a request: the session that it loaded, the session that it sees, and the changes that it made.
#[derive(Clone, Debug)]
struct Draft {
    /// The stored session when the request last loaded it.
    loaded: Model,
    generation: u32,
    sees: Model,
    named: bool,
    noted: bool,
    visits: Vec<i64>,
    notice: Notice,
    /// The notices that the request took, if it took any.
    took_all: Option<Vec<u8>>,
    put: Vec<u8>,
    privilege: bool,
    ends: bool,
    /// The cart on which an update that waits for the commit is based.
    swaps_from: Option<Vec<u8>>,
}

impl Draft {
    fn new(loaded: &Model) -> Self {
        Self {
            sees: loaded.clone(),
            loaded: loaded.clone(),
            generation: loaded.generation,
            named: false,
            noted: false,
            visits: Vec::new(),
            notice: Notice::Untouched,
            took_all: None,
            put: Vec::new(),
            privilege: false,
            ends: false,
            swaps_from: None,
        }
    }

    /// Performs one operation. An update of an atomic field reaches the store immediately, and the request then
    /// sees the stored session.
    fn act(&mut self, deed: &Deed, stored: &mut Model) {
        match deed {
            Deed::Name(to) => (self.sees.name, self.named) = (Some(*to), true),
            Deed::Note(to) => (self.sees.note, self.noted) = (*to, true),
            Deed::Visits(by) => {
                self.sees.visits = self.sees.visits.saturating_add_signed(i64::from(*by));
                self.visits.push(i64::from(*by));
            }
            Deed::Put(value) => (self.sees.notice, self.notice) = (Some(*value), Notice::Put),
            Deed::Take => {
                if self.sees.notice.take().is_some() {
                    self.notice = Notice::Taken(self.loaded.notice);
                }
            }
            Deed::PutOne(value) => {
                self.sees.notices.push(*value);
                self.put.push(*value);
            }
            Deed::TakeAll => {
                if !self.sees.notices.is_empty() {
                    self.took_all = Some(self.loaded.notices.clone());
                }
                self.sees.notices.clear();
                self.put.clear();
            }
            Deed::Cart(item) if self.privilege => {
                self.swaps_from.get_or_insert(self.sees.cart.clone());
                self.sees.cart.push(*item);
            }
            Deed::Cart(item) => {
                stored.cart.push(*item);
                self.see(stored);
            }
            Deed::LogIn => (self.sees.user, self.privilege) = (true, true),
            Deed::Renew => self.privilege = true,
            Deed::Destroy => self.ends = true,
        }
    }

    /// Lets the request see the stored session, except for the fields that the request changed itself (B49).
    fn see(&mut self, stored: &Model) {
        let before = std::mem::replace(&mut self.sees, stored.clone());
        if self.named {
            self.sees.name = before.name;
        }
        if self.noted {
            self.sees.note = before.note;
        }
        if self.visits.iter().any(|by| *by != 0) {
            self.sees.visits = before.visits;
        }
        if self.notice != Notice::Untouched {
            self.sees.notice = before.notice;
        }
        if self.took_all.is_some() || !self.put.is_empty() {
            self.sees.notices = before.notices;
        }
        self.loaded = stored.clone();
    }

    /// Applies the request to the stored session. Returns whether the request was rejected because the other one was faster.
    fn commit(&self, stored: &mut Model) -> bool {
        if self.ends {
            let overtaken = stored.alive && stored.generation != self.generation;
            stored.alive &= overtaken;
            return overtaken;
        }
        // A request that writes nothing new does not call the store.
        let counts = self.visits.iter().any(|by| *by != 0);
        if self.over(&self.loaded) == self.loaded && !counts {
            return false;
        }
        // If the session has ended, a sign-in starts another one.
        let fresh = !stored.alive && self.sees.user && self.privilege;
        if fresh {
            *stored = Model::default();
        } else if !stored.alive {
            return false;
        }
        let swap_failed = self.swaps_from.as_ref().is_some_and(|seen| *seen != stored.cart);
        if !fresh && stored.generation != self.generation || swap_failed {
            return true;
        }
        *stored = Model { alive: true, ..self.over(stored) };
        false
    }

    /// Returns the stored session with this request's changes.
    fn over(&self, stored: &Model) -> Model {
        let mut new = stored.clone();
        if self.sees.name != self.loaded.name {
            new.name = self.sees.name;
        }
        // Setting or clearing a note, or putting a notice, takes effect even if the request saw an equal value (B27). The name is
        // edited in place, where an equal value is not a change.
        if self.noted {
            new.note = self.sees.note;
        }
        new.visits = self.visits.iter().fold(new.visits, |visits, by| visits.saturating_add_signed(*by));
        match self.notice {
            Notice::Put => new.notice = self.sees.notice,
            Notice::Taken(seen) if stored.notice == seen => new.notice = None,
            _ => {}
        }
        if let Some(taken) = &self.took_all
            && new.notices.starts_with(taken)
        {
            new.notices.drain(..taken.len());
        }
        new.notices.extend(&self.put);
        if self.swaps_from.is_some() {
            new.cart = self.sees.cart.clone();
        }
        new.user |= self.sees.user && self.privilege;
        new.generation += u32::from(self.privilege);
        new
    }
}

type Deeds = Arc<Mutex<Vec<Option<UnboundedReceiver<(Deed, tokio::sync::oneshot::Sender<()>)>>>>>;

async fn act(session: &mut Session<Site>, deed: Deed) {
    match deed {
        Deed::Name(to) => *session.name_mut() = to.to_string(),
        Deed::Note(Some(to)) => session.note_mut().set(to.to_string()),
        Deed::Note(None) => session.note_mut().clear(),
        Deed::Visits(by) if by < 0 => session.visits_mut().sub(u64::from(by.unsigned_abs())),
        Deed::Visits(by) => session.visits_mut().add(u64::from(by.unsigned_abs())),
        Deed::Put(value) => session.notice_mut().put(value.to_string()),
        Deed::Take => drop(session.notice_mut().take()),
        Deed::PutOne(value) => session.notices_mut().put(value.to_string()),
        Deed::TakeAll => drop(session.notices_mut().take()),
        Deed::Cart(item) => drop(session.cart_mut().update(|cart| cart.push(item.to_string())).await),
        Deed::LogIn => session.user_mut().log_in("ada".into()),
        Deed::Renew => session.renew(),
        Deed::Destroy => session.destroy(),
    }
}

/// Runs `deeds` one at a time, in this order; each names its request: `false` for a, `true` for b. Then commits the two requests,
/// request a first if `a_first`.
async fn race(store: AnyStore, deeds: &[(bool, Deed)], a_first: bool) -> Result<(), TestCaseError> {
    let server = Server::new(store);
    let waiting: Deeds = Arc::default();
    let scripts = Arc::clone(&waiting);
    let app = server.serving(Router::new().route(
        "/{at}",
        post(move |mut session: Session<Site>, Path(at): Path<usize>| async move {
            let mut script = scripts.lock().unwrap()[at].take().unwrap();
            while let Some((deed, done)) = script.recv().await {
                act(&mut session, deed).await;
                let _ = done.send(());
            }
        }),
    ));
    let mut visitor = server.visitor();
    for path in ["/name/0", "/visit", "/visit", "/notice/0", "/notices/100", "/cart/0"] {
        visitor.post(path).await;
    }
    let mut stored = Model {
        alive: true,
        generation: 0,
        user: false,
        name: Some(0),
        note: None,
        visits: 2,
        notice: Some(0),
        notices: vec![100],
        cart: vec![0],
    };
    let start = |at: usize, mut visitor: Visitor| {
        let (sender, receiver) = unbounded_channel();
        waiting.lock().unwrap().push(Some(receiver));
        let request = tokio::spawn(async move {
            let reply = visitor.post(&format!("/{at}")).await;
            (visitor, reply)
        });
        (sender, request)
    };
    let (a, a_request) = start(0, visitor.at(&app));
    let (b, b_request) = start(1, visitor.at(&app));
    let mut drafts = [Draft::new(&stored), Draft::new(&stored)];
    // Both requests load the session before either changes anything.
    for script in [&a, &b] {
        tell(script, Deed::Visits(0)).await;
    }
    for (is_b, deed) in deeds {
        if drafts[usize::from(*is_b)].ends {
            continue; // later operations would be for another session
        }
        tell(if *is_b { &b } else { &a }, deed.clone()).await;
        drafts[usize::from(*is_b)].act(deed, &mut stored);
    }
    let mut requests = [(a, a_request), (b, b_request)].into_iter().zip(&drafts).collect::<Vec<_>>();
    if !a_first {
        requests.reverse();
    }
    let mut latest = visitor;
    for ((script, request), draft) in requests {
        drop(script);
        let (visitor, reply) = request.await.unwrap();
        let refused = draft.commit(&mut stored);
        prop_assert_eq!(reply.status == StatusCode::CONFLICT, refused, "{:?}", draft);
        if reply.set_cookie().is_some_and(|cookie| !cookie.contains("Max-Age=0")) {
            latest = visitor;
        }
    }
    let seen = latest.at(&server.app).get("/show").await.json();
    prop_assert_eq!(seen["is_new"].as_bool(), Some(!stored.alive));
    if stored.alive {
        let text = |value: &u8| value.to_string();
        let lines = |values: &[u8]| values.iter().map(text).collect::<Vec<_>>();
        prop_assert_eq!(&seen["name"], &json!(stored.name.as_ref().map(text).unwrap_or_default()));
        prop_assert_eq!(&seen["note"], &json!(stored.note.as_ref().map(text)));
        prop_assert_eq!(&seen["visits"], &json!(stored.visits));
        prop_assert_eq!(&seen["notice"], &json!(stored.notice.as_ref().map(text)));
        prop_assert_eq!(&seen["notices"], &json!(lines(&stored.notices)));
        prop_assert_eq!(&seen["cart"], &json!(lines(&stored.cart)));
        prop_assert_eq!(&seen["user"], &json!(stored.user.then_some("ada")));
    }
    Ok(())
}

async fn tell(script: &UnboundedSender<(Deed, tokio::sync::oneshot::Sender<()>)>, deed: Deed) {
    let (done, finished) = tokio::sync::oneshot::channel();
    script.send((deed, done)).unwrap();
    finished.await.unwrap();
}

fn check(cases: u32, store: impl AsyncFn() -> AnyStore) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (proptest::collection::vec((any::<bool>(), deeds()), 0..12), any::<bool>());
    runner
        .run(&strategy, |(deeds, a_first)| runtime.block_on(async { race(store().await, &deeds, a_first).await }))
        .unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn any_interleaving_ends_as_the_policies_allow_in_memory() {
    check(2_000, async || AnyStore::memory());
}

#[test]
fn any_interleaving_ends_as_the_policies_allow_in_files() {
    check(300, AnyStore::file);
}

#[test]
fn any_interleaving_ends_as_the_policies_allow_on_redis() {
    if Kind::Redis.program().is_some() {
        check(300, async || AnyStore::redis().await.expect("the program is there"));
    }
}

#[test]
fn any_interleaving_ends_as_the_policies_allow_in_sqlite() {
    check(200, AnyStore::sqlite);
}

#[test]
fn any_interleaving_ends_as_the_policies_allow_on_postgres() {
    if databases::shared(Engine::Postgres).is_some() {
        check(200, async || AnyStore::postgres().await.expect("the program is there"));
    }
}

#[test]
fn any_interleaving_ends_as_the_policies_allow_on_mariadb() {
    if databases::shared(Engine::MariaDb).is_some() {
        check(200, async || AnyStore::mariadb().await.expect("the program is there"));
    }
}
