//! B46: one compile reports every fault of a struct, each at its own token. The handlers below add no errors of their own.

use session_runtime::{Error, Session};

struct NotSerde;

#[derive(Session)]
#[session(cookie = "my shop", idle = 30, absolute = 12h, same_site = none, secure = false, colour)]
pub struct Shop {
    #[session(identity, device)]
    pub user_id: u64,
    #[session(atomic, flash)]
    pub cart: Vec<u8>,
    #[session(expires = 7d)]
    pub one_time_code: Option<String>,
    #[session(flash)]
    pub notice: String,
    #[session(counter)]
    pub visits: String,
    #[session(rename = "visits")]
    pub hits: u64,
    pub renew: bool,
    pub theme: NotSerde,
    pub name: &'static str,
    #[session(exipres = 5m)]
    pub coupon: Option<String>,
}

async fn handler(mut session: Session<Shop>) -> Result<(), Error> {
    session.user_id_mut().log_in(7);
    let _: u64 = session.user_id();
    session.cart_mut().update(|cart| cart.push(1)).await?;
    session.one_time_code_mut().set("1234".into());
    let _: Option<std::time::SystemTime> = session.one_time_code_expires_at();
    session.notice_mut().put("Saved".into());
    let _ = session.notice_mut().take();
    session.visits_mut().add(1);
    let _: u64 = session.hits();
    *session.theme_mut() = NotSerde;
    let _: &str = session.name();
    session.coupon_mut().clear();
    session.destroy();
    Ok(())
}

impl ShopFields {
    fn leave(&mut self) {
        self.user_id_mut().log_out();
    }
}

fn main() {}
