//! A session that is more visible than the type of its identity.

use serde::{Deserialize, Serialize};
use session_runtime::Session;

#[derive(Serialize, Deserialize)]
struct UserId(u64);

#[derive(Session)]
pub struct MoreVisible {
    #[session(identity)]
    user: Option<UserId>,
}

#[derive(Session)]
struct AsVisible {
    #[session(identity)]
    user: Option<UserId>,
}

fn handler(session: &Session<MoreVisible>, other: &Session<AsVisible>) -> bool {
    session.user().is_some() || other.user().is_some()
}

fn main() {
    let _ = handler;
}
