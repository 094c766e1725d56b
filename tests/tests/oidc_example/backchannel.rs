//! Logout tokens.

use jsonwebtoken::Algorithm;
use serde_json::{Value, json};
use tests::http::at_once;

use super::{
    Client, Place, json as body,
    provider::{Key, LOGOUT, now},
    shown,
};

#[test]
fn a_logout_ends_the_session_in_every_process_and_its_streams() {
    let place = Place::open();
    let mut laptop = place.signed_in("ada", Some("1"));
    let mut phone = place.signed_in("ada", Some("2"));
    let mut bob = place.signed_in("bob", Some("3"));
    let live = laptop.clone().visit(&place.there).events("/live");
    assert_eq!(live.next().unwrap(), ("user".to_owned(), "ada".to_owned()));

    let answer = place.ends("1");
    assert_eq!((answer.status.as_u16(), answer.header("cache-control"), &*answer.body), (200, "no-store", ""));
    assert_eq!(answer.set_cookies(), [""; 0]);
    live.ends("revoked");
    assert_eq!(shown(laptop.visit(&place.there)), None);
    assert_eq!(shown(phone.visit(&place.there)).as_deref(), Some("ada"));

    // Without a `sid`, all sessions of the user end.
    let mut laptop = place.signed_in("ada", None);
    let mut claims = place.provider.logout("1");
    claims.as_object_mut().unwrap().remove("sid");
    claims["sub"] = "ada".into();
    assert_eq!(place.sends(&place.provider.sign("logout+jwt", &claims)).status, 200);
    assert_eq!((shown(&mut laptop), shown(&mut phone)), (None, None));
    assert_eq!(shown(&mut bob).as_deref(), Some("bob"));
    // A logout of a session that is not here succeeds.
    assert_eq!(place.ends("unknown").status, 200);
}

#[test]
fn the_provider_may_call_from_elsewhere_and_pages_of_other_sites_may_not() {
    let place = Place::open();
    let mut browser = place.signed_in("ada", Some("1"));
    let mut page = Client::of(&place.here).with("Sec-Fetch-Site", "cross-site");
    page.jar.clone_from(&browser.jar);
    let elsewhere = page.post("/log-out", &[]);
    assert_eq!((elsewhere.status.as_u16(), shown(&mut browser).as_deref()), (403, Some("ada")));
    let token = place.provider.sign("logout+jwt", &place.provider.logout("1"));
    let mut provider =
        Client::of(&place.here).with("Sec-Fetch-Site", "cross-site").with("Origin", "https://example.com");
    assert_eq!(provider.post("/backchannel-logout", &[("logout_token", &token)]).status, 200);
    assert_eq!(shown(&mut browser), None);
}

#[test]
fn tokens_of_several_algorithms_and_types_are_accepted() {
    let place = Place::open();
    let key = Key::new(Algorithm::EdDSA);
    let claims = |sid: &str| place.provider.logout(sid);
    let mut tokens = Vec::new();
    for algorithm in [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256] {
        tokens.push(Key::new(algorithm).sign(Some("logout+jwt"), &claims("1")));
    }
    for typ in [None, Some("JWT"), Some("application/logout+jwt"), Some("LOGOUT+JWT")] {
        tokens.push(key.sign(typ, &claims("1")));
    }
    // Other events, and other members of the event, are allowed: Keycloak sends `revoke_offline_access`. The audience may be a
    // list.
    let (mut more, mut listed_audience) = (claims("1"), claims("1"));
    more["events"] = json!({ LOGOUT: { "more": 1 }, "revoke_offline_access": true });
    listed_audience["aud"] = json!(["members"]);
    tokens.extend([key.sign(Some("logout+jwt"), &more), key.sign(Some("logout+jwt"), &listed_audience)]);
    for token in tokens {
        let mut browser = place.signed_in("ada", Some("1"));
        // The ID token is dated five seconds back, so this logout counts as later than the sign-in.
        let answer = place.sends(&token);
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, ""));
        assert_eq!(shown(&mut browser), None);
        // Otherwise the next sign-in would fail: its ID token may be dated before this logout too.
        place.change("DELETE FROM logouts");
    }
}

