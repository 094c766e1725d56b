//! Stored names that collide, are empty, or are too long.

use session_runtime::Session;

#[derive(Session)]
struct Shop {
    cart: Vec<u8>,
    #[session(rename = "cart")]
    basket: Vec<u8>,
    #[session(alias = "cart")]
    bag: Vec<u8>,
    #[session(alias = "old_name")]
    name: String,
    #[session(alias = "old_name", alias = "title")]
    title: String,
    #[session(rename = "", alias = "")]
    empty: String,
    a_name_that_goes_on_and_on_and_on_until_it_has_more_bytes_than_fit: u8,
    #[session(rename = "another_name_that_goes_on_and_on_until_it_has_more_bytes_than_fit")]
    long: u8,
}

fn main() {}
