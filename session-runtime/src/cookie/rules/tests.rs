#![allow(clippy::unwrap_used)]

use super::*;
use crate::cookie::spec::CookieSpec;

const HOST: CookieSpec = CookieSpec::new("__Host-shop");
const PLAIN: CookieSpec = CookieSpec::new("sid");

fn sentence(attributes: impl Into<Attributes>) -> Option<String> {
    let attributes = attributes.into();
    attributes.flaw().map(|flaw| attributes.explain(flaw))
}

// S25: the rules by which Chromium rejects cookies.
#[test]
fn a_name_prefix_requires_its_attributes() {
    let rejected = |spec: CookieSpec, expected: &str| {
        let name = spec.name;
        assert_eq!(
            sentence(spec).unwrap(),
            format!("the cookie is named `{name}`: browsers reject the {expected} or the prefix")
        );
    };
    rejected(CookieSpec { secure: false, ..HOST }, "`__Host-` prefix without `Secure`; drop `secure = false`");
    rejected(CookieSpec { path: "/shop", ..HOST }, "`__Host-` prefix with a path other than `/`; drop the path");
    rejected(CookieSpec { domain: Some("example.com"), ..HOST }, "`__Host-` prefix with a domain; drop the domain");
    let secure = CookieSpec::new("__Secure-sid");
    rejected(CookieSpec { secure: false, ..secure }, "`__Secure-` prefix without `Secure`; drop `secure = false`");
    let http = CookieSpec::new("__Http-sid");
    rejected(CookieSpec { secure: false, ..http }, "`__Http-` prefix without `Secure`; drop `secure = false`");
    rejected(CookieSpec { http_only: false, ..http }, "`__Http-` prefix without `HttpOnly`; drop `http_only = false`");
    let both = CookieSpec::new("__Host-Http-sid");
    rejected(CookieSpec { secure: false, ..both }, "`__Host-Http-` prefix without `Secure`; drop `secure = false`");
    rejected(
        CookieSpec { http_only: false, ..both },
        "`__Host-Http-` prefix without `HttpOnly`; drop `http_only = false`",
    );
    rejected(CookieSpec { path: "/a", ..both }, "`__Host-Http-` prefix with a path other than `/`; drop the path");
    rejected(CookieSpec { domain: Some("a"), ..both }, "`__Host-Http-` prefix with a domain; drop the domain");
    // Browsers ignore the case of prefixes.
    rejected(
        CookieSpec { secure: false, ..CookieSpec::new("__hOST-x") },
        "`__Host-` prefix without `Secure`; drop `secure = false`",
    );
    rejected(
        CookieSpec { secure: false, ..CookieSpec::new("__SECURE-") },
        "`__Secure-` prefix without `Secure`; drop `secure = false`",
    );

    for fine in [
        HOST,
        both,
        http,
        CookieSpec { http_only: false, ..HOST },
        CookieSpec { path: "/a", domain: Some("example.com"), http_only: false, ..secure },
        CookieSpec { path: "/a", domain: Some("example.com"), ..http },
        // These are not prefixes: a prefix has both underscores and the hyphen.
        CookieSpec { secure: false, path: "/a", ..CookieSpec::new("_Host-sid") },
        CookieSpec { secure: false, path: "/a", ..CookieSpec::new("__Host") },
        CookieSpec { secure: false, path: "/a", ..CookieSpec::new("x__Host-sid") },
    ] {
        assert_eq!(sentence(fine), None, "{fine:?}");
    }
}

// S25, S52
#[test]
fn same_site_none_and_partitioned_require_secure() {
    let plain = CookieSpec { secure: false, ..PLAIN };
    assert_eq!(sentence(plain), None);
    assert_eq!(
        sentence(CookieSpec { same_site: SameSite::None, ..plain }).unwrap(),
        "browsers reject a cookie with `SameSite=None` and without `Secure`; drop `secure = false` or `same_site`"
    );
    assert_eq!(
        sentence(CookieSpec { partitioned: true, ..plain }).unwrap(),
        "browsers reject a cookie with `Partitioned` and without `Secure`; drop `secure = false` or `partitioned`"
    );
    assert_eq!(sentence(CookieSpec { same_site: SameSite::None, partitioned: true, ..HOST }), None);
}