#[test]
fn a_bad_token_is_refused_in_one_sentence_and_ends_nothing() {
    let place = Place::open();
    let mut browser = place.signed_in("ada", Some("1"));
    let provider = &place.provider;
    let sign = |change: fn(&mut Value)| {
        let mut claims = provider.logout("1");
        change(&mut claims);
        provider.sign("logout+jwt", &claims)
    };
    let good = sign(|_| {});
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let encoded =
        |json: Value| <base64ct::Base64UrlUnpadded as base64ct::Encoding>::encode_string(json.to_string().as_bytes());
    let with_header = |json: Value| format!("{}.{claims}.{signature}", encoded(json));
    let public_key = provider.key.jwk()["x"].as_str().unwrap().to_owned();
    let shared_secret = {
        let secret = <base64ct::Base64UrlUnpadded as base64ct::Encoding>::decode_vec(&public_key).unwrap();
        let mut header = jsonwebtoken::Header::new(Algorithm::HS256);
        header.kid = Some("EdDSA".to_owned());
        jsonwebtoken::encode(&header, &provider.logout("1"), &jsonwebtoken::EncodingKey::from_secret(&secret).unwrap())
            .unwrap()
    };
    let wrong_algorithm = Key::new(Algorithm::PS256).named("RS256").sign(None, &provider.logout("1"));
    let brings_its_key = {
        let (mut header, key) = (jsonwebtoken::Header::new(Algorithm::EdDSA), Key::other("EdDSA", 9));
        header.jwk = Some(serde_json::from_value(key.jwk()).unwrap());
        let token = key.sign(None, &provider.logout("1"));
        let (_, rest) = token.split_once('.').unwrap();
        format!("{}.{rest}", encoded(serde_json::to_value(header).unwrap()))
    };

    let not_signed = "The token is not signed with a key of the provider.";
    let no_token = "The token is not a signed token.";
    let text = "A claim of the token is not a text of 1 to 255 bytes.";
    let lacks = "The token lacks `iss`, `aud` or `exp`.";
    let cases = [
        ("no token", String::new(), no_token),
        ("no token", "a.b.c".to_owned(), no_token),
        ("encrypted", "a.b.c.d.e".to_owned(), no_token),
        ("unsigned", format!("{}.{claims}.", encoded(json!({ "alg": "none" }))), no_token),
        ("without its signature", format!("{signed}."), not_signed),
        ("another signature", format!("{signed}.{}", "A".repeat(86)), not_signed),
        ("other claims", format!("{header}.{}.{signature}", encoded(provider.logout("2"))), not_signed),
        ("another header", with_header(json!({ "alg": "EdDSA", "kid": "EdDSA" })), not_signed),
        ("another algorithm", with_header(json!({ "alg": "ES256", "kid": "EdDSA" })), not_signed),
        ("an algorithm that its key is not for", wrong_algorithm, not_signed),
        ("the public key as a shared secret", shared_secret, not_signed),
        ("another key of the same id", Key::other("EdDSA", 9).sign(None, &provider.logout("1")), not_signed),
        ("another key of another id", Key::other("forged", 9).sign(None, &provider.logout("1")), not_signed),
        ("a key in the token", brings_its_key, not_signed),
        ("an access token", provider.key.sign(Some("at+jwt"), &provider.logout("1")), "The token is of another type."),
        ("a security event", provider.sign("secevent+jwt", &provider.logout("1")), "The token is of another type."),
        ("another issuer", sign(|it| it["iss"] = "https://example.com".into()), "The token is from another issuer."),
        ("several issuers", sign(|it| it["iss"] = json!([it["iss"]])), "The token is from another issuer."),
        ("no issuer", sign(|it| it["iss"] = Value::Null), lacks),
        ("another audience", sign(|it| it["aud"] = "others".into()), "The token is for another audience."),
        ("two audiences", sign(|it| it["aud"] = json!(["members", "others"])), "The token is for another audience."),
        ("no audience", sign(|it| it["aud"] = Value::Null), lacks),
        ("expired", sign(|it| it["exp"] = (now() - 90).into()), "The token has expired."),
        ("no expiry", sign(|it| it["exp"] = Value::Null), lacks),
        ("an expiry that is a text", sign(|it| it["exp"] = "soon".into()), lacks),
        ("too old", sign(|it| it["iat"] = (now() - 400).into()), "The token was issued too long ago."),
        ("of the future", sign(|it| it["iat"] = (now() + 90).into()), "The token was issued in the future."),
        ("no time", sign(|it| it["iat"] = Value::Null), "The token has no `iat`."),
        ("no id", sign(|it| drop(it.as_object_mut().unwrap().remove("jti"))), "The token has no `jti`."),
        ("an id that is a number", sign(|it| it["jti"] = 7.into()), text),
        ("a nonce", sign(|it| it["nonce"] = "n".into()), "The token has a `nonce`, which only an ID token has."),
        (
            "an empty nonce",
            sign(|it| it["nonce"] = Value::Null),
            "The token has a `nonce`, which only an ID token has.",
        ),
        ("no event", sign(|it| it["events"] = json!({})), "The token is not about a logout."),
        ("another event", sign(|it| it["events"] = json!({ "other": {} })), "The token is not about a logout."),
        (
            "an event that is a text",
            sign(|it| it["events"] = json!({ LOGOUT: "" })),
            "The token is not about a logout.",
        ),
        ("events that are a list", sign(|it| it["events"] = json!([LOGOUT])), "The token is not about a logout."),
        (
            "no session and no user",
            sign(|it| drop(it.as_object_mut().unwrap().remove("sid"))),
            "The token has neither a `sid` nor a `sub`.",
        ),
        ("an empty session", sign(|it| it["sid"] = "".into()), text),
        ("a long session", sign(|it| it["sid"] = "x".repeat(256).into()), text),
        ("a user that is a list", sign(|it| it["sub"] = json!(["ada"])), "A claim of the token cannot be read."),
    ];
    for (name, token, sentence) in cases {
        let answer = place.sends(&token);
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (400, "no-store"), "{name}");
        assert_eq!(body(&answer), json!({ "error": "invalid_request", "error_description": sentence }), "{name}");
    }
    let form = |form: &[(&str, &str)]| Client::of(&place.here).post("/backchannel-logout", form);
    for answer in [form(&[]), form(&[("token", &good)]), form(&[("logout_token", &good), ("logout_token", &good)])] {
        assert_eq!(answer.status, 400);
        assert_eq!(body(&answer)["error_description"], "The request is not a form with one `logout_token`.");
    }
    let large = "x".repeat(40_000);
    assert_eq!(form(&[("logout_token", &large)]).status, 400);
    assert_eq!(Client::of(&place.here).get("/backchannel-logout").status, 405);
    assert_eq!(shown(&mut browser).as_deref(), Some("ada"));
    assert_eq!(place.sends(&good).status, 200, "the unchanged token is good");
    assert_eq!(shown(&mut browser), None);
}

