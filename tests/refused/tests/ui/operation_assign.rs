//! Assignments and mutable borrows through a handle that does not allow them: the compiler reports them in its own words.

use session_runtime::Session;

#[derive(Default, serde::Serialize, serde::Deserialize)]
pub struct Cart {
    lines: Vec<String>,
}

impl Cart {
    fn add(&mut self, line: String) {
        self.lines.push(line);
    }
}

#[derive(Session)]
pub struct Shop {
    #[session(atomic)]
    pub cart: Cart,
    #[session(flash)]
    pub notice: Option<String>,
    #[session(flash)]
    pub notices: Vec<String>,
    #[session(counter)]
    pub visits: u64,
}

fn assign(mut session: Session<Shop>) {
    *session.visits_mut() += 1; // this is `add(1)`
    *session.cart_mut() = Cart::default();
    session.cart_mut().add("tea".into());
    session.cart_mut().lines.push("tea".into());
    *session.notice_mut() = None;
    session.notices_mut().sort();
}

fn read_only(session: Session<Shop>) {
    session.visits_mut().add(1);
}

fn main() {}
