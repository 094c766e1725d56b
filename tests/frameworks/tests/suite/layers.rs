//! Tests several layers around one route.

use frameworks::{Application, over_frameworks, table};

use crate::site::{Served, nothing};

over_frameworks! {
    // A second commit would set a second cookie, which would replace the first.
    async fn two_layers_of_the_same_sessions_commit_once(framework) {
        let twice = |layer: session_runtime::SessionLayer<_>| Application {
            sessions: Some(layer.clone()), again: Some(layer), ..nothing()
        };
        let site = Served::serving(framework, |builder| builder, twice);
        let mut visitor = site.visitor();
        assert_eq!(visitor.post("/visit").await.set_cookies().len(), 1);
        assert_eq!(site.server.controls.calls(), (0, 1));
        visitor.post("/visit").await;
        assert_eq!(site.show(&mut visitor).await["visits"], 2);
    }

    async fn one_request_can_use_two_kinds_of_sessions(framework) {
        let both = |layer| Application { sessions: Some(layer), desk: Some(table::desk()), ..nothing() };
        let site = Served::serving(framework, |builder| builder, both);
        let mut visitor = site.visitor();
        let first = visitor.get("/both").await;
        assert_eq!((first.body.as_str(), first.set_cookies().len()), ("1 1", 2));
        assert_eq!(visitor.get("/both").await.body, "2 2");
    }

    // S54
    async fn two_kinds_of_sessions_under_one_cookie_are_refused(framework) {
        let both = |layer| Application { sessions: Some(layer), desk: Some(table::desk_named("__Host-site")), ..nothing() };
        let site = Served::serving(framework, |builder| builder, both);
        let reply = site.visitor().get("/read").await;
        assert_eq!(reply.status, 500);
        assert!(!reply.body.contains("Desk") && !reply.body.contains("kinds"), "{}", reply.body);
    }
}
