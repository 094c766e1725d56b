//! Runs the examples `visits-…`, and visits them over the network.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use tests::{
    http::{Answer, Client},
    program::Program,
};

fn visits(answer: &Answer) -> String {
    let page = page(answer);
    let (_, rest) = page.split_once("id=\"visits\">").unwrap_or_else(|| panic!("{page}"));
    rest.split('<').next().unwrap().to_owned()
}

/// Returns the page without its comments: Leptos and Dioxus separate texts with them.
fn page(answer: &Answer) -> String {
    let (start, rest) = answer.body.split_once("<!").unwrap_or((&answer.body, ""));
    let texts = rest.split("<!").filter_map(|part| part.split_once('>')).map(|(_comment, text)| text);
    start.to_owned() + &texts.collect::<String>()
}

/// Asserts that the response redirects to `path`: with 302 if Leptos made it, otherwise with 303.
#[track_caller]
fn leads_to(answer: &Answer, path: &str) {
    assert!([302, 303].contains(&answer.status.as_u16()), "{}: {}", answer.status, answer.body);
    assert_eq!(answer.header("location"), path);
}

fn counts_visits(framework: &str) {
    let program = Program::example_of_framework(&format!("visits-{framework}"));
    // Sends the headers of a browser that opens a page or sends a form, because Leptos answers scripts without a redirect.
    let browser = Client::of(&program).with("Sec-Fetch-Site", "same-origin").with("Accept", "text/html");
    let mut client = browser.clone();
    leads_to(&client.get("/account"), "/?next=/account");
    assert_eq!(visits(&client.get("/")), "1");
    assert_eq!(visits(&client.get("/")), "2");
    leads_to(&client.post("/log-in", &[]), "/account");
    assert!(page(&client.get("/account")).contains("<b id=\"user\">Ada</b> was here 2 times"));
    leads_to(&client.post("/log-out", &[]), "/");
    leads_to(&client.get("/account"), "/?next=/account");
    let mut newcomer = browser;
    leads_to(&newcomer.post("/log-in", &[]), "/account");
    assert!(page(&newcomer.get("/account")).contains("<b id=\"user\">Ada</b> was here 0 times"));
    let mut other_site = Client::of(&program).with("Sec-Fetch-Site", "cross-site");
    assert_eq!(other_site.post("/log-in", &[]).status, 403);
}

#[test]
fn visits_leptos() {
    counts_visits("leptos");
}

#[test]
fn visits_dioxus() {
    counts_visits("dioxus");
}

#[test]
fn visits_loco() {
    counts_visits("loco");
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
