//! The demonstration shop in a real browser, used as a person would: reading, typing and clicking.
//!
//! The tests leave screenshots of the pages in `target/tmp/shop_browser`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use tempfile::TempDir;
use tests::{
    browser::Browser,
    http::Client,
    shop::{Axum, Framework, Shop},
};

const PHONE: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1";
const TABLET: &str = "Mozilla/5.0 (Android 15; Tablet; rv:140.0) Gecko/140.0 Firefox/140.0";

async fn open() -> Option<Browser> {
    Browser::open(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("shop_browser")).await
}

/// Declares tests that the shop of each framework passes.
macro_rules! in_each_framework {
    ($($name:ident)*) => {
        mod axum {
            $(#[tokio::test]
            async fn $name() {
                super::$name::<tests::shop::Axum>().await;
            })*
        }

        mod actix {
            $(#[tokio::test]
            async fn $name() {
                super::$name::<tests::shop::Actix>().await;
            })*
        }
    };
}

in_each_framework!(a_visit_to_the_shop one_browser_logs_out_the_other a_remembered_visitor_uses_a_code);

// B11, B21, B24, B26, S9, S20, S25. The cookie keeps its strict defaults, even on plain http at 127.0.0.1.
async fn a_visit_to_the_shop<F: Framework>() {
    let Some(browser) = open().await else { return };
    let folder = TempDir::new().unwrap();
    let shop = Shop::<F>::open(folder.path());
    let url = shop.url().to_owned();

    browser.go(&url).await;
    assert_eq!(browser.text("#greeting").await, "Hello, stranger.");
    assert_eq!(browser.text("#visits").await, "This is your first visit.");
    assert!(!browser.has("#notice").await && !browser.has("#logout").await);
    let guest = the_cookie(&browser).await;

    // A guest adds an item to the cart, then logs in.
    browser.write("input[value=tea] ~ [name=qty]", "2").await;
    browser.follow("input[value=tea] ~ button").await;
    assert_eq!(browser.text("h1").await, "Your cart");
    assert_eq!((browser.text("#cart-count").await, browser.text("#pieces").await), ("2".into(), "2".into()));
    browser.follow(".brand").await;
    browser.write("#user", "Ada <b>Lovelace</b>").await;
    browser.follow(".login button").await;
    assert_eq!(browser.text("#greeting").await, "Hello, Ada <b>Lovelace</b>.");
    assert_eq!(browser.text("#notice").await, "Welcome, Ada <b>Lovelace</b>.");
    assert_eq!(browser.text("#cart-count").await, "2", "the guest's cart is kept after the log-in");
    assert_ne!(the_cookie(&browser).await, guest, "the log-in changes the session id");
    browser.reload().await;
    assert!(!browser.has("#notice").await, "a notice is shown once");
    assert_eq!(browser.text("#visits").await, "You have seen this page 4 times.");

    // The theme changes, and the visitor stays on the same page.
    let light = browser.style("body", "background-color").await;
    browser.follow(".cart").await;
    browser.follow("#theme").await;
    assert_eq!(browser.text("h1").await, "Your cart");
    assert_eq!(browser.attribute("html", "data-theme").await.as_deref(), Some("dark"));
    assert_ne!(browser.style("body", "background-color").await, light, "the stylesheet is loaded");

    // The server is killed, and started again at the same address.
    let host = shop.host().to_owned();
    shop.kill();
    let shop = Shop::<F>::with(folder.path(), &["--addr", &host], &[]);
    assert_eq!(shop.url(), url);
    browser.write("#sku", "<i>anything</i>").await;
    browser.follow(".other button").await;
    assert_eq!(browser.text("#cart-count").await, "3");
    assert_eq!(browser.text("#user-name").await, "Ada <b>Lovelace</b>");
    assert!(browser.text(".lines").await.contains("<i>anything</i>"));
    browser.go(&url).await;
    let signed_in = the_cookie(&browser).await;

    // After the log-out the theme stays, and the notice is shown once.
    browser.follow("#logout").await;
    assert_eq!(browser.text("#greeting").await, "Hello, stranger.");
    assert!(browser.text("#notice").await.contains("Goodbye, Ada <b>Lovelace</b>."));
    assert_eq!(browser.text("#cart-count").await, "0");
    assert_eq!(browser.attribute("html", "data-theme").await.as_deref(), Some("dark"));
    assert_ne!(the_cookie(&browser).await, signed_in);
    browser.reload().await;
    assert!(!browser.has("#notice").await);
}

/// Returns the session's cookie, which is the only cookie and hidden from scripts.
async fn the_cookie(browser: &Browser) -> String {
    let cookies = browser.cookies().await;
    let [cookie] = &cookies[..] else { panic!("{cookies:?}") };
    assert_eq!(cookie.name(), "__Host-shop");
    assert_eq!((cookie.secure(), cookie.http_only(), cookie.path()), (Some(true), Some(true), Some("/")));
    assert_eq!(cookie.same_site().unwrap().to_string(), "Lax");
    assert_eq!(cookie.expires(), None, "the cookie ends with the browser");
    assert_eq!(browser.script("return document.cookie").await, "");
    cookie.value().to_owned()
}

