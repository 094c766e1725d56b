//! Runs the examples `visits-…`, and visits them over the network.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tests::{
    http::{Answer, Client},
    program::Program,
};

fn visits(answer: &Answer) -> &str {
    let (_, rest) = answer.body.split_once("id=\"visits\">").unwrap_or_else(|| panic!("{}", answer.body));
    rest.split('<').next().unwrap()
}

fn counts_visits(framework: &str) {
    let program = Program::example_of_framework(&format!("visits-{framework}"));
    let mut client = Client::of(&program).with("Sec-Fetch-Site", "same-origin");
    client.get("/account").leads_to("/?next=/account");
    assert_eq!(visits(&client.get("/")), "1");
    assert_eq!(visits(&client.get("/")), "2");
    client.post("/log-in", &[]).leads_to("/account");
    assert!(client.get("/account").body.contains("<b id=\"user\">Ada</b> was here 2 times"));
    client.post("/log-out", &[]).leads_to("/");
    client.get("/account").leads_to("/?next=/account");
    let mut other_site = Client::of(&program).with("Sec-Fetch-Site", "cross-site");
    assert_eq!(other_site.post("/log-in", &[]).status, 403);
}

#[test]
fn visits_actix() {
    counts_visits("actix");
}

#[test]
fn visits_poem() {
    counts_visits("poem");
}

#[test]
fn visits_salvo() {
    counts_visits("salvo");
}

#[test]
fn visits_rocket() {
    counts_visits("rocket");
}
