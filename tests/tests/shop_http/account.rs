//! B39, B41, S8, S22: the page that lists a user's devices, and how one device signs out others.

use tempfile::TempDir;
use tests::http::Client;

use super::{Shop, open};

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const IPHONE: &str =
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Version/18.5 Safari/604.1";

/// Returns a browser in which `user` is signed in.
fn signed_in(shop: &Shop, user: &str, agent: &'static str) -> Client {
    let mut client = Client::of(shop).with("User-Agent", agent);
    client.post("/login", &[("user", user)]).leads_to("/");
    client
}

/// Returns the handles in the page's forms, and the page.
fn handles(client: &mut Client) -> (Vec<String>, String) {
    let page = client.get("/account");
    assert_eq!(page.status, 200, "{}", page.body);
    let inputs = page.body.split(r#"<input type="hidden" name="id" value=""#).skip(1);
    (inputs.map(|rest| rest.split_once("\">").unwrap().0.to_owned()).collect(), page.body)
}

/// Whether the client is signed in, tested by a page that only signed-in users see.
fn is_signed_in(client: &mut Client) -> bool {
    client.get("/account").status == 200
}

/// Opens a shop in which Ada is signed in on Firefox and on a phone, and Bob on Firefox.
fn three() -> (TempDir, Shop, [Client; 3]) {
    let (folder, shop, _) = open();
    let clients = [signed_in(&shop, "ada", FIREFOX), signed_in(&shop, "ada", IPHONE), signed_in(&shop, "bob", FIREFOX)];
    (folder, shop, clients)
}

#[test]
fn the_page_lists_this_users_devices_and_marks_this_one() {
    let (_folder, _shop, [mut laptop, mut phone, mut bob]) = three();
    let (of_laptop, page) = handles(&mut laptop);
    let this = page.split("aria-current=\"true\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(this.contains("Firefox on Linux") && this.contains("this device"), "{this}");
    assert!(!this.contains("<form") && !this.contains("<button"), "the current device has no form: {this}");
    assert_eq!(page.matches("this device").count(), 1);
    assert!(page.contains("on 2 devices") && page.contains("Safari on iPhone"), "{page}");
    assert!(page.contains(r#"<form action="/devices/revoke" method="post">"#), "{page}");
    assert!(page.contains(r#"action="/devices/revoke-others""#), "{page}");
    let [handle_of_phone] = &of_laptop[..] else { panic!("{page}") };
    let (of_phone, _) = handles(&mut phone);
    let [handle_of_laptop] = &of_phone[..] else { panic!("{of_phone:?}") };
    assert_ne!(handle_of_phone, handle_of_laptop);
    assert!(!page.contains(handle_of_laptop.as_str()), "no form contains this device's own handle");

    let (of_bob, page) = handles(&mut bob);
    assert!(of_bob.is_empty() && page.contains("on 1 device.") && !page.contains("/devices/revoke"), "{page}");
}

// S2, S8
#[test]
fn the_page_contains_no_part_of_a_cookie() {
    let (_folder, shop, clients) = three();
    let jars: Vec<String> = clients.iter().flat_map(|client| client.jar.values().cloned()).collect();
    assert_eq!(jars.len(), 3);
    for mut client in clients {
        let (handles, page) = handles(&mut client);
        for token in &jars {
            // The token, and every part of it that is long enough to reveal something.
            let parts = token.as_bytes().windows(12).map(|part| std::str::from_utf8(part).unwrap());
            assert!(!parts.into_iter().any(|part| page.contains(part)), "{page}");
        }
        for handle in handles {
            let cookie = format!("__Host-shop={handle}");
            Client::of(&shop).get_with("/account", cookie.as_bytes()).leads_to("/login?next=/account");
        }
    }
}

#[test]
fn one_device_signs_out_another() {
    let (folder, _shop, [mut laptop, mut phone, mut bob]) = three();
    let other_server = Shop::open(folder.path());
    let (handle, _) = handles(&mut laptop);
    laptop.post("/devices/revoke", &[("id", &handle[0])]).leads_to("/account");
    let (none, page) = handles(&mut laptop);
    assert!(none.is_empty() && page.contains("That device is logged out."), "{page}");

    phone.visit(&other_server).get("/account").leads_to("/login?next=/account");
    assert_eq!(phone.session()["user"], serde_json::Value::Null);
    assert!(is_signed_in(&mut bob));

    // A second time, the page says that there is nothing to do.
    laptop.post("/devices/revoke", &[("id", &handle[0])]).leads_to("/account");
    assert!(handles(&mut laptop).1.contains("You are not logged in on that device, or not any more."));
    // The phone can sign in again.
    phone.post("/login", &[("user", "ada"), ("next", "/account")]).leads_to("/account");
    assert_eq!(handles(&mut phone).0.len(), 1);
}

#[test]
fn one_device_signs_out_all_others() {
    let (_folder, shop, [mut laptop, mut phone, mut bob]) = three();
    let mut tablet = signed_in(&shop, "ada", IPHONE);
    laptop.post("/cart", &[("sku", "tea")]);
    laptop.post("/devices/revoke-others", &[]).leads_to("/account");
    let (none, page) = handles(&mut laptop);
    assert!(none.is_empty() && page.contains("2 other devices are logged out."), "{page}");
    assert_eq!(laptop.session()["cart"][0]["sku"], "tea", "this session keeps its data");
    assert_eq!([&mut phone, &mut tablet, &mut bob].map(is_signed_in), [false, false, true]);
    laptop.post("/devices/revoke-others", &[]).leads_to("/account");
    assert!(handles(&mut laptop).1.contains("on no other device"));
}

#[test]
fn a_handle_ends_no_session_of_another_user() {
    let (_folder, _shop, [mut laptop, mut phone, mut bob]) = three();
    for handle in [handles(&mut laptop).0, handles(&mut phone).0].concat() {
        bob.post("/devices/revoke", &[("id", &handle)]).leads_to("/account");
        assert!(handles(&mut bob).1.contains("Nothing was changed."));
    }
    assert_eq!([&mut laptop, &mut phone, &mut bob].map(is_signed_in), [true; 3]);
}

// The test sends the request itself, because the page has no button for it.
#[test]
fn a_device_may_sign_out_itself() {
    let (_folder, _shop, [mut laptop, mut phone, _]) = three();
    let own = handles(&mut phone).0.remove(0);
    laptop.post("/devices/revoke", &[("id", &own)]);
    assert!(!is_signed_in(&mut laptop) && is_signed_in(&mut phone));
}

#[test]
fn a_user_agent_is_shown_as_text() {
    let (_folder, shop, mut ada) = open();
    ada.post("/login", &[("user", "ada")]);
    signed_in(&shop, "ada", "<script>alert(1)</script>");
    let mut nameless = signed_in(&shop, "ada", "");
    let page = ada.get("/account").body;
    assert!(page.contains("&lt;script&gt;alert(1)&lt;") && !page.contains("<script>"), "{page}");
    assert!(page.contains("An unknown browser"), "{page}");
    assert!(nameless.get("/").body.contains("An unknown browser"));
}

// B41: the shop allows five devices.
#[test]
fn a_sixth_device_ends_the_first() {
    let (_folder, shop, mut first) = open();
    first.post("/login", &[("user", "ada")]);
    let mut others: Vec<_> = (0..5).map(|_| signed_in(&shop, "ada", FIREFOX)).collect();
    assert!(!is_signed_in(&mut first));
    assert!(others.iter_mut().all(is_signed_in));
    assert_eq!(handles(&mut others[0]).0.len(), 4);
}
