//! Cookies that browsers would reject.

use session_runtime::Session;

#[derive(Session)]
#[session(cookie = "my shop", path = "shop", domain = "https://example.com:8080/")]
struct Characters {
    visits: u64,
}

#[derive(Session)]
#[session(cookie = "", path = "/a;b", domain = ".example.com")]
struct Empty {
    visits: u64,
}

#[derive(Session)]
#[session(cookie = "__Host-sid", secure = false, domain = "example.com", path = "/shop")]
struct Host {
    visits: u64,
}

#[derive(Session)]
#[session(secure = false, domain = "example.com", path = "/shop")]
struct ByDefault {
    visits: u64,
}

#[derive(Session)]
#[session(cookie = "__Secure-sid", secure = false)]
struct Secure {
    visits: u64,
}

#[derive(Session)]
#[session(cookie = "__Http-sid", http_only = false, secure = false, path = "/fine")]
struct Http {
    visits: u64,
}

#[derive(Session)]
#[session(cookie = "__host-http-sid", http_only = false, path = "/shop")]
struct HostHttp {
    visits: u64,
}

#[derive(Session)]
#[session(cookie = "sid", same_site = none, partitioned, secure = false)]
struct Embedded {
    visits: u64,
}

#[derive(Session)]
struct Übersicht {
    visits: u64,
}

fn main() {}
