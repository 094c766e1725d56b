//! `copy` on a type that is not `Copy`.

use session_runtime::Session;

#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Theme(String);

#[derive(Session)]
struct Shop {
    #[session(copy)]
    theme: Theme,
    #[session(copy)]
    other: Option<Theme>,
}

fn main() {}
