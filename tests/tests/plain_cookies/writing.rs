//! Setting and removing cookies, with the exact headers.

use std::time::Duration;

use session_runtime::{PlainCookie, SameSite};

use super::set_by;

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

// S25
#[tokio::test]
async fn cookies_are_secure_http_only_and_lax_by_default() {
    assert_eq!(
        set_by(|cookies| cookies.set("theme", "dark")).await,
        "theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/"
    );
    assert_eq!(
        set_by(|cookies| cookies.set(&String::from("__Host-theme"), String::from("dark"))).await,
        "__Host-theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/"
    );
}

#[tokio::test]
async fn each_attribute_is_sent_as_it_was_set() {
    let theme = PlainCookie::new("theme");
    for (cookie, line) in [
        (theme.http_only(false), "theme=dark; SameSite=Lax; Secure; Path=/"),
        (theme.secure(false), "theme=dark; HttpOnly; SameSite=Lax; Path=/"),
        (theme.same_site(SameSite::Strict), "theme=dark; HttpOnly; SameSite=Strict; Secure; Path=/"),
        (theme.path("/shop"), "theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/shop"),
        (theme.domain("example.com"), "theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com"),
        (
            theme.same_site(SameSite::None).partitioned(true),
            "theme=dark; HttpOnly; SameSite=None; Partitioned; Secure; Path=/",
        ),
        (theme.max_age(YEAR), "theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=31536000"),
        (theme.max_age(Duration::from_millis(1_001)), "theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2"),
    ] {
        assert_eq!(set_by(move |cookies| cookies.set(cookie, "dark")).await, line);
    }
}

// S30
#[tokio::test]
async fn no_cookie_stays_for_more_than_400_days() {
    for max_age in [400 * (YEAR / 365), 2 * YEAR, Duration::MAX] {
        let line = set_by(move |cookies| cookies.set(PlainCookie::new("theme").max_age(max_age), "dark")).await;
        assert!(line.ends_with("; Max-Age=34560000"), "{line}");
    }
}

// S20
#[tokio::test]
async fn a_removal_repeats_every_attribute_except_max_age() {
    let all = PlainCookie::new("__Secure-x").path("/shop").domain("example.com").partitioned(true);
    for cookie in ["theme".into(), "__Host-theme".into(), all.same_site(SameSite::None), all.http_only(false)] {
        let set = set_by(move |cookies| cookies.set(cookie, "")).await;
        let removed = set_by(move |cookies| cookies.remove(cookie.max_age(YEAR))).await;
        assert_eq!(removed, format!("{set}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT"));
    }
}

// S29
#[tokio::test]
async fn only_the_last_write_of_a_name_is_sent() {
    let line = set_by(|cookies| {
        cookies.remove(PlainCookie::new("theme").path("/shop"))?;
        cookies.set("theme", "light")?;
        cookies.set(PlainCookie::new("theme").path("/x"), "dark")
    });
    assert_eq!(line.await, "theme=dark; HttpOnly; SameSite=Lax; Secure; Path=/x");
    let line = set_by(|cookies| {
        cookies.set("theme", "dark")?;
        cookies.remove("theme")
    });
    assert!(line.await.contains("Max-Age=0"));
}

#[tokio::test]
async fn a_read_sees_what_was_written_in_the_same_request() {
    set_by(|cookies| {
        assert_eq!(cookies.get("theme"), None);
        cookies.set("theme", "dark; 100%")?;
        assert_eq!(cookies.get("theme").as_deref(), Some("dark; 100%"));
        assert_eq!(cookies.get("Theme"), None);
        cookies.remove("theme")?;
        assert_eq!(cookies.get("theme"), None);
        cookies.set("theme", "")?;
        assert_eq!(cookies.get(PlainCookie::new("theme").path("/x")).as_deref(), Some(""));
        Ok::<_, session_runtime::Error>(())
    })
    .await;
}
