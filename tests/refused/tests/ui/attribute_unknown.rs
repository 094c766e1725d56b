//! Unknown attributes, and attributes in the wrong place.

use session_runtime::Session;

#[derive(Session)]
#[session(idel = 30m, SameSite = lax, max_age = 12h, expires = 5m, httponly, colour = "red", name = "shop")]
struct Shop {
    #[session(exipres = 5m)]
    code: Option<String>,
    #[session(ttl = 5m, idle = 5m)]
    token: Option<String>,
    #[session(colour)]
    roles: Vec<String>,
    #[session(cookie = "x", user)]
    user_id: Option<u64>,
}

fn main() {}
