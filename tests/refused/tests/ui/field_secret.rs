//! Fields that cannot be secret, and misspellings of `secret`.

use session_runtime::Session;

#[derive(Session)]
struct Shop {
    #[session(counter, secret)]
    visits: u64,
    #[session(identity, secret)]
    user_id: Option<u64>,
    #[session(skip, secret)]
    scratch: Option<String>,
    #[session(secret = true)]
    code: Option<String>,
    #[session(secret, flash, secret)]
    notice: Option<String>,
    #[session(encrypted)]
    token: Option<String>,
    #[session(secert)]
    answer: String,
}

fn main() {}
