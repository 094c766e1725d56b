#![allow(clippy::unwrap_used)]

use super::*;

fn trusts(trusted: &str, origin: &str) -> bool {
    let trusted = Trusted::parse(trusted).unwrap();
    Address::of_origin(origin).is_some_and(|address| trusted.is(&address))
}

// F3
#[test]
fn a_trusted_origin_is_exactly_one_scheme_host_and_port() {
    for (trusted, origin) in [
        ("https://app.example.com", "https://app.example.com"),
        ("https://APP.example.com:443", "https://app.example.com"),
        ("http://localhost:5173", "http://localhost:5173"),
        ("http://[0:0::1]:80", "http://[::1]"),
        ("http://192.168.1.20:3000", "http://192.168.1.20:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh"),
    ] {
        assert!(trusts(trusted, origin), "{trusted} {origin}");
    }
    for origin in [
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://example.com",
        "https://evil.app.example.com",
        "https://app.example.com.evil.test",
        "https://app.example.com@evil.test",
        "https://app.example.com/",
        "https://app-example.com",
        "null",
        "",
    ] {
        assert!(!trusts("https://app.example.com", origin), "{origin}");
    }
}

// F3
#[test]
fn a_wrong_origin_is_an_error_that_says_what_to_write() {
    for (text, instead) in [
        ("*", "name each origin in full"),
        ("https://*.example.com", "name each origin in full"),
        ("null", "sandboxed"),
        ("app.example.com", "it lacks a scheme; write `https://app.example.com`"),
        ("localhost:5173", "it lacks a scheme; write `https://localhost:5173`"),
        ("", "it lacks a scheme; write `https://app.example.com`"),
        ("https://app.example.com/", "an origin has no path; write `https://app.example.com`"),
        ("https://app.example.com/login?x=1", "an origin has no path; write `https://app.example.com`"),
        ("wss://app.example.com", "write `https://app.example.com`"),
        ("https://a.example.com, https://b.example.com", "pass one origin per call"),
        (" https://a.example.com", "pass one origin per call"),
        ("https://bücher.example", "`xn--…`"),
        ("https://user@app.example.com", "write scheme, host and perhaps a port"),
        ("https://app.example.com:99999", "write scheme, host and perhaps a port"),
        ("https://app.example.com:a", "write scheme, host and perhaps a port"),
        ("https://", "write scheme, host and perhaps a port"),
        ("https://[::1", "write scheme, host and perhaps a port"),
        ("http://192.168.1", "write all four numbers"),
    ] {
        let error = Trusted::parse(text).unwrap_err();
        assert!(error.is_setup() && error.to_string().contains(instead), "{text}: {error}");
    }
}

#[test]
fn a_page_is_at_the_host_that_its_origin_names() {
    for (page, host) in [
        ("https://shop.example.com/cart?x=1", "shop.example.com"),
        ("https://shop.example.com:443", "shop.example.com"),
        ("http://shop.example.com", "SHOP.example.com:80"),
        ("http://[::1]:3000/", "[::1]:3000"),
        ("http://my_app:3000", "my_app:3000"),
    ] {
        assert!(Address::of_page(page).unwrap().is_at(host), "{page} {host}");
    }
    for (page, host) in [
        ("https://shop.example.com", "www.example.com"),
        ("https://shop.example.com", "shop.example.com:8443"),
        ("https://shop.example.com", "shop.example.com@evil.test"),
        ("https://shop.example.com", ""),
        ("file://shop.example.com", "shop.example.com"),
        ("capacitor://localhost", "localhost"),
    ] {
        assert!(!Address::of_page(page).unwrap().is_at(host), "{page} {host}");
    }
    for page in [
        "null",
        "",
        "shop.example.com",
        "https:/shop.example.com",
        "https://shop.example.com\\@evil.test",
        "https:///x",
    ] {
        assert_eq!(Address::of_page(page), None, "{page}");
    }
}
