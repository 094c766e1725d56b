//! Policies that exclude each other, and modifiers that do not go with a policy or a type.

use session_runtime::Session;

#[derive(Session)]
struct Shop {
    #[session(counter, atomic)]
    visits: u64,
    #[session(flash, identity, atomic)]
    notice: Option<String>,
    #[session(identity, device, default = Some(1))]
    user_id: Option<u64>,
    #[session(identity)]
    admin_id: Option<u64>,
    #[session(flash, default = Some("Welcome".to_owned()))]
    greeting: Option<String>,
    #[session(counter, with = module)]
    hits: u64,
    #[session(copy)]
    name: String,
    #[session(copy)]
    cart: Option<Vec<u8>>,
    #[session(skip, flash, expires = 5m, rename = "x", alias = "y", device, with = module)]
    scratch: Option<String>,
}

fn main() {}
