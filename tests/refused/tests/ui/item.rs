//! Items that are not a struct with named fields, or that borrow, or are generic. Code that uses them adds no errors: B46.

use session_runtime::Session;

#[derive(Session)]
enum Choice {
    This,
    That,
}

#[derive(Session)]
union Either {
    a: u8,
    b: i8,
}

#[derive(Session)]
struct Tuple(u64, String);

#[derive(Session)]
struct Unit;

#[derive(Session)]
struct Braces {}

#[derive(Session)]
struct Generic<T, const N: usize> {
    value: T,
    #[session(counter)]
    visits: u64,
    list: Vec<[u8; N]>,
}

#[derive(Session)]
struct Bounded<T: Copy = u8>
where
    T: Send,
{
    #[session(atomic)]
    value: T,
}

#[derive(Session)]
struct Borrowing<'a> {
    name: &'a str,
    names: Vec<&'a [u8]>,
    #[session(identity)]
    user_id: Option<u64>,
}

#[derive(Session)]
struct Indirect<'a> {
    name: std::borrow::Cow<'a, str>,
}

#[derive(Session)]
struct Local<'a> {
    #[session(skip)]
    scratch: &'a str,
}

#[derive(Session)]
struct Static {
    name: &'static str,
    path: Option<&'static std::path::Path>,
    #[session(skip)]
    fine: &'static str,
}

#[derive(Session)]
struct Constrained
where
    u8: Copy,
{
    visits: u64,
}

fn choice(mut session: Session<Choice>) {
    session.destroy();
}

fn unit(_: Session<Unit>, _: Session<Braces>, _: Session<Tuple>, _: Session<Either>) {}

fn generic(mut session: Session<Generic<String, 3>>) {
    let _: &String = session.value();
    session.visits_mut().add(1);
    let _: &[[u8; 3]] = session.list();
}

fn borrowing(mut session: Session<Borrowing<'static>>, also: Session<Static>, indirect: Session<Indirect<'static>>) {
    let _: &str = session.name();
    session.user_id_mut().log_in(1);
    let _: &str = also.fine();
    let _ = indirect.name();
}

async fn bounded(mut session: Session<Bounded<u8>>, _: Session<Constrained>) {
    let _ = session.value_mut().update(|value| *value += 1).await;
}

fn main() {}
