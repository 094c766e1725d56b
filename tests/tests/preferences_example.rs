//! Runs the example `preferences` as the README says, and visits it over the network and in a real browser. The test leaves a
//! screenshot in `target/tmp/preferences`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use tempfile::TempDir;
use tests::{browser::Browser, http::Client, program::Program};

const COOKIE: &str = "__Host-preferences";

fn start(folder: &TempDir, address: &str) -> Program {
    Program::example_in("preferences", folder.path(), address)
}

// B11, S39: the visitor's choices are in the cookie, survive a restart of the server, and are unreadable without its key.
#[test]
fn preferences_outlive_the_server() {
    let folder = TempDir::new().unwrap();
    let program = start(&folder, "127.0.0.1:0");
    let mut ada = Client::of(&program);
    ada.post("/save", &[("name", "Ada <b>"), ("theme", "Dark"), ("font_size", "125")]).leads_to("/");
    let (value, address) = (ada.jar[COOKIE].clone(), program.host().to_owned());
    program.kill();
    let program = start(&folder, &address);
    let home = ada.visit(&program).get("/");
    for part in
        ["data-theme=\"dark\"", "font-size: 125%", "Ada &lt;b&gt;", "Saved, in your browser alone.", "Visit 1 with"]
    {
        assert!(home.body.contains(part), "{part} in {}", home.body);
    }
    assert!(!ada.get("/").body.contains("Saved"), "the notice is shown once");
    assert!(value.len() < 300 && !value.contains("Ada"), "{value}");
    // Another server has other keys.
    let elsewhere = start(&TempDir::new().unwrap(), "127.0.0.1:0");
    assert!(ada.visit(&elsewhere).get("/").body.contains("stranger"));
}

#[test]
fn preferences_can_be_forgotten_and_bad_ones_are_refused() {
    let folder = TempDir::new().unwrap();
    let program = start(&folder, "127.0.0.1:0");
    let mut ada = Client::of(&program);
    ada.post("/save", &[("name", "Ada"), ("theme", "Dark"), ("font_size", "80")]);
    let before = ada.jar.clone();
    for (name, size) in [("x".repeat(61), "80"), ("Ada".into(), "81")] {
        let refused = ada.post("/save", &[("name", &name), ("theme", "Dark"), ("font_size", size)]);
        assert_eq!((refused.status.as_u16(), refused.set_cookies().len()), (400, 0));
    }
    assert_eq!(ada.jar, before);
    let forgotten = ada.post("/forget", &[]);
    assert!(forgotten.set_cookies()[0].starts_with("__Host-preferences=; "), "{:?}", forgotten.set_cookies());
    assert!(ada.jar.is_empty() && ada.get("/").body.contains("stranger"));
}

#[tokio::test]
async fn preferences_work_in_a_browser() {
    let Some(browser) = Browser::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("preferences")).await else {
        return;
    };
    let folder = TempDir::new().unwrap();
    let program = start(&folder, "127.0.0.1:0");
    browser.go(program.url()).await;
    assert_eq!(
        (browser.text("#name").await, browser.text("#visits").await),
        ("stranger".into(), "Visit 1 with this browser.".into())
    );
    let light = browser.style("body", "background-color").await;
    browser.write("[name=name]", "Ada Lovelace").await;
    browser.click("[value=Dark]").await;
    browser.follow("#save").await;
    assert_eq!(
        (browser.text("#name").await, browser.text("#notice").await),
        ("Ada Lovelace".into(), "Saved, in your browser alone.".into())
    );
    assert_ne!(browser.style("body", "background-color").await, light);
    browser.screenshot("saved");
    browser.reload().await;
    assert!(!browser.has("#notice").await);
    assert_eq!(browser.text("#visits").await, "Visit 3 with this browser.");
    let cookies = browser.cookies().await;
    assert_eq!(cookies.len(), 1);
    assert_eq!((cookies[0].name(), cookies[0].secure(), cookies[0].http_only()), (COOKIE, Some(true), Some(true)));
    browser.follow("#forget").await;
    assert_eq!(browser.text("#name").await, "stranger");
}
