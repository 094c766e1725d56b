//! A handle offers all of its value's methods, even those with the names of other policies' operations.

use serde::{Deserialize, Serialize};
use session_runtime::{Session, testing};

/// A type that has methods with the names of all policies' operations.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Busy {
    done: Vec<String>,
}

impl Busy {
    fn log_in(&mut self, user: &str) {
        self.done.push(format!("in {user}"));
    }

    fn log_out(&mut self) {
        self.done.push("out".to_owned());
    }

    fn update(&mut self, change: impl FnOnce(&mut Vec<String>)) {
        change(&mut self.done);
    }

    fn add(&mut self, count: usize) -> usize {
        self.done.push(count.to_string());
        self.done.len()
    }

    fn sub(&self) -> usize {
        self.done.len() - 1
    }

    fn put(&mut self, what: &str) {
        self.done.push(what.to_owned());
    }
}

/// An extension trait for foreign types.
trait Extra {
    fn put(&mut self, number: u8);
    fn log_in(&self) -> bool;
    fn update(&mut self);
}

impl Extra for Vec<u8> {
    fn put(&mut self, number: u8) {
        self.push(number);
    }

    fn log_in(&self) -> bool {
        !self.is_empty()
    }

    fn update(&mut self) {
        self.reverse();
    }
}

impl Extra for Option<u8> {
    fn put(&mut self, number: u8) {
        *self = Some(number);
    }

    fn log_in(&self) -> bool {
        self.is_some()
    }

    fn update(&mut self) {
        *self = self.map(|number| number + 1);
    }
}

#[derive(Session)]
struct Shop {
    busy: Busy,
    bytes: Vec<u8>,
    number: Option<u8>,
    points: u64,
    #[session(atomic)]
    cart: Busy,
    #[session(counter)]
    visits: u64,
}

fn session() -> Session<Shop> {
    let (busy, cart) = (Busy::default(), Busy { done: vec!["tea".to_owned()] });
    testing::session(|it| *it = Shop { busy, bytes: Vec::new(), number: None, points: 1, cart, visits: 3 })
}

// B46: rejecting an operation that a policy lacks does not hide the value's own method.
#[test]
fn a_values_own_methods_are_found_through_its_handle() {
    let mut session = session();
    session.busy_mut().log_in("ada");
    session.busy_mut().log_out();
    session.busy_mut().update(|done| done.push("updated".to_owned()));
    assert_eq!(session.busy_mut().add(7), 4);
    assert_eq!(session.busy_mut().sub(), 3);
    session.busy_mut().put("last");
    assert_eq!(session.busy().done, ["in ada", "out", "updated", "7", "last"]);
    assert_eq!(session.cart_mut().sub(), 0, "the handle of an atomic field offers the value's own `sub`");
    assert_eq!(
        session.visits_mut().checked_sub(4),
        None,
        "the handle of a counter offers the integer's own `checked_sub`"
    );
}

#[test]
fn methods_of_extension_traits_are_found_through_the_handle() {
    use std::ops::Add;

    let mut session = session();
    session.bytes_mut().push(1);
    session.bytes_mut().put(2);
    session.bytes_mut().update();
    assert!(session.bytes_mut().log_in());
    assert_eq!(session.bytes(), [2, 1]);
    session.number_mut().put(4);
    session.number_mut().update();
    assert!(session.number_mut().log_in());
    assert_eq!(session.number(), Some(5));
    assert_eq!(session.number_mut().take(), Some(5));
    assert_eq!(session.points_mut().add(2), 3);
}

// F31: `+=` and `-=` on a counter are its operations `add` and `sub`. They do not assign a value.
#[test]
fn operators_change_a_counter_within_its_bounds() {
    let mut session = session();
    *session.visits_mut() += 4;
    *session.visits_mut() -= 1;
    let mut visits = session.visits_mut();
    *visits += 1;
    assert_eq!(**visits, 7);
    *visits -= 100;
    assert_eq!(session.visits(), 0);
}
