//! B15, B43, S17, S18: the page that requires a recent sign-in, and the one-time code.
//!
//! The shop uses the real clock. If a sign-in must have happened minutes ago, the test makes it in the shop's folder, with
//! sessions of its own whose clock is behind.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use axum::{Router, routing::post};
use session_runtime::{Clock, FileStore, KeyRing, Session, Sessions};
use tempfile::TempDir;
use tests::{
    client::Visitor,
    http::{Client, at_once},
};

use super::{Shop, open};

/// The part of the shop's session struct that these tests need. It can open the shop's sessions, because it has the same
/// application name and the same struct name.
mod known {
    #[derive(session_runtime::Session)]
    #[session(app = "examples")]
    pub(super) struct Shop {
        #[session(identity)]
        pub(super) user: Option<String>,
        #[session(expires = 5m, secret)]
        pub(super) code: Option<String>,
        #[session(atomic)]
        pub(super) tries: u8,
    }
}

const CODE: &str = "123456";

/// Signs Ada in and makes a code for her, as if both had happened this long ago.
fn signed_in(shop: &Shop, folder: &Path, ago: Duration) -> Client {
    let cookie = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let sessions = Sessions::<known::Shop>::builder()
            .store(FileStore::open(folder.join(".sessions/shop")).await.unwrap())
            .keys(KeyRing::open(folder.join(".sessions/keys")).unwrap())
            .clock(Clock::stopped_at((SystemTime::now() - ago).into()))
            .build()
            .unwrap();
        let sign_in = async |mut session: Session<known::Shop>| {
            session.user_mut().log_in("ada".to_owned());
            session.code_mut().set(CODE.to_owned());
            session.tries_mut().update(|tries| *tries = 5).await
        };
        let mut visitor = Visitor::new(&Router::new().route("/", post(sign_in)).layer(sessions.layer()));
        assert_eq!(visitor.post("/").await.status, 200);
        visitor.cookie().unwrap()
    });
    let mut client = Client::of(shop);
    client.jar.insert("__Host-shop".to_owned(), cookie);
    client
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Returns a visitor who has just signed in, and the visitor's code.
fn with_code() -> (TempDir, Shop, Client, String) {
    let (folder, shop, mut ada) = open();
    ada.post("/login", &[("user", "ada")]);
    ada.post("/account/code", &[]).leads_to("/account/code");
    let code = shown(&mut ada).unwrap();
    (folder, shop, ada, code)
}

