//! Stored values as text, so that a test can check whether today's build reads the values that an earlier build stored.

use std::sync::Arc;

use crate::{
    clock::{Clock, Timestamp},
    engine::{Snapshot, as_of_today},
    error::Error,
    fields::{State, Visitor},
    id::hex,
    record::{Entry, Fields},
    session::Schema,
};

/// Returns the stored form of a session with these values, for a file that you check in beside the test: a line for each stored
/// field, with its name and its bytes in hexadecimal. Values of `secret` fields are readable in it.
///
/// # Errors
/// If a value cannot be encoded, or could not be read again.
///
/// ```
/// # use session_runtime::{Error, Session, testing};
/// #[derive(Session)]
/// struct Shop {
///     theme: Option<String>,
///     visits: u64,
/// }
///
/// # fn main() -> Result<(), Error> {
/// let recorded = testing::record(Shop { theme: Some("dark".into()), visits: 3 })?;
/// assert_eq!(recorded, "theme a46461726b\nvisits 03\n");
/// # Ok(()) }
/// ```
pub fn record<S: Schema>(value: S) -> Result<String, Error> {
    let (state, mut text, mut failed) = (State::default(), String::new(), None);
    S::visit(
        &mut value.split(),
        &mut Visitor(&mut |meta, slot| match slot.record(&state) {
            Ok(Some(bytes)) => text.push_str(&format!("{} {}\n", meta.name, hex(&bytes))),
            Ok(None) => {}
            Err(error) => failed = Some(error),
        }),
    );
    failed.map_or(Ok(text), Err)
}

/// Returns the values that today's build reads from the output of [`record`] in an earlier build. As in a session, `alias` and
/// `migrate` apply. Such a test finds changes that `lock` cannot see, such as a change within one of the application's own
/// types.
///
/// # Errors
/// [`Error::is_setup`] with the first field that cannot be read, or if the text is not the output of [`record`].
///
/// ```
/// # use session_runtime::{Error, Session, testing};
/// #[derive(Session)]
/// struct Shop {
///     theme: Option<String>,
///     #[session(migrate = spelled("visits"))]
///     visits_2: String,
/// }
///
/// fn spelled(visits: u64) -> String {
///     visits.to_string()
/// }
///
/// # fn main() -> Result<(), Error> {
/// let shop: Shop = testing::replay("theme a46461726b\nvisits 03\n")?;
/// assert_eq!((shop.theme.as_deref(), &*shop.visits_2), (Some("dark"), "3"));
/// assert!(testing::replay::<Shop>("theme 2a").is_err());
/// # Ok(()) }
/// ```
pub fn replay<S: Schema>(recorded: &str) -> Result<S, Error> {
    let mut fields = Fields::default();
    for line in recorded.lines().filter(|line| !line.is_empty()) {
        let entry = line.rsplit_once(' ').and_then(|(name, value)| Some((name, unhex(value)?)));
        let Some((name, value)) = entry else {
            return Err(Error::setup(format!(
                "`{line}` is not a recorded field: pass the output of `testing::record`"
            )));
        };
        fields.push(Entry { name, value: &value, expires: Timestamp::NEVER });
    }
    let fields = as_of_today(&fields, S::SPEC.migrations, Clock::system().now()).unwrap_or(fields);
    let snapshot = Snapshot { overlay: Some(Arc::new(fields)), ..Snapshot::default() };
    let (state, mut slots, mut failed) = (State { snapshot, ..State::default() }, S::Slots::default(), None);
    S::visit(
        &mut slots,
        &mut Visitor(&mut |_, slot| {
            if let (None, Err(error)) = (&failed, slot.replay(&state)) {
                failed = Some(error);
            }
        }),
    );
    failed.map_or_else(|| Ok(S::join(slots, &state)), Err)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<_>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect()
}
