//! Mistakes in the attribute `index`, and in calls of the methods that it adds.

use std::collections::{BTreeSet, HashMap, HashSet};

use session_runtime::{CookieStore, KeyRing, Session, Sessions};

mod module {
    pub fn serialize<S: serde::Serializer>(_: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<Option<u64>, D::Error> {
        Ok(None)
    }
}

fn number(_: String) -> Option<u64> {
    None
}

type Tenant = Option<u64>;

#[derive(Session)]
struct Types {
    #[session(index)]
    tenant: u64,
    #[session(index)]
    name: String,
    #[session(index)]
    alias: Tenant,
    #[session(index)]
    groups: HashSet<String>,
    #[session(index)]
    filters: Vec<HashMap<String, u8>>,
    #[session(index)]
    teams: Option<BTreeSet<u64>>,
    #[session(index)]
    prices: Option<HashMap<String, u8>>,
    #[session(index)]
    weight: Option<f64>,
}

#[derive(Session)]
struct Policies {
    #[session(index, identity)]
    user: Option<u64>,
    #[session(index, atomic)]
    tenant: Option<u64>,
    #[session(index, flash)]
    notices: Vec<String>,
    #[session(index, counter)]
    visits: u64,
}

#[derive(Session)]
struct Modifiers {
    #[session(index, secret)]
    token: Option<String>,
    #[session(index, with = module)]
    tenant: Option<u64>,
    #[session(index, alias = "org")]
    organisation: Option<u64>,
    #[session(index, migrate = number("place"))]
    city: Option<u64>,
    #[session(index, default = Some(1))]
    branch: Option<u64>,
    #[session(index, skip)]
    scratch: Option<u64>,
    #[session(index = "by_sid")]
    sid: Option<String>,
    #[session(searchable)]
    other: Option<String>,
}

#[derive(Session)]
struct Member {
    #[session(index)]
    tenant: Option<u64>,
    plain: Option<u64>,
}

fn by_a_plain_field(sessions: &Sessions<Member>) {
    sessions.by_plain(&7);
}

fn by_another_type(sessions: &Sessions<Member>) {
    sessions.by_tenant("seven");
}

fn in_cookies() {
    Sessions::<Member>::builder().store(CookieStore::encrypted()).keys(KeyRing::generate());
}

fn main() {}
