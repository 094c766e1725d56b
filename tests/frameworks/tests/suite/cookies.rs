//! Tests the application's own cookies.

use frameworks::over_frameworks;

use crate::site::Served;

over_frameworks! {
    async fn a_cookie_is_set_and_read(framework) {
        let site = Served::new(framework);
        let mut visitor = site.visitor();
        let reply = visitor.post("/theme/dark").await;
        assert!(reply.set_cookie().is_some_and(|line| line.starts_with("theme=dark")), "{reply:?}");
        assert_eq!(reply.cache_control(), Some("no-store"));
        let reply = visitor.get("/theme").await;
        assert_eq!((reply.body.as_str(), reply.vary()), ("dark", Some("Cookie")));
    }

    async fn a_failed_request_sets_no_cookies_but_still_removes_them(framework) {
        let site = Served::new(framework);
        let reply = site.visitor().post("/failed-theme").await;
        assert_eq!(reply.status, 500);
        let cookie = reply.set_cookie().unwrap();
        assert!(cookie.starts_with("old=") && cookie.contains("Max-Age=0"), "{cookie}");
    }

    // The handler passes the error on with `?`.
    async fn the_name_of_a_sessions_cookie_is_reserved(framework) {
        let site = Served::new(framework);
        let reply = site.visitor().post("/reserved").await;
        assert_eq!((reply.status.as_u16(), reply.set_cookies().len()), (500, 0));
        assert!(!reply.body.contains("__Host-site"), "{}", reply.body);
    }
}
