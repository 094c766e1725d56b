//! S9: an identity cannot be set directly. It changes only with a sign-in or a sign-out, which renews the session id.

use session_runtime::Session;

#[derive(Session)]
struct Shop {
    #[session(identity)]
    user_id: Option<u64>,
}

fn log_in(mut session: Session<Shop>) {
    session.user_id_mut().set(7);
    session.user_id_mut().set(Some(7));
    session.user_id_mut().clear();
    session.user_id_mut().reset();
    *session.user_id_mut() = Some(7);
    session.user_id_mut().replace(7);
}

impl ShopFields {
    fn become_admin(&mut self) {
        self.user_id_mut().set(0);
    }
}

fn main() {}
