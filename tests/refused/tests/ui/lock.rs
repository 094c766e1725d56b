//! Compares a session struct with what live sessions store: a change that would lose data does not compile.

use serde::{Deserialize, Serialize};
use session_runtime::Session;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Line;

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Date;

mod day {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub fn serialize<S: Serializer>(_: &super::Date, serializer: S) -> Result<S::Ok, S::Error> {
        1.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<super::Date, D::Error> {
        u8::deserialize(deserializer).map(|_| super::Date)
    }
}

mod changed {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", app = "shop", version = 2)]
    struct Shop {
        #[session(identity)]
        user_id: Option<String>,
        #[session(with = day)]
        at: Date,
        cart: Vec<Line>,
        #[session(secret)]
        code: String,
        #[session(counter)]
        hits: u32,
        token: String,
        #[session(alias = "language")]
        locale: Vec<String>,
    }

    // The use of the session adds no errors.
    fn handler(mut session: Session<Shop>) {
        session.hits_mut().add(1);
        let _ = (session.cart(), session.locale());
    }
}

mod with_more {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", app = "shop", version = 2)]
    struct Shop {
        basket: Vec<Line>,
        hits: u64,
        theme: Option<u8>,
    }
}

mod with_less {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", app = "shop")]
    struct Shop {
        hits: u64,
    }
}

mod named_anew {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", app = "shop", version = 2)]
    struct Store {
        hits: u64,
    }
}

mod in_another_cookie {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", app = "shop", version = 2, cookie = "shop")]
    struct Shop {
        hits: u64,
    }
}

mod of_another_kind {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", app = "shop", version = 3, kind = "Till")]
    struct Shop {
        hits: u64,
    }
}

// The application is named after the package, which is not `shop`.
mod in_another_package {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", version = 2)]
    struct Shop {
        hits: u64,
    }
}

mod in_another_application {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", app = "store", version = 2)]
    struct Shop {
        hits: u64,
    }
}

mod raised {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/shop.lock", app = "shop", version = 3)]
    struct Shop {
        hits: String,
    }
}

mod without {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/none.lock", app = "shop")]
    struct Shop {
        hits: u64,
    }
}

mod torn {
    use super::*;

    #[derive(Session)]
    #[session(lock = "locks/torn.lock", app = "shop", version = 2)]
    struct Shop {
        hits: u64,
    }
}

#[derive(Session)]
#[session(version = 2)]
struct Loose {
    hits: u64,
}

#[derive(Session)]
#[session(lock, version = 0)]
struct Blank {
    hits: u64,
}

fn main() {}
