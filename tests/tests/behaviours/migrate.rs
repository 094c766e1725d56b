//! `migrate`: today's fields are read from values that yesterday's build stored under other names and in other types.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use session_runtime::{Event, KeyRing, Session, Sessions};
use tests::{client::Visitor, over_stores, store::AnyStore};

#[derive(Session)]
#[session(kind = "S", cookie = "__Host-s")]
struct Old {
    #[session(identity)]
    user: Option<u64>,
    #[session(counter)]
    hits: u32,
    #[session(atomic)]
    basket: Vec<u32>,
    #[session(flash)]
    note: Option<u32>,
    #[session(expires = 5m)]
    code: Option<u32>,
    #[session(secret)]
    pin: Option<u32>,
    first: Option<String>,
    last: Option<String>,
    #[session(device)]
    tint: u8,
    #[session(device)]
    zoom: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Line {
    sku: u32,
}

#[derive(Session)]
#[session(kind = "S", cookie = "__Host-s")]
struct New {
    #[session(identity)]
    user: Option<u64>,
    #[session(counter, migrate = doubled("hits"))]
    visits: i64,
    #[session(atomic, migrate = lines("basket"))]
    cart: Vec<Line>,
    #[session(flash, migrate = as_text("note"))]
    notice: Option<String>,
    #[session(expires = 5m, migrate = as_text("code"))]
    one_time_code: Option<String>,
    #[session(secret, migrate = as_text("pin"))]
    secret: Option<String>,
    #[session(migrate = full_name("first", "last"))]
    name: String,
    #[session(device, migrate = colour("tint"))]
    theme: String,
    #[session(device, migrate = percent("zoom"))]
    scale: u8,
}

fn doubled(hits: u32) -> i64 {
    i64::from(hits) * 2
}

fn lines(skus: Vec<u32>) -> Vec<Line> {
    skus.into_iter().map(|sku| Line { sku }).collect()
}

fn as_text(number: Option<u32>) -> Option<String> {
    number.map(|number| format!("#{number}"))
}

fn full_name(first: Option<String>, last: Option<String>) -> String {
    [first, last].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn colour(tint: u8) -> String {
    format!("colour {tint}")
}

fn percent(zoom: u8) -> u8 {
    zoom
}

struct Site {
    old: Router,
    new: Router,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Site {
    fn new(store: AnyStore) -> Self {
        let keys = KeyRing::generate();
        let old = Sessions::<Old>::builder().store(store.clone()).keys(keys.clone()).build().unwrap();
        let events = Arc::<Mutex<Vec<_>>>::default();
        let seen = Arc::clone(&events);
        let new = Sessions::<New>::builder().store(store).keys(keys);
        let new = new.on_event(move |report| seen.lock().unwrap().push(report.event.clone())).build().unwrap();
        Self { old: old_routes().layer(old.layer()), new: new_routes(&new).layer(new.layer()), events }
    }

    /// Returns a visitor with a session of yesterday's build.
    async fn visitor(&self) -> Visitor {
        let mut visitor = Visitor::new(&self.old);
        assert_eq!(visitor.post("/").await.status, 200);
        visitor.at(&self.new)
    }
}

fn old_routes() -> Router {
    let write = |mut s: Session<Old>| async move {
        s.user_mut().log_in(1);
        s.hits_mut().add(5);
        s.note_mut().put(3);
        s.code_mut().set(4);
        s.pin_mut().set(5);
        s.first_mut().set("Ada".into());
        s.last_mut().set("Lovelace".into());
        *s.tint_mut() = 6;
        s.basket_mut().update(|basket| basket.extend([1, 2])).await
    };
    let read = |s: Session<Old>| async move { format!("{} {:?} {:?}", s.hits(), s.basket(), s.first()) };
    let zoom = post(|mut s: Session<Old>| async move { s.zoom_mut().set("large".into()) });
    Router::new().route("/", post(write).get(read)).route("/zoom", zoom)
}

fn new_routes(sessions: &Sessions<New>) -> Router {
    let read = |s: Session<New>| async move {
        let skus: Vec<_> = s.cart().iter().map(|line| line.sku).collect();
        let (notice, code, secret) = (s.notice(), s.one_time_code(), s.secret());
        format!("{} {skus:?} {notice:?} {code:?} {secret:?} {} {} {}", s.visits(), s.name(), s.theme(), s.scale())
    };
    let write = |mut s: Session<New>| async move {
        s.visits_mut().add(1);
        s.name_mut().push('!');
        s.secret_mut().set("new".into());
        s.cart_mut().update(|cart| cart.push(Line { sku: 3 })).await
    };
    let deadline = |s: Session<New>| async move { format!("{}", s.one_time_code_expires_at().is_some()) };
    let all = sessions.clone();
    let list = || async move {
        let list = all.of(&1).list().await.unwrap();
        format!("{} {} {:?}", list[0].visits(), list[0].name(), list[0].secret())
    };
    Router::new()
        .route("/", get(read).post(write))
        .route("/touch", post(|mut s: Session<New>| async move { s.scale_mut().set(9) }))
        .route("/take", post(|mut s: Session<New>| async move { s.notice_mut().take().unwrap_or_default() }))
        .route("/reset", post(|mut s: Session<New>| async move { s.name_mut().reset() }))
        .route("/deadline", get(deadline))
        .route("/list", get(list))
        .route("/out", post(|mut s: Session<New>| async move { s.user_mut().log_out() }))
}

const BEFORE: &str = r##"10 [1, 2] Some("#3") Some("#4") Some("#5") Ada Lovelace colour 6 0"##;

over_stores! {
    // Requests and lists of sessions show migrated values. A list shows no secrets.
    async fn old_values_are_read_as_todays_fields(store) {
        let site = Site::new(store);
        let mut visitor = site.visitor().await;
        assert_eq!(visitor.get("/").await.body, BEFORE);
        assert_eq!(visitor.get("/deadline").await.body, "true", "the field keeps its deadline");
        assert_eq!(visitor.get("/list").await.body, "10 Ada Lovelace None");
        assert_eq!(*site.events.lock().unwrap(), []);
    }

    // A write of another field leaves the old values in place, so yesterday's build still reads them. A write of the field itself
    // stores it in today's form, and removes the old values.
    async fn a_migrated_value_is_stored_when_its_field_is_written(store) {
        let site = Site::new(store);
        let mut visitor = site.visitor().await;
        visitor.post("/touch").await;
        assert_eq!(visitor.at(&site.old).get("/").await.body, r#"5 [1, 2] Some("Ada")"#);
        for (visits, cart, name) in [(11, "[1, 2, 3]", "Lovelace!"), (12, "[1, 2, 3, 3]", "Lovelace!!")] {
            assert_eq!(visitor.post("/").await.status, 200);
            let expected = format!(r##"{visits} {cart} Some("#3") Some("#4") Some("new") Ada {name} colour 6 9"##);
            assert_eq!(visitor.get("/").await.body, expected);
        }
        assert_eq!(visitor.at(&site.old).get("/").await.body, "0 [] None", "the values that were migrated are removed");
    }

    // Taking a flash or resetting a field also removes the values that it is migrated from.
    async fn a_taken_or_reset_value_is_not_migrated_again(store) {
        let site = Site::new(store);
        let mut visitor = site.visitor().await;
        assert_eq!(visitor.post("/take").await.body, "#3");
        assert_eq!(visitor.post("/take").await.body, "");
        visitor.post("/reset").await;
        assert_eq!(visitor.get("/").await.body, r##"10 [1, 2] None Some("#4") Some("#5")  colour 6 0"##);
    }

    // `log_out` keeps device fields in today's form, and removes the values that other fields are migrated from.
    async fn migrated_device_fields_survive_a_log_out(store) {
        let site = Site::new(store);
        let mut visitor = site.visitor().await;
        assert_eq!(visitor.post("/out").await.status, 200);
        assert_eq!(visitor.get("/").await.body, "0 [] None None None  colour 6 0");
        assert_eq!(visitor.at(&site.old).get("/").await.body, "0 [] None");
    }

    // B30: if the `migrate` function cannot convert a value, the field reads as its default, an event reports it, and the field
    // can still be written.
    async fn an_unreadable_value_is_reported_and_replaced(store) {
        let site = Site::new(store);
        let mut visitor = site.visitor().await;
        visitor.at(&site.old).post("/zoom").await;
        assert_eq!(visitor.get("/").await.body, BEFORE);
        assert!(matches!(site.events.lock().unwrap()[..], [Event::Undecodable { field: "scale" }]));
        visitor.post("/touch").await;
        assert!(visitor.get("/").await.body.ends_with("colour 6 9"));
        let mut visitor = site.visitor().await;
        visitor.at(&site.old).post("/zoom").await;
        assert_eq!(visitor.post("/out").await.status, 200);
        site.events.lock().unwrap().clear();
        assert!(visitor.get("/").await.body.ends_with("colour 6 0"));
        assert_eq!(*site.events.lock().unwrap(), [Event::Undecodable { field: "scale" }], "a sign-out keeps device fields");
        visitor.post("/touch").await;
        site.events.lock().unwrap().clear();
        assert!(visitor.get("/").await.body.ends_with("colour 6 9"));
        assert_eq!(*site.events.lock().unwrap(), []);
    }
}
