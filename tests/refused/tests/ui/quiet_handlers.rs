//! B46: sessions with mistakes, and code that uses them. Only the mistakes are reported.

use session_runtime::{CookieStore, Error, KeyRing, MemoryStore, Session, SessionLimit, Sessions, View, view};

struct NotSerde;

// A field keeps its accessors even if the value of its attribute cannot be parsed.
#[derive(Session)]
pub struct Expiring {
    #[session(expires = 5)]
    pub code: Option<String>,
    #[session(expires(5m))]
    pub token: Option<String>,
    #[session(expires =)]
    pub pin: Option<String>,
}

// A misspelt policy counts as the policy that was meant.
#[derive(Session)]
#[session(max_per_usr = 3)]
pub struct Misspelt {
    #[session(idenity)]
    pub user_id: Option<u64>,
    #[session(atomc)]
    pub cart: Vec<String>,
    #[session(cuonter)]
    pub visits: u64,
    #[session(flsh)]
    pub notice: Option<String>,
    #[session(flahs)]
    pub notices: Vec<String>,
    #[session(expirs = 5m)]
    pub code: Option<String>,
    #[session(skp)]
    pub scratch: Option<NotSerde>,
    #[session(cpy)]
    pub pair: (u8, u8),
    #[session(defualt = NotSerde)]
    #[session(wiht = module)]
    pub other: NotSerde,
    #[session(encrypted)]
    pub secret: Option<String>,
}

// If the value of `with` or `default` cannot be parsed, nothing is required of the field's type.
#[derive(Session)]
pub struct Unread {
    #[session(with = "not a module", default =)]
    pub theme: NotSerde,
    #[session(counter = true)]
    pub visits: u64,
    #[session(atomic(true))]
    pub cart: Vec<String>,
}

#[derive(Session)]
#[session(bounded)]
pub struct Bounded {
    #[session(max_ln = 64)]
    pub name: String,
    #[session(max_len = "64")]
    pub title: String,
    #[session(max_len)]
    pub text: Option<String>,
}

#[derive(Session)]
#[session(max_per_user = 3)]
pub struct Limited {
    #[session(user)]
    pub user_id: Option<u64>,
}

#[derive(Session)]
pub struct Wrong {
    #[session(identity)]
    pub user_id: u64,
    #[session(counter)]
    pub visits: String,
}

#[derive(Session)]
pub struct User {
    #[session(identity)]
    pub user: Option<NotSerde>,
}

#[derive(Session)]
pub struct Generic<T> {
    #[session(identity)]
    pub user_id: Option<u64>,
    pub value: T,
}

#[view(Wrong, or_redirect = "/login", fresh = 10m)]
pub struct SignedIn {
    user_id: u64,
}

#[view(Misspelt, fresh = 10m)]
pub struct Shown {
    user_id: u64,
    visits: u64,
    notice: String,
}

async fn fields(mut session: Session<Misspelt>, mut other: Session<Expiring>) -> Result<(), Error> {
    session.user_id_mut().log_in(7);
    session.cart_mut().update(|cart| cart.push("tea".into())).await?;
    session.visits_mut().add(1);
    session.notice_mut().put("Saved".into());
    session.notices_mut().put("Saved".into());
    let _: Vec<String> = session.notices_mut().take();
    let _ = session.code_expires_at();
    let _: (u8, u8) = session.pair();
    *session.scratch_mut() = None;
    let _: &NotSerde = session.other();
    other.code_mut().clear();
    let _ = (other.code_expires_at(), other.token_expires_at(), other.pin_expires_at());
    Ok(())
}

async fn more(mut session: Session<Unread>, mut bounded: Session<Bounded>, mut limited: Session<Limited>) -> Result<(), Error> {
    let _: &NotSerde = session.theme();
    session.visits_mut().add(1);
    session.cart_mut().update(|cart| cart.clear()).await?;
    let _: &str = bounded.name();
    bounded.text_mut().clear();
    limited.user_id_mut().log_out();
    Ok(())
}

async fn views(View(me): View<SignedIn>, View(shown): View<Shown>, session: Session<Misspelt>) -> Option<u64> {
    let View(again) = View::<Shown>::of(&session)?;
    Some(me.user_id + shown.visits + again.user_id)
}

async fn sessions(user: Session<User>) -> Result<(), Error> {
    let _: Option<&NotSerde> = user.user();
    let sessions = Sessions::<Misspelt>::builder().store(MemoryStore::new()).keys(KeyRing::generate()).build()?;
    for session in sessions.of(&7).list().await? {
        let _ = (session.visits(), session.created_at());
    }
    let _ = Sessions::<Limited>::builder().store(CookieStore::encrypted()).max_per_user(SessionLimit::Refuse(3));
    let wrong = Sessions::<Wrong>::builder().store(MemoryStore::new()).build()?;
    wrong.of(&7).revoke_all().await?;
    let users = Sessions::<User>::builder().store(MemoryStore::new()).build()?;
    let _ = users.layer();
    let generic = Sessions::<Generic<u8>>::builder().store(MemoryStore::new()).build()?;
    generic.of(&7).revoke_all().await?;
    Ok(())
}

fn main() {
    let _ = axum::Router::<()>::new().route("/", axum::routing::get(async |view, shown, session| {
        let _ = views(view, shown, session).await;
    }));
}
