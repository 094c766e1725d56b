//! Today's build of an application. Tests run it beside `blue_child`, which is yesterday's build.
#![allow(clippy::unwrap_used, reason = "tests")]

use axum::{
    Json, Router,
    routing::{get, post},
};
use serde_json::{Value, json};
use session_runtime::{CookieStore, Error, FileStore, KeyRing, RedisStore, Session, Sessions, SqlStore};

/// The second of two deploys: this build writes the names that yesterday's build reads, and has one more field.
#[derive(Session)]
struct Shop {
    #[session(identity)]
    user: Option<u64>,
    #[session(atomic, alias = "basket")]
    cart: Vec<String>,
    #[session(counter, alias = "hits")]
    visits: u64,
    #[session(migrate = in_cents("price"))]
    cents: u64,
    #[session(migrate = spelled("size"))]
    size_2: String,
    #[session(flash)]
    notices: Vec<String>,
    #[session(secret, migrate = marked("pin"))]
    code: Option<String>,
    #[session(device)]
    theme: String,
    /// Yesterday's build does not have this field.
    coupon: Option<String>,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "prices are small and positive")]
fn in_cents(price: f64) -> u64 {
    (price * 100.0).round() as u64
}

fn spelled(size: u32) -> String {
    format!("size {size}")
}

fn marked(pin: Option<String>) -> Option<String> {
    pin.map(|pin| format!("{pin}!"))
}

async fn all(s: Session<Shop>) -> Json<Value> {
    let (cart, cents, code) = (s.cart(), s.cents(), s.code());
    Json(
        json!({ "user": s.user(), "cart": cart, "visits": s.visits(), "cents": cents, "size": s.size_2(), "code": code,
        "notices": s.notices(), "theme": s.theme(), "coupon": s.coupon() }),
    )
}

async fn work(mut s: Session<Shop>) -> Result<Json<Vec<String>>, Error> {
    s.visits_mut().add(1);
    s.notices_mut().put("from green".to_owned());
    s.cart_mut().update(|cart| cart.push("milk".to_owned())).await?;
    Ok(Json(s.notices_mut().take()))
}

async fn write(mut s: Session<Shop>) {
    *s.cents_mut() += 1;
    s.code_mut().set("green".to_owned());
    s.theme_mut().push_str("green ");
    s.coupon_mut().set("SPRING".to_owned());
}

/// The session that is kept in a cookie, which cannot hold a counter.
#[derive(Session)]
struct Prefs {
    name: String,
    #[session(migrate = spelled("size"))]
    size_2: String,
    #[session(alias = "language")]
    locale: String,
    #[session(flash)]
    notice: Option<String>,
    /// Yesterday's build does not have this field.
    tint: Option<String>,
}

async fn prefs(s: Session<Prefs>) -> Json<Value> {
    let (size, locale) = (s.size_2(), s.locale());
    Json(json!({ "name": s.name(), "size": size, "locale": locale, "notice": s.notice(), "tint": s.tint() }))
}

async fn write_prefs(mut s: Session<Prefs>) {
    s.name_mut().push_str("green ");
    s.locale_mut().push('g');
    s.tint_mut().set("teal".to_owned());
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let keys = std::env::args().nth(2).unwrap();
    let app = match std::env::args().nth(1).as_deref() {
        Some("cookie") => {
            let sessions = Sessions::<Prefs>::builder().store(CookieStore::encrypted());
            let sessions = sessions.keys(KeyRing::open(keys).unwrap()).build().unwrap();
            let size = post(|mut s: Session<Prefs>| async move { s.size_2_mut().push('!') });
            let app = Router::new().route("/", get(prefs)).route("/write", post(write_prefs)).route("/size", size);
            app.layer(sessions.layer())
        }
        _ => {
            let app = Router::new().route("/", get(all)).route("/work", post(work)).route("/write", post(write));
            let app = app.route("/size", post(|mut s: Session<Shop>| async move { s.size_2_mut().push('!') }));
            let app = app.route("/no-size", post(|mut s: Session<Shop>| async move { s.size_2_mut().reset() }));
            let app = app.route("/out", post(|mut s: Session<Shop>| async move { s.user_mut().log_out() }));
            app.layer(tests::deployed!(Shop).layer())
        }
    };
    tests::deploy::serve(app).await;
}
