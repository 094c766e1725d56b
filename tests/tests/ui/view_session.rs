//! Views without a session, or of something else; and arguments that are no views.

use session_runtime::{Session, View, view};

#[derive(Session)]
pub struct Shop {
    #[session(identity)]
    pub user_id: Option<u64>,
}

pub struct Plain {
    pub user_id: u64,
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

#[view(Plain)]
pub struct NotASession {
    user_id: u64,
}

#[view(Shp)]
pub struct Misspelt {
    user_id: u64,
}

mod apart {
    #[derive(session_runtime::Session)]
    pub struct Area {
        user_id: Option<u64>,
    }

    #[derive(session_runtime::Session)]
    pub(super) struct Near {
        pub(super) user_id: Option<u64>,
    }
}

#[view(apart::Area)]
pub struct OthersField {
    user_id: u64,
}

#[view(apart::Near)]
pub struct MoreVisible {
    user_id: u64,
}

async fn handler(View(a): View<Bare>, View(b): View<Missing>, View(c): View<Quoted>, View(d): View<Behind>) -> String {
    (a.user_id + b.user_id + c.user_id + d.user_id).to_string()
}

async fn no_view(View(plain): View<Plain>) -> String {
    plain.user_id.to_string()
}

fn main() {
    let _ = axum::routing::get::<_, _, ()>(handler);
}
