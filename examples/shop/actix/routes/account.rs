//! Lists a user's devices, and logs them out.

use actix_web::web::{self, Redirect};
use maud::Markup;
use session_runtime::{Session, Sessions, View};

use super::see;
use crate::{
    input::{self, Device, Problem},
    pages,
    session::{MayLogOutDevices, Shop, SignedIn},
};

pub(super) async fn devices(
    sessions: web::Data<Sessions<Shop>>,
    View(me): View<SignedIn>,
    mut session: Session<Shop>,
) -> Result<Markup, Problem> {
    let devices = sessions.of(&me.user).list().await?;
    let notice = session.notice_mut().take();
    Ok(pages::account(&session, &me, &devices, notice.as_deref()))
}

pub(super) async fn revoke(
    sessions: web::Data<Sessions<Shop>>,
    View(me): View<MayLogOutDevices>,
    mut session: Session<Shop>,
    web::Form(device): web::Form<Device>,
) -> Result<Redirect, Problem> {
    // `revoke` also returns false for another user's device, so that a visitor does not learn whether such a device exists.
    let ended = sessions.of(&me.user).revoke(input::device(&device.id)?).await?;
    session.notice_mut().put(pages::logged_out(ended).to_owned());
    Ok(see("/account"))
}

pub(super) async fn revoke_others(
    sessions: web::Data<Sessions<Shop>>,
    View(me): View<MayLogOutDevices>,
    mut session: Session<Shop>,
) -> Result<Redirect, Problem> {
    let ended = sessions.of(&me.user).revoke_others(&session).await?;
    session.notice_mut().put(pages::others_logged_out(ended));
    Ok(see("/account"))
}
