//! Open pages in a real browser learn that their session changed or ended. A page of the shop learns it from an event stream, a
//! page of the chat from its socket.
//!
//! The tests leave screenshots of the pages in `target/tmp/live_browser`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use tempfile::TempDir;
use tests::{
    browser::Browser,
    http::Client,
    program::Program,
    shop::{Actix, Axum, Framework, Shop},
};

async fn open() -> Option<Browser> {
    Browser::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("live_browser")).await
}

/// Returns a client with the browser's cookie, as another tab would have it.
async fn tab(browser: &Browser, program: &Program) -> Client {
    let mut tab = Client::of(program);
    tab.jar = browser.cookies().await.iter().map(|cookie| (cookie.name().into(), cookie.value().into())).collect();
    tab
}

#[tokio::test]
async fn an_open_page_of_the_axum_shop_follows_its_session() {
    an_open_page_follows_its_session::<Axum>().await;
}

#[tokio::test]
async fn an_open_page_of_the_actix_shop_follows_its_session() {
    an_open_page_follows_its_session::<Actix>().await;
}

// B62
async fn an_open_page_follows_its_session<F: Framework>() {
    let (Some(laptop), Some(phone)) = (open().await, open().await) else { return };
    let folder = TempDir::new().unwrap();
    let shop = Shop::<F>::open(folder.path());
    for browser in [&laptop, &phone] {
        browser.go(&format!("{}/login?next=/account", shop.url())).await;
        browser.write("#user", "Ada").await;
        browser.follow(".login button").await;
    }
    assert_eq!(laptop.text("#cart-count").await, "0");
    tab(&laptop, &shop).await.post("/cart", &[("sku", "tea"), ("qty", "3")]).leads_to("/cart");
    laptop.until("#cart-count", "3").await;

    phone.reload().await;
    phone.follow("#revoke-others").await;
    laptop.until("main h1", "This session has ended").await;
    assert_eq!(laptop.text("#reason").await, "revoked");
    assert!(
        !laptop.has("#devices").await && !laptop.has("nav").await,
        "the page shows nothing of the session any more"
    );
    laptop.screenshot("ended");
    laptop.follow("#again").await;
    assert_eq!(laptop.url().await, format!("{}/login?next=/account", shop.url()));

    assert_eq!(phone.text("#user-name").await, "Ada", "the phone's session continues");
    phone.follow("#logout").await;
    assert_eq!(phone.text("#greeting").await, "Hello, stranger.", "after a log-out, the page greets a stranger");
}

// B62: the shop restarts without its sessions. The page connects again, and the new shop tells it that its session is gone.
#[tokio::test]
async fn an_open_page_learns_after_a_restart_that_its_session_is_gone() {
    let Some(browser) = open().await else { return };
    let folder = TempDir::new().unwrap();
    let shop = Shop::<Axum>::with(folder.path(), &["--store", "memory:"], &[]);
    browser.go(shop.url()).await;
    browser.write("#user", "Ada").await;
    browser.follow(".login button").await;
    let host = shop.host().to_owned();
    shop.kill();
    let _shop = Shop::<Axum>::with(folder.path(), &["--store", "memory:", "--addr", &host], &[]);
    browser.until("main h1", "This session has ended").await;
}

// B62: the page of a guest is loaded again when another tab signs in.
#[tokio::test]
async fn an_open_page_is_loaded_again_after_a_sign_in_in_another_tab() {
    let Some(browser) = open().await else { return };
    let folder = TempDir::new().unwrap();
    let shop = Shop::<Axum>::open(folder.path());
    browser.go(shop.url()).await;
    let first = browser.tab().await;
    browser.open_tab().await;
    browser.go(shop.url()).await;
    browser.write("#user", "Ada").await;
    browser.follow(".login button").await;
    browser.switch_to(first).await;
    browser.until("#greeting", "Hello, Ada.").await;
}

// B62
#[tokio::test]
async fn a_socket_closes_when_another_browser_ends_its_session() {
    let (Some(laptop), Some(phone)) = (open().await, open().await) else { return };
    let chat = Program::example_of_framework("chat");
    for browser in [&laptop, &phone] {
        browser.go(chat.url()).await;
        browser.write("#name", "ada").await;
        browser.follow("#log-in").await;
        browser.until("#status", "Connected.").await;
    }
    laptop.write("#text", "<b>hello</b>").await;
    laptop.click("#say button").await;
    for browser in [&laptop, &phone] {
        browser.until("#room li", "ada: <b>hello</b>").await;
    }
    phone.follow("#log-out-others").await;
    laptop.until("#status", "Disconnected: revoked. Reload the page to go on.").await;
    laptop.screenshot("chat-ended");
    phone.until("#status", "Connected.").await;
    laptop.reload().await;
    assert!(laptop.has("#log-in").await);
}