/// Returns the code on the page, if there is one.
fn shown(client: &mut Client) -> Option<String> {
    let page = client.get("/account/code");
    assert_eq!(page.status, 200, "{}", page.header("location"));
    Some(page.body.split_once(r#"id="code">"#)?.1.split_once('<')?.0.to_owned())
}

/// Types a code. Returns the page that this leads to, and its message.
fn typed(client: &mut Client, code: &str) -> (String, String) {
    let answer = client.post("/account/code/check", &[("code", code)]);
    assert_eq!(answer.status, 303, "{}", answer.body);
    (answer.header("location").to_owned(), client.session()["notice"].as_str().unwrap().to_owned())
}

/// Returns a code that differs from this one in every digit.
fn wrong(code: &str) -> String {
    code.chars().map(|digit| if digit == '1' { '2' } else { '1' }).collect()
}

#[test]
fn a_page_for_fresh_sign_ins_asks_others_to_sign_in_again() {
    let (folder, shop, mut guest) = open();
    guest.get("/account/code").leads_to("/login?next=/account/code");

    let mut ada = signed_in(&shop, folder.path(), minutes(2));
    let account = ada.get("/account");
    assert_eq!(account.status, 200, "other pages still treat her as signed in");
    assert!(account.body.contains("Logged in 2 minutes ago"), "{}", account.body);
    ada.get("/account/code").leads_to("/login?next=/account/code");
    ada.post("/account/code", &[]).leads_to("/login?next=/account/code");
    let form = ada.get("/login?next=/account/code").body;
    assert!(form.contains("Please sign in again to go on.") && form.contains(r#"value="ada""#), "{form}");
    ada.post("/login", &[("user", "ada"), ("next", "/account/code")]).leads_to("/account/code");
    assert_eq!(ada.get("/account/code").status, 200);
    ada.post("/account/code", &[]).leads_to("/account/code");
}

#[test]
fn a_sign_in_is_fresh_for_a_minute() {
    let (folder, shop, _) = open();
    // Leaves thirty seconds for a busy machine.
    assert_eq!(signed_in(&shop, folder.path(), Duration::from_secs(30)).get("/account/code").status, 200);
    assert_eq!(signed_in(&shop, folder.path(), Duration::from_secs(60)).get("/account/code").status, 303);
}

#[test]
fn a_code_can_be_used_once() {
    let (_folder, _shop, mut ada, code) = with_code();
    assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
    let page = ada.get("/account/code").body;
    assert!(page.contains("Good for 5 minutes, for one use."), "{page}");
    assert_eq!(shown(&mut ada).unwrap(), code, "reading the page makes no other code");

    let (leads_to, said) = typed(&mut ada, &format!(" {code} "));
    assert_eq!((leads_to.as_str(), said.as_str()), ("/account", "That was the code. It is used up now."));
    assert_eq!(shown(&mut ada), None);
    let (leads_to, said) = typed(&mut ada, &code);
    assert!(leads_to == "/account/code" && said.contains("it was used"), "{said}");
}

#[test]
fn a_wrong_code_may_be_typed_a_few_times() {
    let (_folder, _shop, mut ada, code) = with_code();
    let no = wrong(&code);
    for guess in ["", "12345", &format!("{code}0"), no.as_str()] {
        let (leads_to, said) = typed(&mut ada, guess);
        assert!(leads_to == "/account/code" && said.starts_with("That is not the code."), "{guess}: {said}");
        assert_eq!(shown(&mut ada).as_ref(), Some(&code));
    }
    assert!(ada.get("/account/code").body.contains("It may be tried 1 time."));
    assert!(typed(&mut ada, &no).1.contains("it was the last try"));
    assert!(typed(&mut ada, &code).1.starts_with("There is no code"), "the right code is not accepted any more");

    ada.post("/account/code", &[]);
    let another = shown(&mut ada).unwrap();
    assert!(typed(&mut ada, &another).1.starts_with("That was the code."));
}

// Of many concurrent requests with the right code, one succeeds. Concurrent guesses count like guesses one after another.
#[test]
fn a_crowd_uses_a_code_once() {
    let (_folder, _shop, mut ada, code) = with_code();
    let accepted = |client: &Client, guess: &str| {
        let answer = client.clone().post("/account/code/check", &[("code", guess)]);
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.header("location") == "/account"
    };
    let passed = at_once(8, |_| accepted(&ada, &code));
    assert_eq!(passed.iter().filter(|passed| **passed).count(), 1);

    ada.post("/account/code", &[]);
    let another = shown(&mut ada).unwrap();
    at_once(8, |_| accepted(&ada, &wrong(&another)));
    assert!(!accepted(&ada, &another), "the code is gone after five wrong guesses");
}

#[test]
fn a_code_ends_after_five_minutes() {
    let (folder, shop, _) = open();
    let path = folder.path();
    for (age, good) in [(4, true), (5, false), (6, false)] {
        let mut ada = signed_in(&shop, path, minutes(age));
        let (_, said) = typed(&mut ada, CODE);
        let expected = if good { "That was the code." } else { "There is no code now" };
        assert!(said.starts_with(expected), "after {age} minutes: {said}");
    }
    let mut ada = signed_in(&shop, path, minutes(4));
    ada.post("/login", &[("user", "ada")]);
    assert!(ada.get("/account/code").body.contains("Good for 1 minute,"));
}

// S13: a code that was made for one user is not valid for another.
#[test]
fn a_code_does_not_outlive_its_users_session() {
    let (_folder, _shop, mut ada, code) = with_code();
    ada.post("/login", &[("user", "bob")]);
    assert_eq!(shown(&mut ada), None);
    assert!(typed(&mut ada, &code).1.starts_with("There is no code"));
}
