//! Attribute lists that cannot be parsed. The rest of a list is still read after a fault.

use session_runtime::Session;

#[derive(Session)]
#[session]
#[session = "shop"]
#[session(idle = 30m absolute = 12h)]
#[session("touch" = 10s, remember(30d), cookie =, persistent = "yes", secure = 0, path)]
struct Shop {
    #[session(counter = true, default, copy)]
    visits: u64,
    #[session(flash device)]
    notice: Option<String>,
    #[session(rename = visitor, alias = ["a", "b"])]
    name: String,
    #[session(with = "not a module", expires)]
    pause: std::time::Duration,
    #[session(expires == 5m)]
    code: Option<String>,
    #[session(counter: true)]
    hits: u64,
}

#[derive(Session)]
#[session(same_site = lux, cookie = shop, domain = 5, crate = 7)]
struct Admin {
    user_name: String,
}

fn main() {}