#[test]
fn a_token_is_used_once_in_all_processes() {
    let place = Place::open();
    let mut first = place.signed_in("ada", Some("1"));
    let mut claims = place.provider.logout("1");
    claims["iat"] = (now() - 10).into(); // earlier than the second ID token
    let token = place.provider.sign("logout+jwt", &claims);
    // A token that arrives eight times at once ends the session. At least one answer is 200. The others may be 400, because the
    // token was used before.
    let statuses = at_once(8, |n| {
        let mut provider = Client::of(if n % 2 == 0 { &place.here } else { &place.there });
        provider.post("/backchannel-logout", &[("logout_token", &token)]).status.as_u16()
    });
    assert!(statuses.contains(&200) && statuses.iter().all(|status| [200, 400].contains(status)), "{statuses:?}");
    assert_eq!(shown(&mut first), None);

    let mut second = place.signed_in("ada", Some("1")); // the same session of the provider
    for program in [&place.here, &place.there] {
        let answer = Client::of(program).post("/backchannel-logout", &[("logout_token", &token)]);
        assert_eq!(answer.status, 400);
        assert_eq!(body(&answer)["error_description"], "The token was used before.");
    }
    assert_eq!(shown(&mut second).as_deref(), Some("ada"));
    assert_eq!(place.ends("1").status, 200);
    assert_eq!(shown(&mut second), None);
}

#[test]
fn a_logout_that_the_store_could_not_take_is_answered_503_and_can_be_sent_again() {
    let place = Place::open();
    for table in ["logouts", "sessions"] {
        let mut browser = place.signed_in("ada", Some("1"));
        let token = place.provider.sign("logout+jwt", &place.provider.logout("1"));
        let (away, back) = match table {
            "logouts" => ("ALTER TABLE logouts RENAME TO away", "ALTER TABLE away RENAME TO logouts"),
            _ => ("ALTER TABLE sessions RENAME TO away", "ALTER TABLE away RENAME TO sessions"),
        };
        place.change(away);
        let answer = place.sends(&token);
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "5"), "{table}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let sentence = "The token cannot be processed now; please send it again later.";
        assert_eq!(body(&answer), json!({ "error": "temporarily_unavailable", "error_description": sentence }));
        place.change(back);
        // The same token again.
        assert_eq!(place.sends(&token).status, 200, "{table}");
        assert_eq!(shown(&mut browser), None, "{table}");
        place.change("DELETE FROM logouts");
    }
}

#[test]
fn a_new_key_is_fetched_once_and_unknown_keys_are_not_fetched_often() {
    let place = Place::open();
    let fetched = place.provider.fetched();
    let mut browser = place.signed_in("ada", Some("1"));
    let key = Key::other("new", 3);
    place.provider.publish(&key);
    assert_eq!(place.sends(&key.sign(None, &place.provider.logout("1"))).status, 200);
    assert_eq!(shown(&mut browser), None);
    assert_eq!(place.provider.fetched(), fetched + 1);
    for n in 0..20 {
        assert_eq!(place.sends(&Key::other(&n.to_string(), 9).sign(None, &place.provider.logout("1"))).status, 400);
    }
    assert!(
        place.provider.fetched() <= fetched + 2,
        "keys are fetched at most once in ten seconds: only a slow machine fetches them once more"
    );
}

#[test]
fn a_token_with_an_unknown_key_is_answered_503_while_keys_cannot_be_fetched() {
    let place = Place::open();
    place.provider.fail();
    let unknown = Key::other("new", 3).sign(None, &place.provider.logout("1"));
    assert_eq!(place.sends(&unknown).status, 503);
    assert_eq!(place.ends("1").status, 200, "known keys are enough");
}
