//! Views of a type that is not a session, or of a session whose field is private; and handler arguments that are not views.

use session_runtime::{View, view};

pub struct Plain {
    pub user_id: u64,
}

#[view(Plain)]
pub struct NotASession {
    user_id: u64,
}

mod apart {
    #[derive(session_runtime::Session)]
    pub struct Area {
        user_id: Option<u64>,
    }
}

#[view(apart::Area)]
pub struct OthersField {
    user_id: u64,
}

async fn no_view(View(plain): View<Plain>) -> String {
    plain.user_id.to_string()
}

fn main() {}
