//! Runs the example `cookies` as the README says, and sets, reads and deletes cookies over the network.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tests::{
    http::{Answer, Client},
    program::Program,
};

/// Returns the text that the page has under this id.
fn shown<'a>(answer: &'a Answer, id: &str) -> &'a str {
    let (_, rest) = answer.body.split_once(&format!("id=\"{id}\">")).unwrap();
    rest.split('<').next().unwrap()
}

#[test]
fn a_cookie_is_set_shown_and_deleted() {
    let program = Program::example("cookies");
    let (mut ada, mut other) = (Client::of(&program), Client::of(&program));
    assert_eq!(shown(&ada.get("/"), "username"), "whoever you are");

    let set = ada.post("/set", &[("username", "Ada <b>; \"é\"")]);
    let line = "username=Ada%20<b>%3B%20%22%C3%A9%22; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000";
    assert_eq!(set.leads_to("/").set_cookies(), [line]);
    let home = ada.get("/");
    assert_eq!(shown(&home, "username"), "Ada &lt;b&gt;; &quot;é&quot;");
    assert_eq!((home.header("vary"), home.header("cache-control")), ("Cookie", "no-store"));
    assert_eq!(shown(&other.get("/"), "username"), "whoever you are", "another browser has no cookie");

    let deleted = ada.post("/delete", &[]);
    let line = "username=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT";
    assert_eq!(deleted.leads_to("/").set_cookies(), [line]);
    assert_eq!(shown(&ada.get("/"), "username"), "whoever you are");
}

#[test]
fn visits_are_counted_and_cannot_be_forged() {
    let program = Program::example("cookies");
    let mut visitor = Client::of(&program);
    for visit in ["1", "2", "3"] {
        assert_eq!(shown(&visitor.get("/"), "visits"), visit);
    }
    visitor.jar.insert("visits".into(), "1000".into());
    assert_eq!(shown(&visitor.get("/"), "visits"), "1");
}

// S27
#[test]
fn a_name_too_long_for_a_cookie_is_refused_and_the_old_one_stays() {
    let program = Program::example("cookies");
    let mut visitor = Client::of(&program);
    visitor.post("/set", &[("username", "Ada")]).leads_to("/");
    let refused = visitor.post("/set", &[("username", &"x".repeat(5000))]);
    assert_eq!((refused.status.as_u16(), &*refused.body), (400, "Please choose a shorter name."));
    assert_eq!(shown(&visitor.get("/"), "username"), "Ada");
}
