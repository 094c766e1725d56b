//! Hidden methods that a handle does not offer: methods of another policy, and methods that would bypass the field's own policy.
//! They exist only so that the compiler can explain the mistake. Each has a bound on a trait that nothing implements, and the
//! trait's message is the explanation.
//!
//! A hidden method takes precedence over the methods of the value behind the handle. [`Plain`] and [`Maybe`] allow changes
//! through that value, so their bound is on the `impl`: the compiler then tries the value's methods first, and names the trait
//! only if the value has no such method. The other handles allow only reads of the value, so their bound is on the method: the
//! compiler then always shows the explanation. `add`, `sub` and `put` on [`Atomic`] are exceptions: their bound is on the
//! `impl`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    future::Ready,
};

use super::{Atomic, Counter, Flash, FlashList, Maybe, Plain};
use crate::{error::Error, session::Schema};

/// Provides the body of every hidden method. Nothing implements this trait, so no hidden method can be called.
#[doc(hidden)]
pub trait Never {
    fn never<R>(&self) -> R;
}

macro_rules! refusals {
    ($($name:ident: $message:literal, $label:literal, $note:literal;)*) => {$(
        #[doc(hidden)]
        #[diagnostic::on_unimplemented(message = $message, label = $label, note = $note)]
        pub trait $name: Never {}
    )*};
}

refusals! {
    // Methods of another policy. Each trait is named after the policy that the field would need.
    MarkedIdentity:
        "only an `identity` has `log_in` and `log_out`",
        "this field is not the `identity`",
        "put `#[session(identity)]` on the field that says who is signed in; that field must be an `Option`";
    MarkedAtomic:
        "only an `atomic` field has `update`",
        "this field is not `atomic`",
        "mark the field with `#[session(atomic)]`, or use what its own policy offers";
    MarkedCounter:
        "only a `counter` has `add` and `sub`",
        "this field is not a `counter`",
        "mark the field with `#[session(counter)]`, or use what its own policy offers";
    MarkedFlash:
        "only a `flash` has `put` and `take`",
        "this field is not a `flash`",
        "mark the field with `#[session(flash)]`, or use what its own policy offers";
    // Methods that would bypass the field's own policy.
    SetCounter:
        "a `counter` cannot be set",
        "would undo what other requests count",
        "write `.add(1)` or `.sub(1)`; to set the number at will, drop `counter`";
    SetAtomic:
        "an `atomic` field is changed by `update` alone",
        "would undo what other requests change",
        "write `.update(|value| …).await?`; the closure gets the value to change, and runs again if another request was faster";
    SetFlash:
        "a `flash` is changed by `put` and `take` alone",
        "could show a message twice, or lose one",
        "write `.put(value)` to add a message, and `.take()` to show it; for a value that stays, drop `flash`";
    // Every change of the user must renew the session's id (SECURITY S9).
    SetIdentity:
        "only `log_in` and `log_out` change who is signed in",
        "would keep the session's id",
        "write `.log_in(user)` or `.log_out()`: they renew the id, so that the old one is useless";
    // Names in other libraries.
    NamedRenew:
        "a session gets a new id by `renew`",
        "write `.renew()`",
        "`log_in` and `log_out` renew the id by themselves, and so does a change of a `rotates` field";
    NamedDestroy:
        "a session ends by `destroy`",
        "write `.destroy()`",
        "to sign the user out, write `.log_out()` on the handle of the `identity`";
}

/// Turns `<generics> type: trait { name(arguments) -> result; … }` into hidden methods. Names are matched as `tt`, since only a
/// `tt` keeps its span: errors then point at the list below, not into this macro.
macro_rules! refused {
    ($(<$($generic:ident $(: $bound:path)?),*> $type:ty: $refusal:tt {
        $($name:tt $(<$($own:ident),*>)? ($($argument:ty),*) $(-> $result:ty)?;)*
    })*) => {$(
        #[doc(hidden)]
        impl<$($generic $(: $bound)?),*> $type {$(
            pub fn $name $(<$($own),*>)? (&mut self $(, _: $argument)*) $(-> $result)?
            where
                Self: $refusal,
            {
                self.never()
            }
        )*}
    )*};
}
pub(crate) use refused;

