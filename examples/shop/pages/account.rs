//! Lists a user's devices, each with a button that logs it out, except the current one.

use maud::{Markup, html};
use session_runtime::{ListedSession, Session};

use super::{icon, notice_of, page, words};
use crate::session::{Shop, SignedIn};

pub(crate) fn account(
    session: &Session<Shop>,
    me: &SignedIn,
    devices: &[ListedSession<Shop>],
    notice: Option<&str>,
) -> Markup {
    let others = devices.iter().any(|device| !device.is_current(session));
    let content = html! {
        (notice_of(notice))
        h1 { "Your devices" }
        p .soft {
            (me.user) ", you are logged in on " (words::many(devices.len() as u64, "device")) ". A sixth device logs out "
            "the first."
        }
        ul #devices .devices {
            @for device in devices { (row(device, device.is_current(session))) }
        }
        @if others {
            form .others action="/devices/revoke-others" method="post" {
                button #revoke-others { "Log out all other devices" }
            }
        }
        section .session {
            h2 { "A one-time code" }
            p { "It is valid for five minutes. Its page opens within a minute of your log-in; after that, you have to log in again." }
            a #to-code .button href="/account/code" { "Go to the code" }
        }
    };
    page("Your devices · The session shop", Some((session, "account")), &content)
}

/// The form contains the device's handle. Only the device's user can end a session by its handle, and a handle cannot be turned
/// into a cookie.
fn row(device: &ListedSession<Shop>, is_this: bool) -> Markup {
    let since = device.signed_in_at().unwrap_or_else(|| device.created_at());
    html! {
        li .device aria-current=[is_this.then_some("true")] {
            (icon("screen"))
            div {
                h2 { (device.browser()) @if is_this { " " span .policy { "this device" } } }
                p {
                    "Logged in " (words::ago(since)) ", last seen " (words::ago(device.last_seen())) ". Unused, it is logged out in "
                    (words::left(device.expires_at())) "."
                }
            }
            @if !is_this {
                form action="/devices/revoke" method="post" {
                    input type="hidden" name="id" value=(device.handle());
                    button .quiet { "Log out" }
                }
            }
        }
    }
}

/// Returns the message that says whether a device was logged out.
pub(crate) fn logged_out(ended: bool) -> &'static str {
    match ended {
        true => "That device is logged out.",
        false => "You are not logged in on that device, or not any more. Nothing was changed.",
    }
}

/// Returns the message after this many other devices were logged out.
pub(crate) fn others_logged_out(ended: u64) -> String {
    match ended {
        0 => "You are logged in on no other device.".to_owned(),
        1 => "The other device is logged out.".to_owned(),
        ended => format!("{ended} other devices are logged out."),
    }
}
