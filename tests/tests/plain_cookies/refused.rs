//! Cookies that browsers would drop, or that would break a header: setting one is an error, and the response does not set it.

use std::time::Duration;

use proptest::prelude::*;
use session_runtime::{Cookies, CookiesLayer, Error, PlainCookie, SameSite};

use super::{app, ask, wait};

/// Returns the error that the handler gets. Checks that the response sets no cookie.
async fn refused(work: impl Fn(Cookies) -> Result<(), Error> + Clone + Send + Sync + 'static) -> String {
    let app = app(CookiesLayer::new(), move |cookies| {
        work(cookies).map_or_else(|error| error.to_string(), |()| "set".into())
    });
    let reply = ask(&app, &[]).await;
    assert_eq!(reply.set_cookies(), [""; 0], "{}", reply.body);
    reply.body
}

// S25
#[tokio::test]
async fn a_cookie_that_its_prefix_or_attributes_forbid_is_refused() {
    let named = PlainCookie::new;
    for (cookie, part) in [
        (named("__Host-a").path("/x"), "reject the `__Host-` prefix with a path other than `/`"),
        (named("__Host-a").domain("example.com"), "reject the `__Host-` prefix with a domain"),
        (named("__Host-a").secure(false), "reject the `__Host-` prefix without `Secure`"),
        (named("__Secure-a").secure(false), "reject the `__Secure-` prefix without `Secure`"),
        (named("__Http-a").http_only(false), "reject the `__Http-` prefix without `HttpOnly`"),
        (named("a").same_site(SameSite::None).secure(false), "`SameSite=None` and without `Secure`"),
        (named("a").partitioned(true).secure(false), "`Partitioned` and without `Secure`"),
        (named("a").path("shop"), "does not begin with `/`"),
        (named("a").domain(".example.com"), "begins with a dot"),
        (named("a").domain("example.com:80"), "is not a host name"),
        (named(""), "the cookie has no name"),
    ] {
        for sentence in [
            refused(move |cookies| cookies.set(cookie, "x")).await,
            refused(move |cookies| cookies.remove(cookie)).await,
        ] {
            assert!(sentence.contains(part), "{cookie:?}: {sentence}");
        }
    }
}

// S27
#[tokio::test]
async fn a_cookie_that_browsers_drop_is_refused_before_the_response() {
    let app = app(CookiesLayer::new(), |cookies| {
        cookies.set("theme", "x".repeat(4091))?;
        let error = cookies.set("theme", "x".repeat(4092)).unwrap_err();
        assert!(error.is_too_large() && !error.is_setup());
        assert_eq!(
            error.to_string(),
            "the cookie `theme` would have 4097 bytes, name and value together, and browsers drop cookies of more than \
             4096; store less, or keep the value in the session"
        );
        // The encoded value counts: a space takes three bytes.
        assert!(cookies.set("theme", " ".repeat(1364)).unwrap_err().is_too_large());
        Ok::<_, Error>(())
    });
    let line = ask(&app, &[]).await.set_cookie().unwrap();
    assert_eq!(line.split(';').next().unwrap().len(), 4096 + 1, "the earlier cookie stays");
}

#[tokio::test]
async fn a_lifetime_of_zero_is_refused() {
    let sentence = refused(|cookies| cookies.set(PlainCookie::new("theme").max_age(Duration::ZERO), "x")).await;
    assert_eq!(
        sentence,
        "the cookie `theme` has a `max_age` of zero, which would remove it; give at least a second, or call `remove`"
    );
}

// S28: npm cookie CVE-2024-47764, bottle CVE-2016-9964
#[tokio::test]
async fn no_delimiter_gets_into_a_header() {
    for evil in ["\r\nSet-Cookie: sid=evil", "; Domain=example.com", ",", "\"", "\\", "\0", "\u{7f}", "é", " ", "\t"] {
        for at in ["", "a"] {
            let text: &'static str = format!("{at}{evil}").leak();
            let path: &'static str = format!("/{text}").leak();
            assert!(refused(move |cookies| cookies.set(text, "x")).await.contains("name"), "{text:?}");
            assert!(refused(move |cookies| cookies.remove(text)).await.contains("name"), "{text:?}");
            let cookie = PlainCookie::new("a").path(path);
            assert!(refused(move |cookies| cookies.set(cookie, "x")).await.contains("path"), "{text:?}");
            let cookie = PlainCookie::new("a").domain(text);
            assert!(refused(move |cookies| cookies.set(cookie, "x")).await.contains("domain"), "{text:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    // S28: the result is an error, or a header with exactly these parts.
    #[test]
    fn any_name_path_and_domain_is_refused_or_harmless(
        name in "[ -~]{0,6}|\\PC{0,4}|(?s:.){0,4}",
        path in "/[ -~]{0,6}|(?s:.){0,4}",
        domain in prop::option::of("[ -~]{0,6}|(?s:.){0,4}"),
        value in "(?s:.){0,8}",
    ) {
        let given = (name.clone(), path.clone(), domain.clone());
        let app = app(CookiesLayer::new(), move |cookies| {
            let mut cookie = PlainCookie::new(&name).path(&path);
            if let Some(domain) = &domain {
                cookie = cookie.domain(domain);
            }
            let _ = cookies.set(cookie, &value);
        });
        let lines = wait(ask(&app, &[])).set_cookies();
        if let [line] = &lines[..] {
            let (name, path, domain) = given;
            let domain = domain.map(|domain| format!("; Domain={domain}")).unwrap_or_default();
            let rest = line.strip_prefix(&format!("{name}=")).unwrap();
            let rest = rest.strip_suffix(&format!("; HttpOnly; SameSite=Lax; Secure; Path={path}{domain}")).unwrap();
            prop_assert!(!rest.contains([';', ',', ' ', '"', '\\']), "{line}");
            prop_assert!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line}");
            prop_assert!(!name.contains(['=', ';', ' ']) && !path.contains([';', ' ']) && !domain[domain.len().min(9)..].contains(';'));
        } else {
            prop_assert!(lines.is_empty());
        }
    }
}
