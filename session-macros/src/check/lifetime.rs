//! Compares lifetimes. The value of a `const` is unknown here, so it is not checked.

use crate::{
    attr::{Given, keys::StructKey},
    context::Context,
    duration::Lifetime,
    model::Session,
};

/// The runtime's default for `absolute`, which its `Spec::new` sets.
const ABSOLUTE: (u64, &str) = (12 * 60 * 60 * 1000, "12h");

/// The shortest `rotate_every` that the runtime accepts, in milliseconds.
const SHORTEST_ROTATION: u64 = 60 * 1000;

// idle = 2d, absolute = 12h
pub(super) fn idle(session: &Session, cx: &mut Context) {
    let (Some((idle, text, given)), Some((absolute, limit))) = (known(&session.attrs.idle), absolute(session)) else {
        return;
    };
    if idle > absolute {
        let (whose, way_out) = match session.attrs.absolute {
            Some(_) => ("", "shorten the one or lengthen the other"),
            None => (" by default", "give `absolute` too"),
        };
        cx.error_at(
            given.at_value(),
            format!(
                "`idle` is {text} but the session ends after {limit}{whose} (`absolute`), so this can never take effect; \
                 {way_out}"
            ),
        );
    }
}

// idle = 30s, touch = 1m
pub(super) fn touch(session: &Session, cx: &mut Context) {
    let (Some((touch, text, given)), Some((idle, limit, _))) =
        (known(&session.attrs.touch), known(&session.attrs.idle))
    else {
        return;
    };
    if touch >= idle {
        cx.error_at(
            given.at_value(),
            format!(
                "`touch` is {text} but the session ends after {limit} without a request (`idle`), so even an active visitor \
                 would lose it; make `touch` much shorter"
            ),
        );
    }
}

// absolute = 12h, remember = 1h
pub(super) fn remember(session: &Session, cx: &mut Context) {
    let (Some((remember, text, given)), Some((absolute, limit, _))) =
        (known(&session.attrs.remember), known(&session.attrs.absolute))
    else {
        return;
    };
    if remember < absolute {
        cx.error_at(
            given.at_value(),
            format!(
                "`remember` is {text}, shorter than the {limit} of `absolute`, so remembering would end the session \
                 sooner; lengthen it"
            ),
        );
    }
}

// rotate_every = 30s, or absolute = 12h, rotate_every = 1d
pub(super) fn rotate_every(session: &Session, cx: &mut Context) {
    let Some((every, text, given)) = known(&session.attrs.rotate_every) else { return };
    if every < SHORTEST_ROTATION {
        cx.error_at(
            given.at_value(),
            format!(
                "`rotate_every` is {text}, but an id that was renewed stays good for a minute, for requests under way; \
                 write `1m` or more"
            ),
        );
    }
    if let Some((absolute, limit)) = absolute(session)
        && every >= absolute
    {
        cx.error_at(
            given.at_value(),
            format!(
                "`rotate_every` is {text} but the session ends after {limit} (`absolute`), so its id would never be \
                 renewed; shorten it"
            ),
        );
    }
}

// absolute = 12h, and #[session(expires = 7d)] on a field
pub(super) fn fields(session: &Session, cx: &mut Context) {
    let Some((absolute, limit)) = absolute(session) else { return };
    let (longest, limit, by) = match known(&session.attrs.remember) {
        Some((remember, text, _)) if remember > absolute => (remember, text, "`remember`"),
        None if session.attrs.written.contains(&StructKey::Remember) => return,
        _ if session.attrs.absolute.is_none() => (absolute, limit, "`absolute`, by default"),
        _ => (absolute, limit, "`absolute`"),
    };
    for field in &session.fields {
        if let Some((expires, text, given)) = known(&field.attrs.expires)
            && expires >= longest
        {
            cx.error_at(
                given.at_value(),
                format!(
                    "`{}` is kept for {text} but the session ends after {limit} ({by}), so this can never take effect; \
                     shorten it or leave it out",
                    field.name()
                ),
            );
        }
    }
}

/// Returns the milliseconds, the text as written, and the attribute. `None` if the value is unknown here.
fn known(lifetime: &Option<Given<Lifetime>>) -> Option<(u64, &str, &Given<Lifetime>)> {
    match lifetime {
        Some(given) => match &given.value {
            Lifetime::Written(written) => Some((written.millis, &written.text, given)),
            Lifetime::Named(_) => None,
        },
        None => None,
    }
}

/// Returns the session's absolute lifetime, as given or by default.
fn absolute(session: &Session) -> Option<(u64, &str)> {
    match known(&session.attrs.absolute) {
        Some((millis, text, _)) => Some((millis, text)),
        None if session.attrs.written.contains(&StructKey::Absolute) => None,
        None => Some(ABSOLUTE),
    }
}