refused! {
    <T> Counter<'_, T>: SetCounter { set<V>(V); reset(); clear(); replace<V>(V) -> T; }
    <T> Counter<'_, T>: MarkedAtomic { update<R>(impl FnMut(&mut T) -> R) -> Ready<Result<R, Error>>; }
    <T> Counter<'_, T>: MarkedFlash { put<V>(V); take() -> Option<T>; }
    <T> Counter<'_, T>: MarkedIdentity { log_in<V>(V); log_out(); }

    <T> Flash<'_, T>: SetFlash {
        set<V>(V); reset(); clear(); insert<V>(V); replace<V>(V) -> Option<T>;
        get_or_insert_with(impl FnOnce() -> T) -> &mut T;
    }
    <T> Flash<'_, T>: MarkedAtomic { update<R>(impl FnMut(&mut Option<T>) -> R) -> Ready<Result<R, Error>>; }
    <T> Flash<'_, T>: MarkedCounter { add<V>(V); sub<V>(V); }
    <T> Flash<'_, T>: MarkedIdentity { log_in<V>(V); log_out(); }

    <T> FlashList<'_, T>: SetFlash {
        set<V>(V); reset(); clear(); push<V>(V); extend<V>(V); insert<V>(usize, V); remove(usize) -> T;
        pop() -> Option<T>; retain(impl FnMut(&T) -> bool);
    }
    <T> FlashList<'_, T>: MarkedAtomic { update<R>(impl FnMut(&mut Vec<T>) -> R) -> Ready<Result<R, Error>>; }
    <T> FlashList<'_, T>: MarkedCounter { add<V>(V); sub<V>(V); }
    <T> FlashList<'_, T>: MarkedIdentity { log_in<V>(V); log_out(); }

    <Sch: Schema, T> Atomic<'_, Sch, T>: SetAtomic { set<V>(V); reset(); }
    <Sch: Schema, T> Atomic<'_, Sch, T>: MarkedIdentity { log_in<V>(V); log_out(); }
    // The types below have methods of these names that take `&mut self`. Without the hidden methods, the compiler would choose
    // the types' own methods, and report only that the value cannot be borrowed as mutable.
    <Sch: Schema, T> Atomic<'_, Sch, Option<T>>: SetAtomic {
        clear(); take() -> Option<T>; insert<V>(V); replace<V>(V) -> Option<T>;
        get_or_insert_with(impl FnOnce() -> T) -> &mut T; as_mut() -> Option<&mut T>;
    }
    <Sch: Schema, T> Atomic<'_, Sch, Vec<T>>: SetAtomic {
        push<V>(V); pop() -> Option<T>; insert<V>(usize, V); remove(usize) -> T; swap_remove(usize) -> T; clear();
        truncate(usize); retain(impl FnMut(&T) -> bool); extend<V>(V); append(&mut Vec<T>); sort(); dedup();
        iter_mut() -> std::slice::IterMut<'_, T>; last_mut() -> Option<&mut T>;
    }
    <Sch: Schema, T> Atomic<'_, Sch, VecDeque<T>>: SetAtomic {
        push_back<V>(V); push_front<V>(V); pop_back() -> Option<T>; pop_front() -> Option<T>; clear(); truncate(usize);
        retain(impl FnMut(&T) -> bool); extend<V>(V);
    }
    <Sch: Schema, K, V, S> Atomic<'_, Sch, HashMap<K, V, S>>: SetAtomic {
        insert<A, B>(A, B) -> Option<V>; remove<Q>(&Q) -> Option<V>; get_mut<Q>(&Q) -> Option<&mut V>; clear();
        retain(impl FnMut(&K, &mut V) -> bool); extend<I>(I);
    }
    <Sch: Schema, K, V> Atomic<'_, Sch, BTreeMap<K, V>>: SetAtomic {
        insert<A, B>(A, B) -> Option<V>; remove<Q>(&Q) -> Option<V>; get_mut<Q>(&Q) -> Option<&mut V>; clear();
        retain(impl FnMut(&K, &mut V) -> bool); extend<I>(I);
    }
    <Sch: Schema, T, S> Atomic<'_, Sch, HashSet<T, S>>: SetAtomic {
        insert<V>(V) -> bool; remove<Q>(&Q) -> bool; clear(); retain(impl FnMut(&T) -> bool); extend<I>(I);
    }
    <Sch: Schema, T> Atomic<'_, Sch, BTreeSet<T>>: SetAtomic {
        insert<V>(V) -> bool; remove<Q>(&Q) -> bool; clear(); retain(impl FnMut(&T) -> bool); extend<I>(I);
    }
    <Sch: Schema> Atomic<'_, Sch, String>: SetAtomic { push<V>(V); push_str<V>(V); clear(); truncate(usize); pop() -> Option<char>; }
}

/// Turns `type: trait { name … }` into hidden methods that the compiler skips if the value has a method of that name.
macro_rules! passed_over {
    ($(<$($generic:ident $(: $bound:path)?),*> $type:ty: $refusal:ident { $($name:ident)* })*) => {$(
        #[doc(hidden)]
        impl<$($generic $(: $bound)?),*> $type
        where
            Self: $refusal,
        {
            $(pub fn $name(&mut self) {})*
        }
    )*};
}

passed_over! {
    <T> Plain<'_, T>: MarkedIdentity { log_in log_out }
    <T> Plain<'_, T>: MarkedAtomic { update }
    <T> Plain<'_, T>: MarkedCounter { add sub }
    <T> Plain<'_, T>: MarkedFlash { put take }
    <T> Maybe<'_, T>: MarkedIdentity { log_in log_out }
    <T> Maybe<'_, T>: MarkedAtomic { update }
    <T> Maybe<'_, T>: MarkedCounter { add sub }
    <T> Maybe<'_, T>: MarkedFlash { put }
    <Sch: Schema, T> Atomic<'_, Sch, T>: MarkedCounter { add sub }
    <Sch: Schema, T> Atomic<'_, Sch, T>: MarkedFlash { put }
}
