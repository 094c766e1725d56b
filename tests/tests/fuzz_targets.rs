//! What `tests/fuzz` throws bytes at, here with a few thousand of each: so that it compiles, and holds for these.
#![allow(missing_docs)]

use proptest::prelude::*;
use session_runtime::testing::fuzz;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let text = proptest::string::string_regex("[ -~\\n\\t]{0,200}").map(|text| text.prop_map(String::into_bytes));
    prop_oneof![any::<Vec<u8>>(), text.unwrap_or_else(|error| unreachable!("{error}"))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    // S31, S32, S33
    #[test]
    fn cookie_reader(bytes in bytes(), value in "[a-z=; \\t\\n]{0,60}") {
        fuzz::cookie_reader(&bytes);
        fuzz::cookie_reader(format!("a={value}; __Host-shop={value}").as_bytes());
    }

    // S4, S39
    #[test]
    fn token(bytes in bytes()) {
        fuzz::token(&bytes);
    }

    // S39
    #[test]
    fn sealed_cookie(bytes in bytes()) {
        fuzz::sealed_cookie(&bytes);
    }

    #[test]
    fn configuration(bytes in bytes(), name in "SESSION_[A-Z_]{0,12}", value in "[ -~]{0,40}") {
        fuzz::configuration(&bytes);
        fuzz::configuration(format!("{name}={value}").as_bytes());
        fuzz::configuration(format!("cookie:?{value}").as_bytes());
    }
}
