//! B19, B21: many concurrent requests on one session. No change is lost, on one server or between two.

use serde_json::{Value, json};
use tests::http::{Client, at_once};

use super::{Shop, open};

const TABS: usize = 8;
const EACH: usize = 25;

fn crowd(visitor: &Client, shops: &[&Shop]) {
    at_once(TABS, |tab| {
        let own = format!("own-{tab}");
        let mut visitor = visitor.clone();
        for turn in 0..EACH {
            visitor.visit(shops[(tab + turn) % shops.len()]);
            assert_eq!(visitor.get("/").status, 200);
            visitor.post("/cart", &[("sku", "tea"), ("qty", "3")]).leads_to("/cart");
            if turn % 5 == 0 {
                visitor.post("/cart", &[("sku", &own), ("qty", "1")]).leads_to("/cart");
                visitor.post("/theme", &[("theme", "dark")]).leads_to("/");
            }
        }
    });
}

fn check(session: &Value) {
    let of =
        |sku: &str| session["cart"].as_array().unwrap().iter().find(|line| line["sku"] == sku).unwrap()["qty"].clone();
    assert_eq!(session["visits"], json!(TABS * EACH));
    assert_eq!(of("tea"), json!(3 * TABS * EACH));
    for tab in 0..TABS {
        assert_eq!(of(&format!("own-{tab}")), json!(EACH.div_ceil(5)));
    }
    assert_eq!(session["theme"], "dark");
}

#[test]
fn nothing_is_lost_in_a_crowd() {
    let (_folder, shop, mut visitor) = open();
    visitor.post("/login", &[("user", "ada")]);
    crowd(&visitor, &[&shop]);
    check(&visitor.session());
}

// B36
#[test]
fn nothing_is_lost_between_two_servers() {
    let (folder, shop, mut visitor) = open();
    let other = Shop::open(folder.path());
    visitor.post("/login", &[("user", "ada")]);
    crowd(&visitor, &[&shop, &other]);
    check(&visitor.session());
    check(&visitor.visit(&other).session());
}

#[test]
fn nothing_is_lost_in_memory() {
    let folder = tempfile::TempDir::new().unwrap();
    let shop = Shop::with(folder.path(), &["--store", "memory:"], &[]);
    let mut visitor = Client::of(&shop);
    visitor.post("/login", &[("user", "ada")]);
    crowd(&visitor, &[&shop]);
    check(&visitor.session());
}

// B21: at least one of many concurrent requests gets the notice.
#[test]
fn a_notice_is_taken_and_does_not_come_back() {
    let (_folder, _shop, mut visitor) = open();
    for _ in 0..5 {
        visitor.post("/login", &[("user", "ada")]);
        let taken = at_once(TABS, |_| visitor.clone().session()["notice"].clone());
        assert!(taken.contains(&json!("Welcome, ada.")), "{taken:?}");
        assert_eq!(visitor.session()["notice"], json!(null));
    }
}

// B22, S12: a request in progress during a log-out neither writes nor revives anything.
#[test]
fn a_crowd_cannot_undo_a_log_out() {
    let (_folder, _shop, mut visitor) = open();
    for round in 0..10 {
        visitor.post("/login", &[("user", "ada")]);
        if round == 3 {
            // From now on the theme makes the record outlive the log-out.
            visitor.post("/theme", &[("theme", "dark")]);
        }
        let late = visitor.clone();
        let mut fresh = at_once(TABS, |tab| {
            let mut tab_of_visitor = late.clone();
            if tab == 0 {
                tab_of_visitor.post("/logout", &[]).leads_to("/");
            } else {
                let answer = tab_of_visitor.post("/cart", &[("sku", "tea"), ("qty", "1")]);
                assert!(matches!(answer.status.as_u16(), 303 | 409), "{}", answer.body);
                assert!(answer.set_cookies().is_empty(), "a cookie would replace the one that the log-out set");
            }
            tab_of_visitor
        });
        let now = fresh[0].session();
        assert_eq!((&now["user"], &now["cart"]), (&json!(null), &json!([])));
        assert_eq!(late.clone().session()["user"], json!(null));
        visitor = fresh.swap_remove(0);
    }
}
