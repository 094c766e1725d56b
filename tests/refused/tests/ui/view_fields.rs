//! View fields that do not match the session's fields: one error per field, at its name or at its type.

use std::time::SystemTime;

use session_runtime::{Session, View, view};

#[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct Theme;

#[derive(Default, serde::Serialize, serde::Deserialize)]
pub struct NotClone;

#[derive(Session)]
pub struct Shop {
    #[session(identity)]
    pub user_id: Option<u64>,
    pub name: String,
    pub cart: Vec<String>,
    pub coupon: Option<String>,
    pub history: Option<Vec<u64>>,
    pub theme: Theme,
    pub chosen: Option<Theme>,
    pub once: NotClone,
    pub visits: u32,
}

#[view(Shop, or_status = 404)]
pub struct WrongNames {
    usr_id: u64,
    colour: String,
    theme: Theme,
}

#[view(Shop, or_status = 404)]
pub struct WrongTypes {
    user_id: String,
    name: Option<String>,
    cart: Vec<u64>,
    coupon: std::collections::HashMap<String, Vec<u8>>,
    history: Vec<u32>,
    theme: Option<Theme>,
    chosen: NotClone,
    once: NotClone,
    visits: u64,
    created_at: u64,
}

#[view(Shop, or_status = 404)]
pub struct UnknownType {
    user_id: Nothing,
}

#[view(Shp)]
pub struct Misspelt {
    user_id: u64,
}

#[view(Shop)]
pub struct Fine {
    user_id: Option<u64>,
    name: String,
    cart: Vec<String>,
    coupon: String,
    history: Option<Vec<u64>>,
    theme: Theme,
    chosen: Option<Theme>,
    created_at: SystemTime,
}

async fn handler(View(names): View<WrongNames>, View(types): View<WrongTypes>, _: View<UnknownType>, _: View<Fine>) {
    let _: (u64, String) = (names.usr_id, types.user_id);
}

fn main() {
    let _ = axum::routing::get::<_, _, ()>(handler);
}
