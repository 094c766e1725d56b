//! A process that configures its sessions from its environment, for tests, because setting the variables of a running process is
//! unsound. Prints `open` and the sessions' settings, or the error.

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