// S28
#[test]
fn a_name_is_a_token() {
    assert_eq!(sentence(CookieSpec::new("")).unwrap(), "the cookie has no name; write one such as `__Host-shop`");
    assert_eq!(
        sentence(CookieSpec::new("my sid")).unwrap(),
        "the cookie's name `my sid` has a character that no cookie's name may have; use letters, digits, `-` and `_`"
    );
    for byte in 0..=0x7f_u8 {
        let name = format!("a{}b", char::from(byte));
        let fine = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert_eq!(sentence(Attributes { name: name.clone().into(), ..PLAIN.into() }).is_none(), fine, "{name:?}");
    }
    assert!(sentence(CookieSpec::new("sïd")).is_some());
    let injected = sentence(CookieSpec::new("a\r\nSet-Cookie: b")).unwrap();
    assert!(injected.contains(r"`a\r\nSet-Cookie: b`"), "{injected}");
    let long = sentence(Attributes { name: "n".repeat(5000).into(), ..PLAIN.into() }).unwrap();
    assert!(long.contains("more than the 4096 bytes that browsers keep") && long.len() < 300, "{long}");
}

// S27, S28
#[test]
fn a_path_is_printable_ascii_and_begins_with_a_slash() {
    for path in ["/", "/shop", "/a/b-c_d~e.f", "/%20", "/a=b&c"] {
        assert_eq!(sentence(CookieSpec { path, ..PLAIN }), None, "{path}");
    }
    for path in ["", "shop", "./", "*"] {
        assert_eq!(
            sentence(CookieSpec { path, ..PLAIN }).unwrap(),
            format!("the cookie's path `{path}` does not begin with `/`; write `/` or `/shop`")
        );
    }
    for path in ["/a;b", "/a,b", "/a\"", "/a\\b", "/a b", "/\r\n", "/\0", "/é", "/\u{7f}", "/\t"] {
        assert!(
            sentence(CookieSpec { path, ..PLAIN }).unwrap().contains("has a character that a cookie's path may not")
        );
    }
    let path =
        |length: usize| sentence(Attributes { path: format!("/{}", "a".repeat(length - 1)).into(), ..PLAIN.into() });
    assert_eq!(path(1024), None);
    assert!(path(1025).unwrap().contains("more than the 1024 bytes"));
}

// S27, S28
#[test]
fn a_domain_is_a_host_name() {
    for domain in ["example.com", "localhost", "a-b.example", "127.0.0.1", "xn--bcher-kva.example"] {
        assert_eq!(sentence(CookieSpec { domain: Some(domain), ..PLAIN }), None, "{domain}");
    }
    assert_eq!(
        sentence(CookieSpec { domain: Some(".example.com"), ..PLAIN }).unwrap(),
        "the cookie's domain `.example.com` begins with a dot, which browsers ignore; drop it"
    );
    for domain in [
        "",
        ".",
        "a..b",
        "a.",
        "example.com:80",
        "http://example.com",
        "a;b",
        "a,b",
        "a b",
        "a\r\nb",
        "bücher.example",
        "[::1]",
        "*.a",
        "a_b",
    ] {
        assert!(
            sentence(CookieSpec { domain: Some(domain), ..PLAIN }).unwrap().contains("is not a host name"),
            "{domain:?}"
        );
    }
    let domain = |length| sentence(Attributes { domain: Some("a".repeat(length).into()), ..PLAIN.into() });
    assert_eq!(domain(1024), None);
    assert!(domain(1025).unwrap().contains("more than the 1024 bytes"));
}

// The checks also work in a `const`.
const _: () = {
    assert!(name_flaw("__Host-shop").is_none() && path_flaw("/").is_none() && domain_flaw("a.b").is_none());
    assert!(prefix_flaw(prefix("__Host-shop"), "/", false, false, true).is_some());
    assert!(security_flaw(false, SameSite::None, false).is_some());
};
