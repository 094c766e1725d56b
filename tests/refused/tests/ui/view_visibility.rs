//! A view that is more visible than its session.

use session_runtime::{Session, view};

mod shop {
    #[derive(session_runtime::Session)]
    pub(super) struct Shop {
        pub(super) user_id: Option<u64>,
    }
}

#[view(shop::Shop)]
pub struct MoreVisible {
    pub user_id: u64,
}

#[view(shop::Shop)]
struct AsVisible {
    user_id: u64,
}

fn handler(session: &Session<shop::Shop>) -> Option<u64> {
    session_runtime::View::<AsVisible>::of(session).map(|view| view.0.user_id)
}

fn main() {
    let _ = handler;
}
