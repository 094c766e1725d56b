//! Operations that sessions in cookies do not support, rejected by the compiler.

use session_runtime::{CookieStore, KeyRing, Session, Sessions};

#[derive(Session)]
struct Plain {
    #[session(identity, unlisted)]
    user: Option<String>,
    #[session(flash)]
    notice: Option<String>,
    theme: String,
}

#[derive(Session)]
struct Listed {
    #[session(identity)]
    user: Option<String>,
}

#[derive(Session)]
struct Counting {
    #[session(counter)]
    visits: u64,
}

#[derive(Session)]
struct Both {
    #[session(identity)]
    user: Option<String>,
    #[session(atomic)]
    cart: Vec<String>,
}

fn stores() {
    let _ = Sessions::<Plain>::builder().store(CookieStore::encrypted()).keys(KeyRing::generate());
    let _ = Sessions::<Listed>::builder().store(CookieStore::encrypted());
    let _ = Sessions::<Counting>::builder().store(CookieStore::encrypted());
    let _ = Sessions::<Both>::builder().store(CookieStore::encrypted());
}

fn users(plain: Sessions<Plain>) {
    let _ = plain.of("ada");
}

fn main() {}
