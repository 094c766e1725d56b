//! Views that do not name their session. B46.

use session_runtime::{Session, View, view};

#[derive(Session)]
pub struct Shop {
    #[session(identity)]
    pub user_id: Option<u64>,
}

#[view]
pub struct Bare {
    user_id: u64,
}

#[view(or_redirect = "/login", fresh = 10m)]
pub struct Missing {
    user_id: u64,
}

#[view("Shop")]
pub struct Quoted {
    user_id: u64,
}

#[view(or_redirect = "/login", Shop)]
pub struct Behind {
    user_id: u64,
}

#[view(Shop<u8>)]
pub struct Arguments {
    user_id: u64,
}

async fn handler(View(a): View<Bare>, View(b): View<Missing>, View(c): View<Quoted>, View(d): View<Behind>) -> String {
    (a.user_id + b.user_id + c.user_id + d.user_id).to_string()
}

fn main() {
    let _ = axum::routing::get::<_, _, ()>(handler);
}
