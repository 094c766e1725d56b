//! The example with the provider for demonstration, which it starts itself.

use tests::{http::Client, program::Program};

use super::shown;

#[test]
fn a_sign_out_at_the_demonstration_provider_ends_the_session_here() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::example_with("oidc", &["--folder", folder.path().to_str().unwrap()]);
    let mut browser = Client::of(&program).with("Sec-Fetch-Site", "same-origin");
    let there = browser.get("/login").header("location").to_owned();
    let path = there.find("/authorize").unwrap();
    let (issuer, path) = there.split_at(path);
    let mut provider = browser.clone().at(issuer);
    assert_eq!(provider.get(path).status, 200);
    let back = provider.post(path, &[("user", "ada")]).header("location").to_owned();
    browser.get(back.strip_prefix(program.url()).unwrap()).leads_to("/");
    assert_eq!(shown(&mut browser).as_deref(), Some("ada"));

    let live = browser.events("/live");
    assert_eq!(live.next().unwrap().1, "ada");
    let page = provider.get("/").body;
    let (_, sid) = page.split_once("value=\"").unwrap();
    let answer = provider.post("/sign-out", &[("sid", sid.split('"').next().unwrap())]);
    assert!(answer.body.contains("200 OK"), "{}", answer.body);
    live.ends("revoked");
    assert_eq!(shown(&mut browser), None);
}
