//! B46: if a field's policy does not offer an operation, the compile error says what to use instead. The error points at
//! the method's name, and causes no further errors.

use std::collections::{BTreeMap, HashSet};

use session_runtime::{Error, Session, View, view};

#[derive(Default, serde::Serialize, serde::Deserialize)]
pub struct Cart {
    lines: Vec<String>,
}

#[derive(Session)]
pub struct Shop {
    #[session(identity)]
    pub user_id: Option<u64>,
    #[session(atomic)]
    pub cart: Vec<String>,
    #[session(atomic)]
    pub stock: BTreeMap<String, u64>,
    #[session(atomic)]
    pub seen: HashSet<u64>,
    #[session(atomic)]
    pub coupon: Option<String>,
    #[session(atomic)]
    pub note: String,
    #[session(atomic)]
    pub own: Cart,
    #[session(flash)]
    pub notice: Option<String>,
    #[session(flash)]
    pub notices: Vec<String>,
    #[session(counter)]
    pub visits: u64,
    pub theme: String,
    pub limit: Option<u64>,
    pub points: u64,
}

async fn counter(mut session: Session<Shop>) -> Result<(), Error> {
    session.visits_mut().set(5);
    session.visits_mut().reset();
    let _: u64 = session.visits_mut().update(|visits| *visits + 1).await?;
    session.visits_mut().put(5);
    session.visits_mut().log_in(5);
    Ok(())
}

async fn atomic(mut session: Session<Shop>) {
    session.cart_mut().set(vec![]);
    session.cart_mut().push("tea".into());
    let _: Option<String> = session.cart_mut().pop();
    session.cart_mut().clear();
    session.cart_mut().put("tea".into());
    session.stock_mut().insert("tea".into(), 1);
    session.seen_mut().remove(&1);
    session.coupon_mut().clear();
    session.note_mut().push_str("tea");
    session.cart_mut().sub(1);
    session.cart_mut().log_out();
    session.own_mut().set(Cart::default());
}

async fn flash(mut session: Session<Shop>) -> Option<()> {
    session.notice_mut().set("Saved".into());
    let _: Option<String> = session.notice_mut().replace("Saved".into());
    session.notice_mut().add(1);
    session.notices_mut().push("Saved".into());
    session.notices_mut().clear();
    let _: () = session.notices_mut().update(|notices| notices.clear()).await.ok()?;
    session.notices_mut().log_in(1);
    None
}

async fn identity(mut session: Session<Shop>) {
    session.user_id_mut().put(7);
    session.user_id_mut().add(7);
    let _ = session.user_id_mut().update(|user| *user = None).await;
}

async fn plain(mut session: Session<Shop>) {
    session.theme_mut().log_in("ada".into());
    session.theme_mut().put("dark".into());
    session.theme_mut().update(|theme| theme.clear()).await;
    session.points_mut().add(1);
    session.limit_mut().log_out();
    session.limit_mut().put(1);
    session.limit_mut().update(|limit| *limit = None).await;
    session.limit_mut().sub(1);
}

#[view(Shop)]
pub struct SignedIn {
    user_id: u64,
    theme: String,
}

async fn view(View(mut me): View<SignedIn>) {
    me.theme_mut().set("dark".into());
    me.user_id_mut().log_out();
    me.destroy();
}

fn main() {}
