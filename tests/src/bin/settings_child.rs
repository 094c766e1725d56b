//! A process that makes its sessions as its environment says, for tests: variables of a process that runs cannot be set
//! soundly. Prints `open`, or why not.

use session_runtime::{Session, Sessions};

#[derive(Session)]
#[allow(dead_code, reason = "only its sessions are made")]
struct Shop {
    theme: String,
}

#[tokio::main]
async fn main() {
    let sessions = Sessions::<Shop>::from_env().await;
    println!("{}", sessions.map_or_else(|error| error.to_string(), |sessions| format!("open: {sessions:?}")));
}
