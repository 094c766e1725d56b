//! Who is signed in: the one field whose change makes another session of it.

use std::future::Ready;

use super::{Core, Schema};
use crate::{
    engine::Step,
    error::{Error, Kind},
    fields::{
        Edit, MarkedAtomic, MarkedCounter, MarkedFlash, Never, SetIdentity, Slot, encode, encode_readable, refused,
    },
    schema::Stays,
};

/// Signs in and out.
///
/// ```
/// # use session_runtime::Session;
/// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
/// # fn handler(mut session: Session<Shop>) {
/// session.user_id_mut().log_in(7);
/// # }
/// ```
#[must_use = "a handle does nothing until one of its methods is called"]
pub struct Identity<'a, S: Schema, T: 'static> {
    core: &'a mut Core<S>,
    slot: fn(&mut S::Slots) -> &mut Slot<Option<T>>,
}

/// The handle of the field that says who is signed in.
#[doc(hidden)]
#[inline]
pub fn identity<S: Schema, T>(
    core: &mut Core<S>,
    slot: fn(&mut S::Slots) -> &mut Slot<Option<T>>,
) -> Identity<'_, S, T> {
    Identity { core, slot }
}

impl<S: Schema, T: 'static> Identity<'_, S, T> {
    /// Signs `user` in: the session gets a new id and a new lifetime, and remembers when this was (OWASP ASVS 7.2.4).
    ///
    /// What a guest collected stays, but for fields that are `rotates` or `secret`. If somebody else was signed in, only
    /// `device` fields do, and what this request wrote before belongs to the former visitor.
    ///
    /// A user that could not be read again (see [`guide::values`](crate::guide::values)), or that is encoded as nothing at
    /// all, such as a unit, would read as nobody: then the request is answered 500, and nothing of it is stored.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.user_id_mut().log_in(7);
    /// assert_eq!(session.user_id(), Some(7));
    /// # }
    /// ```
    pub fn log_in(&mut self, user: T) {
        let user = Some(user);
        let field = (self.slot)(&mut self.core.__slots).field;
        let new = encode_readable(&user, field);
        match (self.encoded(), new) {
            (Ok(old), Ok(Some(new))) => {
                let (first, same) = (old.is_none(), old.as_ref() == Some(&new));
                if !same {
                    self.core.forget(if first { Stays::Guest } else { Stays::Device });
                }
                self.core.__state.steps.push(Step::LogIn { user: new.into(), first, same });
            }
            (Ok(_), Ok(None)) => {
                self.core.__state.steps.push(Step::Failed(Error::new(Kind::Encode { field: field.name })))
            }
            (Err(error), _) | (_, Err(error)) => self.core.__state.steps.push(Step::Failed(error)),
        }
        let slot = (self.slot)(&mut self.core.__slots);
        slot.put(user);
        slot.edit = Edit::Signed;
    }

    /// Signs out: the session gets a new id and keeps `device` fields alone; with none of those, it is deleted. For a
    /// guest this does nothing.
    ///
    /// ```
    /// # use session_runtime::Session;
    /// # #[derive(Session)] struct Shop { #[session(identity)] user_id: Option<u64> }
    /// # fn handler(mut session: Session<Shop>) {
    /// session.user_id_mut().log_out();
    /// assert_eq!(session.user_id(), None);
    /// # }
    /// ```
    pub fn log_out(&mut self) {
        let Core { __slots, __state } = &mut *self.core;
        // While the store is down nobody knows; to whom it matters will be told.
        if __state.snapshot.unknown || (self.slot)(__slots).get(__state).is_some() {
            self.core.forget(Stays::Device);
            self.core.__state.steps.push(Step::LogOut);
        }
    }

    /// Who is signed in so far, as stored.
    fn encoded(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Core { __slots, __state } = &mut *self.core;
        let slot = (self.slot)(__slots);
        encode(slot.get(__state), slot.field)
    }
}

refused! {
    <S: Schema, T> Identity<'_, S, T>: SetIdentity {
        set<V>(V); reset(); clear(); insert<V>(V); replace<V>(V) -> Option<T>; take() -> Option<T>;
    }
    <S: Schema, T> Identity<'_, S, T>: MarkedAtomic {
        update<R>(impl FnMut(&mut Option<T>) -> R) -> Ready<Result<R, Error>>;
    }
    <S: Schema, T> Identity<'_, S, T>: MarkedFlash { put<V>(V); }
    <S: Schema, T> Identity<'_, S, T>: MarkedCounter { add<V>(V); sub<V>(V); }
}
