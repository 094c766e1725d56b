//! The answer to users whose sign-in is not recent: a redirect or a status, only for a `fresh` view, with a valid target (F4).

use session_runtime::{Session, View, view};

#[derive(Session)]
pub struct Shop {
    #[session(identity)]
    pub user_id: Option<u64>,
}

#[view(Shop, or_redirect = "/login", stale_redirect = "/confirm")]
pub struct NeverStale {
    user_id: u64,
}

#[view(Shop, stale_status = 403)]
pub struct NeverStaleEither {
    user_id: u64,
}

#[view(Shop, fresh = 10m, stale_redirect = "/confirm", stale_status = 403)]
pub struct Both {
    user_id: u64,
}

#[view(Shop, fresh = 10m, stale_redirect = "//example.com")]
pub struct OtherHost {
    user_id: u64,
}

#[view(Shop, fresh = 10m, stale_status = 200)]
pub struct NoRefusal {
    user_id: u64,
}

async fn quiet(_: View<NeverStale>, _: View<Both>, _: View<OtherHost>, _: View<NoRefusal>) {}

fn main() {}
