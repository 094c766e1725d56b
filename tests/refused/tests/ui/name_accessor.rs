//! Accessors that would hide a method of the session, or that collide with each other.

use session_runtime::Session;

#[derive(Session)]
struct Shop {
    renew: bool,
    id: u64,
    #[session(rename = "saved")]
    save: bool,
    get: u8,
    cart: Vec<u8>,
    cart_mut: Vec<u8>,
    #[session(expires = 5m)]
    code: Option<String>,
    code_expires_at: u64,
}

// B46: the core's own methods and the accessors still exist.
fn handler(mut session: Session<Shop>) {
    session.destroy();
    session.cart_mut().push(1);
    let _ = session.code_expires_at();
}

fn main() {}
