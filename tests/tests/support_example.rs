//! Runs the example `support` as its first lines say, and visits it over the network.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tests::{
    http::{Answer, Client},
    program::Program,
};

/// Returns the text that the page has under this id.
fn shown(answer: &Answer, id: &str) -> Option<String> {
    let (_, rest) = answer.body.split_once(&format!("id=\"{id}\">"))?;
    rest.split('<').next().map(str::to_owned)
}

// F4
#[test]
fn staff_act_as_a_customer_until_they_stop_or_the_customer_ends_it() {
    let program = Program::example("support");
    let browser = || Client::of(&program).with("Sec-Fetch-Site", "same-origin");
    let (mut root, mut ada) = (browser(), browser());
    root.get("/").leads_to("/login?next=/");
    root.post("/login", &[("user", "root"), ("password", "root")]).leads_to("/");
    ada.post("/login", &[("user", "ada"), ("password", "ada")]).leads_to("/");
    root.post("/cart", &[("item", "root's")]).leads_to("/");
    assert_eq!(ada.post("/act-as", &[("customer", "root")]).status, 404);
    assert_eq!(shown(&ada.get("/"), "user").as_deref(), Some("ada"), "only staff can act as a customer");
    for by_customer in [false, true] {
        root.post("/act-as", &[("customer", "ada")]).leads_to("/");
        let page = root.get("/");
        assert_eq!(shown(&page, "banner").as_deref(), Some("root, you act as ada."));
        assert_eq!((shown(&page, "user").as_deref(), shown(&page, "cart").as_deref()), (Some("ada"), Some("")));
        if by_customer {
            ada.post("/log-out-everywhere", &[]).leads_to("/");
            ada.get("/").leads_to("/login?next=/");
        } else {
            root.post("/stop", &[]).leads_to("/");
        }
        let page = root.get("/");
        assert_eq!((shown(&page, "banner"), shown(&page, "user").as_deref()), (None, Some("root")));
        assert_eq!(shown(&page, "cart").as_deref(), Some("root's"));
    }
    root.post("/confirm", &[("password", "wrong")]).leads_to("/confirm");
    root.post("/confirm?next=/cart", &[("password", "root")]).leads_to("/cart");
}
