//! A view that names an answer to refused visitors, but can refuse none.

use session_runtime::{Session, view};

#[derive(Session)]
pub struct Shop {
    #[session(identity)]
    pub user: Option<String>,
    pub is_admin: bool,
    pub theme: String,
}

#[view(Shop, or_status = 404)]
pub struct Admin {
    is_admin: bool,
}

#[view(Shop, or_redirect = "/login")]
pub struct Page {
    user: Option<String>,
    theme: String,
    created_at: std::time::SystemTime,
}

fn main() {}
