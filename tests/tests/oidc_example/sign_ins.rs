//! Sign-ins, and logouts that come during them.

use serde_json::{Value, json};
use tests::http::at_once;

use super::{
    Client, Place, begin, finish,
    provider::{CLIENT, now},
    shown,
};

#[test]
fn a_sign_in_needs_its_own_state_and_a_good_id_token() {
    let place = Place::open();
    let provider = &place.provider;
    let claims = |nonce: &str| {
        json!({
            "iss": provider.issuer, "aud": CLIENT, "sub": "ada", "sid": "1", "nonce": nonce, "iat": now(), "exp": now() + 300,
        })
    };
    let code = |nonce: &str, change: fn(&mut Value)| {
        let mut claims = claims(nonce);
        change(&mut claims);
        provider.code_for(provider.sign("JWT", &claims))
    };
    let refused: [fn(&mut Value); 7] = [
        |it| it["nonce"] = "another".into(),
        |it| it["nonce"] = Value::Null,
        |it| it["aud"] = "others".into(),
        |it| it["iss"] = "https://example.com".into(),
        |it| it["exp"] = (now() - 90).into(),
        |it| it["sub"] = Value::Null,
        |it| it["sid"] = json!([1]),
    ];
    for change in refused {
        let mut browser = place.browser();
        let (state, nonce) = begin(&mut browser);
        let answer = finish(&mut browser, &code(&nonce, change), &state);
        assert_eq!((answer.status.as_u16(), shown(&mut browser)), (403, None));
    }

    let mut browser = place.browser();
    let (state, nonce) = begin(&mut browser);
    let logout_token = provider.code_for(provider.sign("logout+jwt", &claims(&nonce)));
    assert_eq!(finish(&mut browser, &logout_token, &state).status, 403);
    let (state, _) = begin(&mut browser);
    assert_eq!(finish(&mut browser, "unknown", &state).status, 403, "the provider does not know the code");
    let (_, nonce) = begin(&mut browser);
    assert_eq!(finish(&mut browser, &code(&nonce, |_| {}), "another").status, 403);
    // Another browser has not begun this sign-in.
    let (state, nonce) = begin(&mut browser);
    assert_eq!(finish(&mut place.browser(), &code(&nonce, |_| {}), &state).status, 403);
    finish(&mut browser, &code(&nonce, |_| {}), &state).leads_to("/");
    assert_eq!(finish(&mut browser, &code(&nonce, |_| {}), &state).status, 403, "a sign-in can be finished only once");
}

#[test]
fn a_logout_during_a_sign_in_makes_it_fail() {
    let place = Place::open();
    for by_user in [false, true] {
        let mut browser = place.browser();
        let (state, nonce) = begin(&mut browser);
        let code = place.provider.code("ada", Some("1"), &nonce);
        let mut logout = place.provider.logout("1");
        if by_user {
            (logout["sub"], logout["sid"]) = ("ada".into(), Value::Null);
            logout.as_object_mut().unwrap().remove("sid");
        }
        assert_eq!(place.sends(&place.provider.sign("logout+jwt", &logout)).status, 200);
        let answer = finish(&mut browser, &code, &state);
        assert_eq!(answer.status, 403);
        assert!(answer.body.contains("Please sign in again"), "{}", answer.body);
        assert_eq!(shown(&mut browser), None);

        // A later sign-in succeeds, because its ID token is issued after the logout.
        let (state, nonce) = begin(&mut browser);
        let mut claims = json!({ "sub": "ada", "sid": "1", "nonce": nonce, "exp": now() + 300 });
        (claims["iss"], claims["aud"], claims["iat"]) =
            (place.provider.issuer.clone().into(), CLIENT.into(), (now() + 30).into());
        finish(&mut browser, &place.provider.code_for(place.provider.sign("JWT", &claims)), &state).leads_to("/");
        assert_eq!(shown(&mut browser).as_deref(), Some("ada"));
        place.change("DELETE FROM logouts");
    }
}

#[test]
fn a_logout_at_the_same_time_as_a_sign_in_leaves_no_session() {
    let place = Place::open();
    for round in 0..30 {
        let sid = format!("round {round}");
        let mut browser = place.browser();
        let (state, nonce) = begin(&mut browser);
        let code = place.provider.code("ada", Some(&sid), &nonce);
        let token = place.provider.sign("logout+jwt", &place.provider.logout(&sid));
        let browsers = at_once(2, |n| {
            if n == 0 {
                let mut browser = browser.clone();
                assert!([303, 403].contains(&finish(&mut browser, &code, &state).status.as_u16()));
                return Some(browser);
            }
            let answer = Client::of(&place.there).post("/backchannel-logout", &[("logout_token", &token)]);
            assert_eq!(answer.status, 200);
            None
        });
        let mut browser = browsers.into_iter().flatten().next().unwrap();
        assert_eq!(shown(&mut browser), None, "{sid}");
    }
}

#[test]
fn a_sign_in_that_cannot_look_for_logouts_leaves_no_session() {
    let place = Place::open();
    let mut browser = place.browser();
    let (state, nonce) = begin(&mut browser);
    let code = place.provider.code("ada", Some("1"), &nonce);
    place.change("ALTER TABLE logouts RENAME TO away");
    assert_eq!(finish(&mut browser, &code, &state).status, 503);
    assert_eq!(shown(&mut browser), None);
}
