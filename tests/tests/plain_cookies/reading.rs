//! Reading the headers that a browser, or any other client, sends.

use session_runtime::CookiesLayer;

use super::{app, ask};

async fn read(headers: &[&[u8]], name: &'static str) -> String {
    let app = app(CookiesLayer::new(), move |cookies| cookies.get(name).unwrap_or_else(|| "(none)".into()));
    ask(&app, headers).await.body
}

#[tokio::test]
async fn a_cookie_is_read_by_its_name() {
    assert_eq!(read(&[b"a=b; theme=dark; c=d"], "theme").await, "dark");
    assert_eq!(read(&[b"a=b; theme=; c=d"], "theme").await, "");
    assert_eq!(read(&[b"a=b; c=d"], "theme").await, "(none)");
    assert_eq!(read(&[], "theme").await, "(none)");
    assert_eq!(read(&[b"theme=dark"], "a=b").await, "(none)");
    assert_eq!(read(&[b"=dark"], "").await, "(none)");
}

// S31: some parsers mistake these names for `__Host-theme`. The list has only names that a header can hold.
#[tokio::test]
async fn no_other_name_is_read() {
    for name in [
        "%5F%5FHost-theme",
        "%5f%5fHost-theme",
        "__Host%2Dtheme",
        "__Host-theme%20",
        "__Host-theme%00",
        "\u{2000}__Host-theme",
        "\u{a0}__Host-theme",
        "\u{85}__Host-theme",
        "__Host-theme\u{3000}",
        "\u{feff}__Host-theme",
        "__host-theme",
        "__HOST-THEME",
        "__Host-Theme",
        "__Host-them",
        "__Host-theme2",
        "x__Host-theme",
        "Host-theme",
        "theme",
        "\"__Host-theme\"",
        "__Host-theme ",
        "__Host-theme\t",
        "=__Host-theme",
        "a=__Host-theme",
        "__Host-theme,",
        ",__Host-theme",
    ] {
        assert_eq!(read(&[format!("{name}=evil; a=b").as_bytes()], "__Host-theme").await, "(none)", "{name:?}");
        let header = format!("a=b;{name}=evil; __Host-theme=good");
        assert_eq!(read(&[header.as_bytes()], "__Host-theme").await, "good", "{name:?}");
    }
}

// S31: other cookies that make some parsers drop the whole header.
#[tokio::test]
async fn malformed_neighbours_do_not_hide_a_cookie() {
    for neighbour in [
        &b"junk=\xff\xfe"[..],
        b"nameless",
        b"=valueless",
        b"%ff=%ff",
        b"a=%zz",
        b"===",
        b"a=\"b",
        b"\"",
        b"\\",
        b"a b c",
        b"\t \t",
        b"theme",
        b"$Path=/",
    ] {
        for header in [
            [neighbour, b"; theme=dark"].concat(),
            [b"theme=dark; ", neighbour].concat(),
            [b"\ttheme=dark \t;", neighbour].concat(),
        ] {
            assert_eq!(read(&[&header], "theme").await, "dark", "{}", header.escape_ascii());
        }
    }
}

// S32
#[tokio::test]
async fn two_different_cookies_of_one_name_read_as_none() {
    for name in ["theme", "__Host-theme"] {
        let (dark, light) = (format!("{name}=dark"), format!("{name}=light"));
        for (one, two) in [(&dark, &light), (&light, &dark)] {
            let joined = format!("{one}; {two}");
            assert_eq!(read(&[joined.as_bytes()], name).await, "(none)");
            assert_eq!(read(&[one.as_bytes(), two.as_bytes()], name).await, "(none)");
        }
    }
    assert_eq!(read(&[b"theme=dark; theme=dark"], "theme").await, "dark");
    assert_eq!(read(&[b"__Host-theme=dark; __Host-theme=dark"], "__Host-theme").await, "(none)");
}

// S33
#[tokio::test]
async fn several_headers_count_as_one() {
    assert_eq!(read(&[b"a=b", b"theme=dark", b"c=d"], "theme").await, "dark");
    assert_eq!(read(&[b"the", b"me=dark"], "theme").await, "(none)");
}

// S34
#[tokio::test]
async fn an_oversized_header_is_not_read_in_part() {
    let long = [&b"theme=dark; a="[..], &vec![b'x'; 64 * 1024]].concat();
    assert_eq!(read(&[&long], "theme").await, "(none)");
    assert_eq!(read(&[b"theme=dark", &b";".repeat(1024)], "theme").await, "(none)");
    assert_eq!(read(&[b"theme=dark", &b";".repeat(1000)], "theme").await, "dark");
}