// B39, B42, S8, S22: one browser of a user logs out the other, whose open page says so and leads to the login page.
async fn one_browser_logs_out_the_other<F: Framework>() {
    let (Some(laptop), Some(phone)) = (open().await, open().await) else { return };
    let folder = TempDir::new().unwrap();
    let shop = Shop::<F>::open(folder.path());
    let page = |path: &str| format!("{}{path}", shop.url());
    for browser in [&laptop, &phone] {
        browser.go(&page("/account")).await;
        assert_eq!(browser.url().await, page("/login?next=/account"));
        assert_eq!(browser.text("#why").await, "Please sign in to go on.");
        browser.write("#user", "Ada").await;
        browser.follow(".login button").await;
        assert_eq!(browser.url().await, page("/account"), "the log-in leads to the page that was asked for");
    }
    phone.go(&page("/cart")).await;

    laptop.reload().await;
    assert_eq!(laptop.text(".device[aria-current] h2").await, "Chrome on Linux this device");
    assert!(!laptop.has(".device[aria-current] form").await);
    let handle = laptop.attribute(".device [name=id]", "value").await.unwrap();
    assert!(!the_cookie(&phone).await.contains(&handle));
    laptop.follow(".device button").await;
    assert_eq!(laptop.text("#notice").await, "That device is logged out.");
    assert!(!laptop.has(".device [name=id]").await && !laptop.has("#revoke-others").await);

    phone.until("main h1", "This session has ended").await;
    phone.follow("#again").await;
    assert_eq!(phone.url().await, page("/login?next=/cart"));
    assert_eq!(phone.text("h1").await, "Log in");
    assert!(!phone.has("#user-name").await);
    phone.write("#user", "Ada").await;
    phone.follow(".login button").await;
    assert_eq!(phone.url().await, page("/cart"));
    phone.follow("#user-name").await;

    // This browser then logs out all others.
    phone.follow("#revoke-others").await;
    assert_eq!(phone.text("#notice").await, "The other device is logged out.");
    laptop.until("main h1", "This session has ended").await;
    laptop.go(&page("/account/code")).await;
    assert_eq!(laptop.url().await, page("/login?next=/account/code"));
}

// B11, B15, S36: the "remember me" box, and a code that the visitor types in.
async fn a_remembered_visitor_uses_a_code<F: Framework>() {
    let Some(browser) = open().await else { return };
    let folder = TempDir::new().unwrap();
    let shop = Shop::<F>::open(folder.path());
    browser.go(shop.url()).await;
    browser.write("#user", "Ada").await;
    browser.click("#remember").await;
    browser.follow(".login button").await;
    let cookies = browser.cookies().await;
    assert!(cookies[0].expires().is_some(), "the cookie outlives the browser: {cookies:?}");

    browser.follow("#user-name").await;
    browser.follow("#to-code").await;
    assert!(!browser.has("#code").await);
    browser.follow("#make").await;
    let code = browser.text("#code").await;
    browser.write("#typed", &code).await;
    browser.follow("#check").await;
    assert_eq!(browser.text("#notice").await, "That was the code. It is used up now.");
    browser.follow("#to-code").await;
    assert!(!browser.has("#code").await);
}

// The pages fit both widths, and all their parts are loaded. The frameworks share the pages, so the shop of one is enough.
#[tokio::test]
async fn the_pages_fit_wide_windows_and_phones() {
    let Some(browser) = open().await else { return };
    let folder = TempDir::new().unwrap();
    let shop = Shop::<Axum>::open(folder.path());
    let page = |path: &str| format!("{}{path}", shop.url());
    browser.go(&page("/")).await;

    for theme in ["light", "dark"] {
        for (width, size) in [(1280, "wide"), (375, "phone")] {
            browser.resize(width);
            browser.go(&page("/")).await;
            fits(&browser, &format!("{theme}-{size}-1-guest")).await;
            browser.go(&page("/cart")).await;
            fits(&browser, &format!("{theme}-{size}-2-empty-cart")).await;
            browser.go(&page("/")).await;
            browser.write("#user", "Ada").await;
            browser.follow(".login button").await;
            fits(&browser, &format!("{theme}-{size}-3-logged-in")).await;
            browser.follow("input[value=honey] ~ button").await;
            browser.write("#sku", &"x".repeat(40)).await;
            browser.follow(".other button").await;
            fits(&browser, &format!("{theme}-{size}-4-cart")).await;
            for agent in [PHONE, TABLET, "<b>anything</b>"] {
                Client::of(&shop).with("User-Agent", agent).post("/login", &[("user", "Ada"), ("remember", "on")]);
            }
            browser.follow("#user-name").await;
            fits(&browser, &format!("{theme}-{size}-5-account")).await;
            browser.follow("#revoke-others").await;
            browser.follow("#to-code").await;
            fits(&browser, &format!("{theme}-{size}-6-no-code")).await;
            browser.follow("#make").await;
            fits(&browser, &format!("{theme}-{size}-7-code")).await;
            browser.go(&page("/login?next=/account/code")).await;
            fits(&browser, &format!("{theme}-{size}-8-sign-in-again")).await;
            browser.go(&page("/")).await;
            browser.follow("#logout").await;
            browser.go(&page("/nowhere")).await;
            fits(&browser, &format!("{theme}-{size}-9-not-found")).await;
        }
        browser.go(&page("/")).await;
        browser.follow("#theme").await;
    }
    println!("the pages are pictured in {}", browser.screenshots().display());
}

async fn fits(browser: &Browser, name: &str) {
    let picture = browser.screenshot(name);
    let overflow = "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
    assert_eq!(browser.script(overflow).await, 0, "{}: the page can be scrolled sideways", picture.display());
    let loaded = "return document.styleSheets.length === 1 && document.styleSheets[0].cssRules.length > 20 \
                  && [...document.images].every(image => image.naturalWidth > 0) \
                  && [...document.querySelectorAll('svg use')].every(icon => icon.getBoundingClientRect().width > 0)";
    assert_eq!(browser.script(loaded).await, true, "{}: something is missing", picture.display());
}
