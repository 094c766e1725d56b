//! Yesterday's build of an application. Tests run it beside `green_child`, which is today's build.
#![allow(clippy::unwrap_used, reason = "tests")]

use axum::{
    Json, Router,
    routing::{get, post},
};
use serde_json::{Value, json};
use session_runtime::{CookieStore, Error, FileStore, KeyRing, RedisStore, Session, Sessions, SqlStore};

/// The first of two deploys: this build already reads the names that today's build writes.
#[derive(Session)]
struct Shop {
    #[session(identity)]
    user: Option<u64>,
    #[session(atomic, alias = "cart")]
    basket: Vec<String>,
    #[session(counter, alias = "visits")]
    hits: u64,
    #[session(migrate = in_euros("cents"))]
    price: f64,
    /// Today's build has this field under another name and type, which this build does not know.
    size: u32,
    #[session(flash)]
    notices: Vec<String>,
    #[session(secret, alias = "code")]
    pin: Option<String>,
    #[session(device)]
    theme: String,
}

fn in_euros(cents: u64) -> f64 {
    f64::from(u32::try_from(cents).unwrap()) / 100.0
}

async fn all(s: Session<Shop>) -> Json<Value> {
    let (basket, price, pin) = (s.basket(), s.price(), s.pin());
    Json(json!({ "user": s.user(), "basket": basket, "hits": s.hits(), "price": price, "size": s.size(), "pin": pin,
        "notices": s.notices(), "theme": s.theme() }))
}

async fn work(mut s: Session<Shop>) -> Result<Json<Vec<String>>, Error> {
    s.hits_mut().add(1);
    s.notices_mut().put("from blue".to_owned());
    s.basket_mut().update(|basket| basket.push("tea".to_owned())).await?;
    Ok(Json(s.notices_mut().take()))
}

async fn write(mut s: Session<Shop>) {
    *s.price_mut() += 1.0;
    s.pin_mut().set("blue".to_owned());
    s.theme_mut().push_str("blue ");
}

/// The session that is kept in a cookie, which cannot hold a counter.
#[derive(Session)]
struct Prefs {
    name: String,
    size: u32,
    #[session(alias = "locale")]
    language: String,
    #[session(flash)]
    notice: Option<String>,
}

async fn prefs(s: Session<Prefs>) -> Json<Value> {
    Json(json!({ "name": s.name(), "size": s.size(), "language": s.language(), "notice": s.notice() }))
}

async fn write_prefs(mut s: Session<Prefs>) {
    s.name_mut().push_str("blue ");
    s.language_mut().push('b');
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let keys = std::env::args().nth(2).unwrap();
    let app = match std::env::args().nth(1).as_deref() {
        Some("cookie") => {
            let sessions = Sessions::<Prefs>::builder().store(CookieStore::encrypted());
            let sessions = sessions.keys(KeyRing::open(keys).unwrap()).build().unwrap();
            let put = post(|mut s: Session<Prefs>| async move { s.notice_mut().put("from blue".to_owned()) });
            let app = Router::new().route("/", get(prefs)).route("/write", post(write_prefs)).route("/notice", put);
            let size = post(|mut s: Session<Prefs>| async move { *s.size_mut() = 40 });
            app.route("/size", size).layer(sessions.layer())
        }
        _ => {
            let app = Router::new().route("/", get(all)).route("/work", post(work)).route("/write", post(write));
            let app = app.route("/size", post(|mut s: Session<Shop>| async move { *s.size_mut() = 40 }));
            let app = app.route("/in", post(|mut s: Session<Shop>| async move { s.user_mut().log_in(7) }));
            let app = app.route("/out", post(|mut s: Session<Shop>| async move { s.user_mut().log_out() }));
            app.layer(tests::deployed!(Shop).layer())
        }
    };
    tests::deploy::serve(app).await;
}
