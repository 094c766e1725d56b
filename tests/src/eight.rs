//! The session of eight fields that the benchmarks measure: an `identity`, an `atomic` field, a `flash`, a `counter` and four
//! plain fields. It holds about as much data as the session of a real shop.

use session_runtime::Session;

/// The session that the benchmarks measure, and that may take at most 320 bytes on Redis.
#[derive(Session)]
#[session(cookie = "__Host-bench")]
pub struct Eight {
    #[session(identity)]
    pub user: Option<u64>,
    #[session(atomic)]
    pub cart: Vec<u32>,
    pub theme: String,
    pub locale: String,
    #[session(flash)]
    pub notice: Option<String>,
    #[session(counter)]
    pub visits: u64,
    pub last: Option<String>,
    pub score: u32,
}

/// Fills every field except the identity.
pub async fn fill(s: &mut Session<Eight>) {
    s.theme_mut().set("dark".into());
    s.locale_mut().set("en-GB".into());
    s.notice_mut().put("Welcome back".into());
    s.visits_mut().add(41);
    s.last_mut().set("/products/tea".into());
    s.score_mut().set(1000);
    s.cart_mut().update(|cart| cart.extend([1, 2, 3])).await.unwrap();
}
