//! Signing in leads to the requested page, can be remembered, and works only from this site.

use tests::http::Client;

use super::open;

// B42
#[test]
fn a_guest_is_sent_to_sign_in_and_comes_back() {
    let (_folder, _shop, mut visitor) = open();
    let pages = [("/account", "/account"), ("/account?tab=2&x=%20", "/account%3Ftab%3D2%26x%3D%2520")];
    for (page, next) in pages {
        let refused = visitor.get(page);
        refused.leads_to(&format!("/login?next={next}"));
        assert!(refused.set_cookies().is_empty(), "the refusal creates no session");
        let form = visitor.get(refused.header("location")).body;
        assert!(form.contains("Please sign in to go on."), "{form}");
        let escaped = page.replace('&', "&amp;");
        assert!(form.contains(&format!(r#"<input type="hidden" name="next" value="{escaped}">"#)), "{form}");
        visitor.post("/login", &[("user", "ada"), ("next", page)]).leads_to(page);
        assert_eq!(visitor.get(page).status, 200);
        visitor.post("/logout", &[]).leads_to("/");
    }
    // After the sign-in, the visitor does not return to these addresses: visiting an address would not repeat the rejected POST.
    for (path, form) in [
        ("/devices/revoke", &[("id", "00112233445566778899aabbccddeeff")][..]),
        ("/devices/revoke", &[("id", "nonsense")]),
        ("/devices/revoke-others", &[]),
        ("/account/code/check", &[("code", "123456")]),
    ] {
        visitor.post(path, form).leads_to("/login");
    }
    visitor.post("/account/code", &[]).leads_to("/login?next=/account/code");
}

#[test]
fn a_guest_is_refused_before_a_form_is_read() {
    let (_folder, _shop, mut visitor) = open();
    visitor.post("/theme", &[("theme", "dark")]); // so that there is a session to load
    let mut visitor = visitor.with("Content-Type", "text/plain");
    for path in ["/devices/revoke", "/account/code/check"] {
        visitor.post(path, &[]).leads_to("/login");
    }
    assert_eq!(
        visitor.post("/cart", &[]).status,
        415,
        "a route for all visitors reads the form, and rejects its content type"
    );
}

// OWASP Unvalidated Redirects and Forwards Cheat Sheet
#[test]
fn signing_in_leads_to_no_other_site() {
    let (_folder, _shop, mut visitor) = open();
    for next in [
        "",
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "evil.example",
        "@evil.example",
        "/café",
    ] {
        visitor.post("/login", &[("user", "ada"), ("next", next)]).leads_to("/");
    }
    for next in ["https://evil.example/", "//evil.example/", "%2F%2Fevil.example", "/%5Cevil.example"] {
        let form = visitor.get(&format!("/login?next={next}")).body;
        assert!(!form.contains("evil.example"), "{form}");
    }
    // A path of this site is accepted whatever it looks like, and never becomes markup.
    let form = visitor.get("/login?next=/%22%3E%3Cb%3E").body;
    assert!(form.contains(r#"value="/&quot;&gt;&lt;b&gt;""#), "{form}");
}

// B11, B17
#[test]
fn a_visitor_who_ticks_the_box_is_remembered() {
    let (_folder, shop, mut visitor) = open();
    let form = visitor.get("/login").body;
    assert!(
        form.contains(r#"type="checkbox" name="remember""#) && visitor.get("/").body.contains("remember"),
        "{form}"
    );

    let cookie = |visitor: &mut Client, form: &[(&str, &str)]| {
        visitor.post("/login", form).leads_to("/").set_cookies()[0].to_owned()
    };
    let brief = cookie(&mut visitor, &[("user", "ada")]);
    assert!(!brief.contains("Max-Age") && !brief.contains("Expires"), "{brief}");
    assert!(visitor.session()["expires_in"].as_u64().unwrap() <= 1_800);

    let mut remembered = Client::of(&shop);
    let long = cookie(&mut remembered, &[("user", "ada"), ("remember", "on")]);
    assert!(long.contains("; Max-Age=2592000"), "{long}");
    assert!(remembered.session()["expires_in"].as_u64().unwrap() > 2_590_000);
    let page = remembered.get("/account").body;
    assert!(page.contains("logged out in 30 days") && page.contains("logged out in 30 minutes"), "{page}");

    // The same user's next sign-in is remembered too; another user's is not.
    assert!(cookie(&mut remembered, &[("user", "ada")]).contains("; Max-Age=2592000"));
    assert!(!cookie(&mut remembered, &[("user", "bob")]).contains("Max-Age"));
}

// S36, S38: another site cannot sign a visitor in either.
#[test]
fn another_site_can_post_nothing_here() {
    let (_folder, shop, mut ada) = open();
    ada.post("/login", &[("user", "ada")]);
    let mut other = Client::of(&shop);
    other.post("/login", &[("user", "ada")]);
    let forms: [(&str, &[(&str, &str)]); 8] = [
        ("/login", &[("user", "mallory")]),
        ("/logout", &[]),
        ("/cart", &[("sku", "tea")]),
        ("/theme", &[("theme", "dark")]),
        ("/devices/revoke", &[("id", "00112233445566778899aabbccddeeff")]),
        ("/devices/revoke-others", &[]),
        ("/account/code", &[]),
        ("/account/code/check", &[("code", "123456")]),
    ];
    for (header, value) in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
        ("Referer", "https://evil.example/"),
    ] {
        let mut lured = ada.clone().with(header, value);
        for (path, form) in forms {
            let answer = lured.post(path, form);
            assert_eq!(answer.status, 403, "{path} with {header}: {value}");
            assert!(answer.set_cookies().is_empty() && answer.body.contains("of another site"), "{path}");
        }
        assert_eq!(lured.get("/account").status, 200, "a link from another site works");
    }
    assert_eq!((&ada.session()["user"], &ada.session()["theme"]), (&"ada".into(), &"light".into()));
    assert_eq!(other.session()["user"], "ada", "ada's other device stays signed in");
    let mut own = ada.clone().with("Sec-Fetch-Site", "same-origin");
    own.post("/theme", &[("theme", "dark")]).leads_to("/");
}
