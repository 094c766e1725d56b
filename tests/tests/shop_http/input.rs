//! Visitors' input: nonsense gets a page that says what to write, and no text becomes markup.

use serde_json::json;
use tests::http::Client;

use super::open;

#[test]
fn nonsense_is_refused_and_changes_nothing() {
    let (_folder, shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    visitor.post("/cart", &[("sku", "tea"), ("qty", "1000")]).leads_to("/cart");
    let before = visitor.session();
    let long = "x".repeat(65);
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);
    let table: &[Case<'_>] = &[
        ("/login", &[], "give a name"),
        ("/login", &[("user", "")], "give a name"),
        ("/login", &[("user", "  ")], "give a name"),
        ("/login", &[("user", &long)], "up to 64 characters"),
        ("/login", &[("user", "ada\r\nSet-Cookie: a=b")], "on one line"),
        ("/cart", &[("qty", "1")], "A sku is one word"),
        ("/cart", &[("sku", ""), ("qty", "1")], "A sku is one word"),
        ("/cart", &[("sku", "two words"), ("qty", "1")], "A sku is one word"),
        ("/cart", &[("sku", &long), ("qty", "1")], "A sku is one word"),
        ("/cart", &[("sku", "tea"), ("qty", "")], "from 1 to 1000"),
        ("/cart", &[("sku", "tea"), ("qty", "0")], "from 1 to 1000"),
        ("/cart", &[("sku", "tea"), ("qty", "-1")], "from 1 to 1000"),
        ("/cart", &[("sku", "tea"), ("qty", "1.5")], "from 1 to 1000"),
        ("/cart", &[("sku", "tea"), ("qty", "many")], "from 1 to 1000"),
        ("/cart", &[("sku", "tea"), ("qty", "1001")], "from 1 to 1000"),
        ("/cart", &[("sku", "tea"), ("qty", "99999999999999999999")], "from 1 to 1000"),
        ("/theme", &[], "“light” or “dark”"),
        ("/theme", &[("theme", "pink")], "“light” or “dark”"),
        ("/devices/revoke", &[], "names no device"),
        ("/devices/revoke", &[("id", "")], "names no device"),
        ("/devices/revoke", &[("id", "7")], "names no device"),
        ("/devices/revoke", &[("id", &long)], "names no device"),
        ("/devices/revoke", &[("id", "00112233445566778899AABBCCDDEEFF")], "names no device"),
    ];
    for (path, form, sentence) in table {
        let answer = visitor.post(path, form);
        assert_eq!(answer.status, 422, "{path} {form:?}");
        assert!(answer.body.contains(sentence), "{path} {form:?}: {}", answer.body);
        assert!(answer.body.contains("Back to the shop"), "the answer is a page of the shop");
        assert!(answer.set_cookies().is_empty(), "{path} {form:?}");
    }
    let now = visitor.session();
    for field in ["user", "theme", "visits", "cart"] {
        assert_eq!(now[field], before[field], "{field}");
    }
    // A refused request does not create a session.
    let mut stranger = Client::of(&shop);
    assert!(stranger.post("/cart", &[("sku", "tea"), ("qty", "0")]).set_cookies().is_empty());
}

#[test]
fn a_cart_has_a_bound() {
    let (_folder, _shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    for _ in 0..1_000 {
        visitor.post("/cart", &[("sku", "tea"), ("qty", "1000")]).leads_to("/cart");
    }
    let full = visitor.post("/cart", &[("sku", "tea"), ("qty", "1")]);
    assert_eq!(full.status, 422);
    assert!(full.body.contains("There can be 1000000 of one thing"));
    assert_eq!(visitor.session()["cart"], json!([{ "sku": "tea", "qty": 1_000_000 }]));
}

#[test]
fn any_name_and_any_sku_is_accepted_and_none_becomes_markup() {
    let (_folder, _shop, mut visitor) = open();
    for name in ["<script>alert(1)</script>", "\"><img src=x>", "Ada & Bob's", "Åsa 漢字 🍵", "' OR 1=1 --", " a "]
    {
        visitor.post("/login", &[("user", name)]).leads_to("/");
        let page = visitor.get("/").body;
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{page}");
        assert_eq!(visitor.session()["user"], name);
        visitor.post("/logout", &[]);
        assert!(!visitor.get("/").body.contains("<script>"));
    }
    visitor.post("/cart", &[("sku", "<b>tea</b>"), ("qty", "1")]).leads_to("/cart");
    let page = visitor.get("/cart").body;
    assert!(page.contains("&lt;b&gt;tea&lt;/b&gt;") && !page.contains("<b>"));
}

#[test]
fn wrong_addresses_and_methods_get_pages_too() {
    let (_folder, _shop, mut visitor) = open();
    let missing = visitor.get("/nowhere");
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("Back to the shop"));
    assert_eq!(visitor.get("/logout").status, 405);
    // The page to return to after choosing a theme is one of the shop's own.
    visitor.post("/theme", &[("theme", "dark"), ("page", "//evil.example")]).leads_to("/");
}

#[test]
fn pages_run_only_the_shops_own_script_and_are_not_cached() {
    let (_folder, _shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    for path in ["/", "/cart", "/login", "/account", "/account/code", "/nowhere", "/api/session"] {
        let answer = visitor.get(path);
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        let rest = answer.body.replace(r#"<script src="/live.js" defer data-session></script>"#, "");
        assert!(!rest.contains("<script") && !rest.contains("style="), "{path}");
    }
}
