//! Mistakes in the attributes of the identity, and in those for limits and roles.

use session_runtime::Session;

mod module {
    pub fn serialize<S: serde::Serializer>(_: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
    pub fn deserialize<'de, D: serde::Deserializer<'de>>(_: D) -> Result<Option<u64>, D::Error> {
        Ok(None)
    }
}

#[derive(Session)]
#[session(max_per_user = 3)]
struct NobodyToCount {
    name: String,
}

#[derive(Session)]
#[session(max_per_user = 3)]
struct NobodyListed {
    #[session(identity, unlisted)]
    user: Option<u64>,
}

#[derive(Session)]
#[session(max_per_user = 0)]
struct NoRoom {
    #[session(identity)]
    user: Option<u64>,
}

#[derive(Session)]
#[session(max_per_user = (5, refuze))]
struct Misspelt {
    #[session(identity)]
    user: Option<u64>,
}

#[derive(Session)]
#[session(max_per_user = "five")]
struct Spelt {
    #[session(identity)]
    user: Option<u64>,
}

#[derive(Session)]
#[session(max_per_user = 5_000_000_000)]
struct TooMany {
    #[session(identity)]
    user: Option<u64>,
}

#[derive(Session)]
#[session(max_sessions = 5)]
struct BroughtAlong {
    #[session(identity)]
    user: Option<u64>,
    #[session(role)]
    duties: Vec<String>,
}

#[derive(Session)]
struct Roles {
    #[session(identity, rotates, with = module)]
    user: Option<u64>,
    #[session(rotates, atomic)]
    roles: Vec<String>,
    #[session(rotates, counter)]
    level: u8,
    #[session(rotates, device)]
    trusted: bool,
    #[session(unlisted)]
    name: String,
    #[session(skip, rotates)]
    scratch: u8,
}

fn main() {}
