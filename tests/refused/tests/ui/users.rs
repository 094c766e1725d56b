//! A type that is not a store, and sessions that cannot be listed.

use session_runtime::{KeyRing, MemoryStore, Session, SessionLimit, Sessions};

#[derive(Session)]
struct Listed {
    #[session(identity)]
    user: Option<String>,
}

#[derive(Session)]
struct Unlisted {
    #[session(identity, unlisted)]
    user: Option<String>,
}

#[derive(Session)]
struct Anonymous {
    theme: String,
}

fn stores() {
    let _ = Sessions::<Listed>::builder().store(MemoryStore::new()).keys(KeyRing::generate());
    let _ = Sessions::<Listed>::builder().store("redis://localhost");
    let _ = Sessions::<Anonymous>::builder().store("redis://localhost");
}

fn users(listed: Sessions<Listed>, unlisted: Sessions<Unlisted>, anonymous: Sessions<Anonymous>) {
    let _ = (listed.of("ada"), listed.of(&"ada".to_owned()));
    let _ = unlisted.of("ada");
    let _ = anonymous.of("ada");
    let _ = listed.of(&7);
    let _ = Sessions::<Unlisted>::builder().max_per_user(SessionLimit::Refuse(3));
}

fn main() {}
