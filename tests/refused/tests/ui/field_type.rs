//! Types that cannot be stored: one error per field, at its type, and none where the field is used.

use session_runtime::Session;

struct NotSerde;

#[derive(serde::Serialize, serde::Deserialize)]
struct NoDefault;

/// Serialisable, but bound to its thread.
#[derive(Default)]
struct NotSend(std::marker::PhantomData<*const ()>);

impl serde::Serialize for NotSend {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> serde::Deserialize<'de> for NotSend {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self::default())
    }
}

#[derive(Session)]
struct Shop {
    not_send: NotSend,
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
