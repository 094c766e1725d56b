//! Shared Signals.

use serde_json::{Value, json};

use super::{
    Place, json as body,
    provider::{Key, REVOKED, now},
    shown,
};

/// Pushes a Security Event Token with this content type.
fn push(place: &Place, kind: &str, token: &str) -> tests::http::Answer {
    super::Client::of(&place.here).send("/security-events", kind, token)
}

fn pushed(place: &Place, claims: &Value) -> u16 {
    push(place, "application/secevent+jwt", &place.provider.sign("secevent+jwt", claims)).status.as_u16()
}

#[test]
fn each_form_of_subject_ends_its_sessions() {
    let place = Place::open();
    let issuer = &place.provider.issuer;
    let session = |sid: &str| json!({ "format": "opaque", "id": sid });
    let user = |user: &str| json!({ "format": "iss_sub", "iss": issuer, "sub": user });
    let complex = |session: Value, user: Value| {
        let device = json!({ "format": "opaque", "id": "laptop" });
        json!({ "format": "complex", "session": session, "user": user, "device": device })
    };
    let only_user = json!({ "format": "complex", "user": user("ada"), "tenant": { "format": "opaque", "id": "7" } });
    // Which of ada's sessions 1 and 2 are left.
    let cases = [
        (session("1"), (false, true)),
        (user("ada"), (false, false)),
        (user("eve"), (true, true)),
        (complex(session("1"), user("ada")), (false, true)),
        (complex(session("1"), user("eve")), (true, true)),
        (only_user, (false, false)),
        (json!({ "format": "iss_sub", "iss": "https://example.com", "sub": "ada" }), (true, true)),
        (json!({ "format": "email", "email": "ada@example.com" }), (true, true)),
    ];
    for (subject, left) in cases {
        let (mut first, mut second) = (place.signed_in("ada", Some("1")), place.signed_in("ada", Some("2")));
        assert_eq!(pushed(&place, &place.provider.revoked(subject.clone())), 202, "{subject}");
        let is_left = (shown(&mut first).is_some(), shown(&mut second).is_some());
        assert_eq!(is_left, left, "{subject}");
        for sid in ["1", "2"] {
            place.ends(sid);
        }
        place.change("DELETE FROM logouts");
    }
}

#[test]
fn an_event_that_comes_again_ends_no_later_session() {
    let place = Place::open();
    let mut event = place.provider.revoked(json!({ "format": "opaque", "id": "1" }));
    event["events"][REVOKED]["event_timestamp"] = (now() - 100).into();
    let mut browser = place.signed_in("ada", Some("1"));
    assert_eq!(pushed(&place, &event), 202);
    // The application no longer knows that the event was delivered, so only the event's time can save the session.
    place.change("DELETE FROM logouts");
    assert_eq!(pushed(&place, &event), 202);
    assert_eq!(shown(&mut browser).as_deref(), Some("ada"), "the user signed in after the event");

    let event = place.provider.revoked(json!({ "format": "opaque", "id": "1" }));
    assert_eq!((pushed(&place, &event), shown(&mut browser)), (202, None));
    assert_eq!(pushed(&place, &event), 202, "an event that was delivered before is accepted again");
}

#[test]
fn a_bad_event_is_refused_as_rfc_8935_says() {
    let place = Place::open();
    let mut browser = place.signed_in("ada", Some("1"));
    let good = place.provider.revoked(json!({ "format": "opaque", "id": "1" }));
    let sign = |change: fn(&mut Value)| {
        let mut claims = good.clone();
        change(&mut claims);
        place.provider.sign("secevent+jwt", &claims)
    };
    let cases = [
        ("no token", "x".to_owned(), "invalid_request"),
        ("another type", place.provider.sign("JWT", &good), "invalid_request"),
        ("a logout token", place.provider.sign("logout+jwt", &place.provider.logout("1")), "invalid_request"),
        ("no type", place.provider.key.sign(None, &good), "invalid_request"),
        ("another key", Key::other("EdDSA", 9).sign(Some("secevent+jwt"), &good), "invalid_key"),
        ("another issuer", sign(|it| it["iss"] = "https://example.com".into()), "invalid_issuer"),
        ("another audience", sign(|it| it["aud"] = json!(["others"])), "invalid_audience"),
        ("an expiry", sign(|it| it["exp"] = (now() + 100).into()), "invalid_request"),
        ("no id", sign(|it| drop(it.as_object_mut().unwrap().remove("jti"))), "invalid_request"),
        ("no subject", sign(|it| drop(it.as_object_mut().unwrap().remove("sub_id"))), "invalid_request"),
        ("a subject without its id", sign(|it| it["sub_id"] = json!({ "format": "opaque" })), "invalid_request"),
    ];
    for (name, token, code) in cases {
        let answer = push(&place, "application/secevent+jwt", &token);
        assert_eq!((answer.status.as_u16(), answer.header("content-language")), (400, "en"), "{name}");
        let answer = body(&answer);
        assert_eq!(answer["err"], code, "{name}: {answer}");
        assert!(answer["description"].as_str().unwrap().ends_with('.'), "{answer}");
    }
    let token = place.provider.sign("secevent+jwt", &good);
    assert_eq!(push(&place, "application/json", &token).status, 400);
    // Another event is accepted, and ends nothing.
    let mut verification = place.provider.revoked(json!({ "format": "opaque", "id": "stream" }));
    verification["events"] =
        json!({ "https://schemas.openid.net/secevent/ssf/event-type/verification": { "state": "x" } });
    assert_eq!(pushed(&place, &verification), 202);
    assert_eq!(shown(&mut browser).as_deref(), Some("ada"));

    place.change("ALTER TABLE sessions RENAME TO away");
    assert_eq!(push(&place, "application/secevent+jwt", &token).status, 503);
    place.change("ALTER TABLE away RENAME TO sessions");
    let several = sign(|it| it["aud"] = json!(["members", "members of the other shop"]));
    assert_eq!(push(&place, "application/secevent+jwt", &several).status, 202);
    assert_eq!(shown(&mut browser), None, "the same event, in another token, ends the session once the store is back");
}
