//! Invalid durations, each with the caret on the bad term. B18.

use std::time::Duration;

use session_runtime::Session;

const NOT_A_DURATION: u64 = 5;
const LONG: Duration = Duration::from_secs(60 * 60);

#[derive(Session)]
#[session(idle = 30, absolute = 12hours, remember = 1y, touch = 0s)]
struct Shop {
    #[session(expires = 5)]
    a: Option<String>,
    #[session(expires = 1.5h)]
    b: Option<String>,
    #[session(expires = 1h 30)]
    c: Option<String>,
    #[session(expires = 30m 1h)]
    d: Option<String>,
    #[session(expires = -5m)]
    e: Option<String>,
    #[session(expires = 99999999999999999999w)]
    f: Option<String>,
    #[session(expires = "soon")]
    g: Option<String>,
    #[session(expires = 5 m)]
    h: Option<String>,
    #[session(expires = 5fortnights)]
    i: Option<String>,
    #[session(expires = Duration::from_secs(5))]
    j: Option<String>,
    #[session(expires = 100us)]
    k: Option<String>,
    #[session(expires = LONG)]
    fine: Option<String>,
}

#[derive(Session)]
#[session(idle = NOT_A_DURATION)]
struct Admin {
    #[session(expires = MISSING)]
    code: Option<String>,
}

fn main() {}
