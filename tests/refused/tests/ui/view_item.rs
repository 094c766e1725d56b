//! Items that are not a struct with named fields, or that borrow, or are generic. Code that uses them adds no errors: B46.

use session_runtime::{Session, View, view};

#[derive(Session)]
pub struct Shop {
    pub name: String,
    pub cart: Vec<String>,
    pub visits: u64,
}

#[view(Shop)]
pub enum Choice {
    This,
    That,
}

#[view(Shop)]
pub union Either {
    visits: u64,
    other: i64,
}

#[view(Shop)]
pub struct Tuple(u64);

#[view(Shop)]
pub struct Unit;

#[view(Shop)]
pub struct Braces {}

#[view(Shop)]
pub struct Generic<T, const N: usize> {
    visits: T,
    cart: [String; N],
}

#[view(Shop)]
pub struct Borrowing<'a> {
    name: &'a str,
    cart: &'a [String],
}

#[view(Shop)]
pub struct Indirect<'a> {
    name: std::borrow::Cow<'a, str>,
}

#[view(Shop)]
pub struct Static {
    name: &'static str,
    visits: u64,
}

#[view(Shop)]
pub struct Constrained
where
    u8: Copy,
{
    visits: u64,
}

#[view(Shop)]
pub struct Double {
    visits: u64,
    visits: u64,
}

#[view(Shop)]
pub async fn account() {}

#[view(Shop)]
#[doc(hidden)]
pub(crate) type Alias = Shop;

async fn forms(_: View<Choice>, _: View<Tuple>, _: View<Unit>, _: View<Braces>, _: View<Constrained>) {}

async fn generic(View(view): View<Generic<u64, 2>>) -> u64 {
    view.visits
}

fn borrowing(session: &Session<Shop>) -> Option<usize> {
    let View(view) = View::<Borrowing<'_>>::of(session)?;
    let View(fixed) = View::<Static>::of(session)?;
    let _: Option<View<Indirect<'_>>> = View::of(session);
    Some(view.name.len() + view.cart.len() + fixed.name.len())
}

fn main() {
    let _ = axum::routing::get::<_, _, ()>(forms);
    let _ = axum::routing::get::<_, _, ()>(async |view| generic(view).await.to_string());
}
