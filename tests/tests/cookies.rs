//! The defaults of a cookie, and settings that change them.

use session_runtime::{CookieSpec, SameSite};

// S25
#[test]
fn cookies_are_secure_http_only_and_lax_by_default() {
    const SHOP: CookieSpec = CookieSpec::new("__Host-shop");
    let expected = CookieSpec {
        name: "__Host-shop",
        path: "/",
        domain: None,
        secure: true,
        http_only: true,
        same_site: SameSite::Lax,
        partitioned: false,
        persistent: false,
    };
    assert_eq!(SHOP, expected);
}

// The derive emits such a constant.
#[test]
fn a_constant_can_change_some_of_the_defaults() {
    const EMBEDDED: CookieSpec =
        CookieSpec { same_site: SameSite::None, partitioned: true, ..CookieSpec::new("__Host-shop") };
    static COPIED: CookieSpec = EMBEDDED;
    assert!(COPIED.partitioned && COPIED.secure && COPIED.same_site == SameSite::None);
}
