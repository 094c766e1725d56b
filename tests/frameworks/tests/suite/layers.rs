//! Tests several layers around one route.

use frameworks::{Application, over_frameworks, table};
use tests::{app::Server, log::Log, store::AnyStore};

use crate::site::{Served, errors, nothing};

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
        let log = Log::of_this_thread();
        let both = |layer| Application { sessions: Some(layer), desk: Some(table::desk_named("__Host-site")), ..nothing() };
        let site = Served::serving(framework, |builder| builder, both);
        for logged in [1, 0] {
            let reply = site.visitor().get("/read").await;
            assert_eq!(reply.status, 500);
            assert!(!reply.body.contains("Desk") && !reply.body.contains("kinds"), "{}", reply.body);
            let errors = errors(&log);
            assert_eq!(errors.len(), logged, "only the first request logs the mistake: {errors:?}");
            assert!(errors.iter().all(|line| line.contains("both use the cookie `__Host-site`")), "{errors:?}");
        }
    }

    // Both layers are around the route, but handlers would only ever get the sessions of the inner one.
    async fn two_layers_of_different_sessions_of_one_struct_are_refused(framework) {
        let log = Log::of_this_thread();
        let other = Server::with(AnyStore::memory(), |builder| builder.cookie("__Host-other"));
        let both = |layer| Application { sessions: Some(layer), again: Some(other.sessions.layer()), ..nothing() };
        let site = Served::serving(framework, |builder| builder, both);
        for logged in [1, 0] {
            let reply = site.visitor().post("/visit").await;
            assert_eq!((reply.status.as_u16(), reply.set_cookie()), (500, None));
            assert!(!reply.body.contains("Site") && !reply.body.contains("layer"), "{}", reply.body);
            let errors = errors(&log);
            assert_eq!(errors.len(), logged, "only the first request logs the mistake: {errors:?}");
            assert!(errors.iter().all(|line| line.contains("two layers of different `Sessions<Site>`")), "{errors:?}");
        }
        assert_eq!((site.server.controls.calls(), other.controls.calls()), ((0, 0), (0, 0)));
    }

    async fn a_session_of_another_kind_without_its_layer_is_answered_with_500(framework) {
        let log = Log::of_this_thread();
        let site = |layer| Application { sessions: Some(layer), ..nothing() };
        let desk = |_: session_runtime::SessionLayer<_>| Application { desk: Some(table::desk()), ..nothing() };
        let only_site = Served::serving(framework, |builder| builder, site);
        let only_desk = Served::serving(framework, |builder| builder, desk);
        for (served, missing) in [(&only_site, "Desk"), (&only_desk, "Site")] {
            let reply = served.visitor().get("/both").await;
            assert_eq!((reply.status.as_u16(), reply.set_cookie()), (500, None), "{missing}");
            assert!(!reply.body.contains(missing) && !reply.body.contains("layer"), "{}", reply.body);
            let (errors, sentence) = (errors(&log), format!("this route has no `{missing}` session: put"));
            assert!(errors.len() == 1 && errors[0].contains(&sentence), "{errors:?}");
            assert_eq!(served.visitor().get("/untouched").await.status, 200);
        }
        assert_eq!(only_site.server.controls.calls(), (0, 0), "the handler did not run");
        assert_eq!(only_site.visitor().get("/read").await.status, 200, "the session that has its layer works");
    }
}
