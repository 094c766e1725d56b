//! Types that cannot be kept: one error a field, at its type, and none where the field is used.

use session_runtime::Session;

struct NotSerde;

#[derive(serde::Serialize, serde::Deserialize)]
struct NoDefault;

#[derive(Session)]
struct Shop {
    bad: NotSerde,
    list: Vec<NotSerde>,
    #[session(expires = 5m)]
    map: Option<std::collections::HashMap<String, NotSerde>>,
    no_default: NoDefault,
    #[session(default = NoDefault)]
    fine: NoDefault,
    #[session(default = 7)]
    wrong_default: String,
    #[session(skip)]
    also_fine: Option<NotSerde>,
    #[session(with = nowhere)]
    pause: u64,
}

fn handler(mut session: Session<Shop>) {
    let _: &NotSerde = session.bad();
    session.map_mut().clear();
    let _: &[NotSerde] = session.list();
}

fn main() {}
