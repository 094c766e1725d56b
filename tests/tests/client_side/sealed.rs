//! S39: a cookie that is changed in any place is nobody's. That it never reaches a decoder is shown beside the code.

use session_runtime::Event;
use tests::client::Visitor;

use crate::site::{COOKIE, Server, over_forms};

over_forms! {
    // S39, B6: every character and every length, through the whole stack: one and the same anonymous session, no error
    // page, no removal of the cookie.
    async fn a_damaged_cookie_is_an_anonymous_session(store) {
        let server = Server::new(store);
        let mut visitor = server.signed_in("ada").await;
        visitor.post("/name/ada").await;
        let value = visitor.cookie().unwrap();
        let nobody = server.visitor().get("/show").await;
        server.heard();
        let changed = (0..value.len()).map(|at| {
            let replaced = if value.as_bytes()[at] == b'A' { "B" } else { "A" };
            format!("{}{replaced}{}", &value[..at], &value[at + 1..])
        });
        let cut = (0..value.len()).map(|length| value[..length].to_owned());
        let longer = ["A", "=", "%3D", "."].map(|more| format!("{value}{more}"));
        for forged in changed.chain(cut).chain(longer) {
            let reply = Visitor::with_cookie(&server.app, COOKIE, &forged).get("/show").await;
            assert_eq!((reply.status, &reply.body, reply.set_cookie()), (nobody.status, &nobody.body, None), "{forged}");
            assert_eq!(server.heard(), [Event::Refused], "{forged}");
        }
        // And what such a visitor writes is a session of its own.
        let mut stranger = Visitor::with_cookie(&server.app, COOKIE, &value[1..]);
        assert!(stranger.post("/theme/dark").await.set_cookie().is_some());
        assert_eq!(stranger.get("/show").await.json()["user"].as_str(), None);
    }
}
