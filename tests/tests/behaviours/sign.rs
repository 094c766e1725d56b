//! B24–B26, S9, S12, S13: signing in and out, renewing, ending.

use http::StatusCode;
use session_runtime::Event;
use tests::{
    app::{Server, minutes},
    over_stores, over_two_stores,
};

use super::counted::{Call, Counted};

over_stores! {
    // B24, S9
    async fn a_renewed_session_has_a_new_id_and_the_same_data(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/name/ada").await;
        let mut old = visitor.clone();
        visitor.post("/renew").await;
        assert_ne!(visitor.cookie(), old.cookie());
        assert_eq!(visitor.get("/read").await.body, "ada");
        assert_eq!(old.get("/read").await.body, "");
    }

    // S9, S13
    async fn a_first_sign_in_renews_the_id_and_keeps_what_the_guest_collected(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/cart/tea").await;
        let planted = visitor.clone();
        visitor.post("/login/ada").await;
        assert_ne!(visitor.cookie(), planted.cookie());
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], seen["cart"][0].as_str()), (&"ada".into(), Some("tea")));
        assert_eq!(seen["authenticated_at"], server.clock.now().as_millis());
        // Fixation: an attacker who planted the guest's id gains nothing.
        let mut attacker = planted;
        assert_eq!(attacker.get("/show").await.json()["user"].as_str(), None);
        server.turn(minutes(2));
        assert_eq!(attacker.get("/show").await.json()["user"].as_str(), None);
    }

    // S13, S20
    async fn log_out_keeps_only_device_fields_under_a_new_id(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/theme/dark").await;
        visitor.post("/cart/tea").await;
        let mut old = visitor.clone();
        visitor.post("/logout").await;
        assert_ne!(visitor.cookie(), old.cookie());
        let seen = visitor.get("/show").await.json();
        assert_eq!((seen["user"].as_str(), seen["cart"].as_array().unwrap().len(), &seen["theme"]), (None, 0, &"Dark".into()));
        assert_eq!(seen["authenticated_at"].as_u64(), None);
        assert_eq!(old.get("/show").await.json()["user"].as_str(), None);
    }

    // S20
    async fn log_out_without_device_fields_removes_the_session_and_the_cookie(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        let mut old = visitor.clone();
        let (loads, swaps) = server.controls.calls();
        let reply = visitor.post("/logout").await;
        assert!(reply.set_cookie().unwrap().contains("Max-Age=0"));
        assert_eq!(server.controls.calls(), (loads + 1, swaps + 1), "the user's list is neither read nor written");
        assert_eq!(old.get("/show").await.json()["is_new"], true);
    }

    // B24: a sign-in stores the session, and then loads and stores the user's list. A request with a cookie loads its session
    // before that.
    async fn a_sign_in_takes_three_store_calls_and_one_more_with_a_cookie(store) {
        let (server, counted) = Counted::server(&store, |builder| builder);
        let (session, list) = ([Call::Swap], [Call::Load, Call::Swap]);
        let without_cookie = [&session[..], &list].concat();
        let with_cookie = [&[Call::Load][..], &session, &list].concat();
        let mut stranger = server.visitor();
        stranger.post("/login/ada").await;
        assert_eq!(counted.calls(), without_cookie, "a stranger");
        let mut guest = server.visitor();
        guest.post("/name/guest").await;
        counted.calls();
        guest.post("/login/ada").await;
        assert_eq!(counted.calls(), with_cookie, "a guest");
        server.turn(minutes(1));
        guest.post("/login/ada").await;
        assert_eq!(counted.calls(), with_cookie, "the same user again");
        guest.post("/login/bob").await;
        assert_eq!(counted.calls(), with_cookie, "another user: the former user's list is neither read nor written");
    }

    // B26
    async fn clear_and_destroy_delete_the_record_and_remove_the_cookie(store) {
        let server = Server::new(store);
        for how in ["/clear", "/destroy"] {
            let mut visitor = server.signed_in("ada").await;
            visitor.post("/theme/dark").await;
            let mut old = visitor.clone();
            let reply = visitor.post(how).await;
            assert!(reply.set_cookie().unwrap().contains("Max-Age=0"), "{how}");
            assert_eq!(old.get("/show").await.json()["is_new"], true, "{how}");
        }
    }

    // B26
    async fn a_record_that_became_empty_stays(store) {
        let server = Server::new(store);
        let mut visitor = server.visitor();
        visitor.post("/notice/hi").await;
        let cookie = visitor.cookie();
        let reply = visitor.get("/notice").await;
        assert_eq!((reply.body.as_str(), reply.set_cookie()), ("hi", None));
        let seen = visitor.get("/show").await.json();
        assert_eq!((seen["is_new"].as_bool(), visitor.cookie()), (Some(false), cookie));
    }
}

over_two_stores! {
    // B24
    async fn a_failed_handler_still_renews_and_ends_but_writes_nothing(store) {
        let server = Server::new(store);
        for how in ["renew", "destroy", "logout", "login", "nothing"] {
            let mut visitor = server.signed_in("ada").await;
            visitor.post("/name/ada").await;
            let mut old = visitor.clone();
            server.heard();
            let reply = visitor.post(&format!("/fail/{how}")).await;
            assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{how}");
            let nothing_left = matches!(how, "destroy" | "logout");
            assert!(nothing_left || server.heard().contains(&Event::DroppedOnFailure), "{how}");
            let (now, before) = (visitor.get("/show").await.json(), old.get("/show").await.json());
            let name_and_user = |seen: &serde_json::Value| (seen["name"].as_str().unwrap().to_owned(), seen["user"].as_str().map(str::to_owned));
            let (kept, gone) = (("ada".to_owned(), Some("ada".to_owned())), (String::new(), None));
            match how {
                "renew" => assert_eq!((name_and_user(&now), name_and_user(&before)), (kept, gone)),
                "destroy" | "logout" => assert_eq!((name_and_user(&now), name_and_user(&before)), (gone.clone(), gone)),
                _ => assert_eq!((name_and_user(&now), name_and_user(&before)), (kept.clone(), kept)),
            }
        }
    }

    // S13
    async fn another_user_finds_only_the_device_fields(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        for path in ["/name/ada", "/cart/tea", "/theme/dark", "/code/1", "/visit", "/notice/hi", "/note/x"] {
            visitor.post(path).await;
        }
        visitor.post("/login/bob").await;
        let seen = visitor.get("/show").await.json();
        assert_eq!((&seen["user"], &seen["theme"]), (&"bob".into(), &"Dark".into()));
        for (field, default) in [("name", "".into()), ("cart", serde_json::json!([])), ("visits", 0.into())] {
            assert_eq!(seen[field], default, "{field}");
        }
        for field in ["code", "notice", "note"] {
            assert_eq!(seen[field].as_str(), None, "{field}");
        }
    }

    // S9
    async fn signing_in_again_renews_the_id_and_keeps_all_fields(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/name/ada").await;
        let old = visitor.cookie();
        visitor.post("/login/ada").await;
        assert_ne!(visitor.cookie(), old);
        assert_eq!(visitor.get("/read").await.body, "ada");
    }
}
