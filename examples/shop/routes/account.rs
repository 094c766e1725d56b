//! Lists a user's devices, and logs them out.

use axum::{Form, extract::State, response::Redirect};
use maud::Markup;
use serde::Deserialize;
use session_runtime::{Session, Sessions, View};

use crate::{
    input::{self, Problem},
    pages,
    session::{MayLogOutDevices, Shop, SignedIn},
};

pub(super) async fn devices(
    State(sessions): State<Sessions<Shop>>,
    View(me): View<SignedIn>,
    mut session: Session<Shop>,
) -> Result<Markup, Problem> {
    let devices = sessions.of(&me.user).list().await?;
    let notice = session.notice_mut().take();
    Ok(pages::account(&session, &me, &devices, notice.as_deref()))
}

#[derive(Deserialize)]
pub(super) struct Device {
    #[serde(default)]
    id: String,
}

pub(super) async fn revoke(
    State(sessions): State<Sessions<Shop>>,
    View(me): View<MayLogOutDevices>,
    mut session: Session<Shop>,
    Form(device): Form<Device>,
) -> Result<Redirect, Problem> {
    // It is false for another user's device too, so that a visitor does not learn whether such a device exists.
    let ended = sessions.of(&me.user).revoke(input::device(&device.id)?).await?;
    session.notice_mut().put(match ended {
        true => "That device is logged out.".to_owned(),
        false => "You are not logged in on that device, or not any more. Nothing was changed.".to_owned(),
    });
    Ok(Redirect::to("/account"))
}

pub(super) async fn revoke_others(
    State(sessions): State<Sessions<Shop>>,
    View(me): View<MayLogOutDevices>,
    mut session: Session<Shop>,
) -> Result<Redirect, Problem> {
    let ended = sessions.of(&me.user).revoke_others(&session).await?;
    session.notice_mut().put(match ended {
        0 => "You are logged in on no other device.".to_owned(),
        1 => "The other device is logged out.".to_owned(),
        ended => format!("{ended} other devices are logged out."),
    });
    Ok(Redirect::to("/account"))
}
