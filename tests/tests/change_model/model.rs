//! What a change means, described a second time.

use std::collections::HashMap;

use session_runtime::{
    Timestamp,
    store::{Applied, Change, Digest, Lifetime, Previous, Record, Renew, Replaced, Sign, Target},
};

use crate::{integer, number};

/// A session, described a second time: maps and plain numbers, one field after the other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Model {
    verifier: Digest,
    previous: Option<Previous>,
    generation: u64,
    created_at: u64,
    seen_at: u64,
    renewed_at: u64,
    authenticated_at: Option<u64>,
    idle_until: u64,
    ends_at: u64,
    remembered: bool,
    user: Option<Vec<u8>>,
    /// Oldest first.
    nonces: Vec<u64>,
    fields: HashMap<String, (Vec<u8>, u64)>,
}

impl Model {
    pub(crate) fn of(record: &Record) -> Self {
        let fields =
            record.fields.iter().map(|entry| (entry.name.into(), (entry.value.into(), entry.expires.as_millis())));
        let model = Self {
            verifier: record.verifier,
            previous: record.previous.clone(),
            generation: record.generation,
            created_at: record.created_at.as_millis(),
            seen_at: record.seen_at.as_millis(),
            renewed_at: record.renewed_at.as_millis(),
            authenticated_at: record.authenticated_at.map(Timestamp::as_millis),
            idle_until: record.idle_until.as_millis(),
            ends_at: record.ends_at.as_millis(),
            remembered: record.remembered,
            user: record.user.as_deref().map(<[u8]>::to_vec),
            nonces: record.nonces.iter().map(|nonce| nonce.0).collect(),
            fields: fields.collect(),
        };
        assert_eq!(model.fields.len(), record.fields.iter().count(), "a field is stored twice");
        model
    }

    pub(crate) fn apply(current: &mut Option<Self>, change: &Change, now: u64) -> Applied {
        let wanted = match change.renew {
            Some(Renew::Privilege { to } | Renew::Timer { to, .. }) => Some(to),
            _ => None,
        };
        if let Some(model) = current
            && model.nonces.contains(&change.nonce.0)
        {
            return Applied::Applied { renewed: wanted == Some(model.verifier) };
        }
        let mut model = match (&change.target, current.clone()) {
            (Target::New { .. }, Some(_)) => return Applied::Conflict,
            (Target::New { verifier, created_at, lifetime }, None) => Self {
                verifier: *verifier,
                previous: None,
                generation: 0,
                created_at: created_at.as_millis(),
                seen_at: created_at.as_millis(),
                renewed_at: created_at.as_millis(),
                authenticated_at: None,
                idle_until: lifetime.idle_until.as_millis(),
                ends_at: lifetime.ends_at.as_millis(),
                remembered: lifetime.remembered,
                user: None,
                nonces: vec![],
                fields: HashMap::new(),
            },
            (Target::Existing { .. }, None) => return Applied::Gone,
            (Target::Existing { generation }, Some(model)) => {
                if now >= model.idle_until || now >= model.ends_at {
                    return Applied::Gone;
                }
                if model.generation != *generation {
                    return Applied::Moved;
                }
                model
            }
        };
        let mut fields = model.fields.clone();
        fields.retain(|_, (_, expires)| now < *expires);
        for expect in &change.expect {
            if fields.get(&*expect.name).map(|(value, _)| value) != expect.value.as_ref() {
                return Applied::Conflict;
            }
        }
        if change.keep.is_some() || change.set.len() + change.unset.len() + change.add.len() > 0 {
            if let Some(keep) = &change.keep {
                fields.retain(|name, _| keep.iter().any(|kept| kept == name));
            }
            for add in &change.add {
                let old = fields.get(&*add.name).and_then(|(value, _)| number(value)).unwrap_or(add.initial);
                let sum = (old + add.amount).min(add.ceiling).max(add.floor);
                fields.insert(add.name.to_string(), (integer(sum), add.expires.as_millis()));
            }
            for name in &change.unset {
                fields.remove(&**name);
            }
            for set in &change.set {
                fields.insert(set.name.to_string(), (set.value.clone(), set.expires.as_millis()));
            }
            model.fields = fields;
        }
        model.seen_at = now.max(model.seen_at);
        model.idle_until = change.touch.map_or(0, Timestamp::as_millis).max(model.idle_until);
        if let Some(Lifetime { idle_until, ends_at, remembered }) = change.restart {
            (model.idle_until, model.ends_at, model.remembered) =
                (idle_until.as_millis(), ends_at.as_millis(), remembered);
        }
        match &change.sign {
            None => {}
            Some(Sign::Out) => (model.user, model.authenticated_at) = (None, None),
            Some(Sign::In { user, at }) => {
                (model.user, model.authenticated_at) = (Some(user.to_vec()), Some(at.as_millis()))
            }
        }
        let at = Timestamp::from_millis(now);
        match change.renew {
            None => {}
            Some(Renew::Privilege { to }) => {
                model.previous = Some(Previous { verifier: model.verifier, replaced: Replaced::ByPrivilege { at } });
                (model.verifier, model.renewed_at) = (to, now);
                model.generation += 1;
            }
            Some(Renew::Timer { from, presented, to }) if from == model.verifier => {
                let replaced = Replaced::ByTimer { presented_at: None };
                model.previous = Some(Previous { verifier: presented, replaced });
                (model.verifier, model.renewed_at) = (to, now);
            }
            Some(Renew::Timer { .. }) => {}
            Some(Renew::Presented { verifier }) => {
                let waiting = Replaced::ByTimer { presented_at: None };
                if let Some(previous) = &mut model.previous
                    && verifier == model.verifier
                    && previous.replaced == waiting
                {
                    previous.replaced = Replaced::ByTimer { presented_at: Some(at) };
                }
            }
        }
        model.nonces.push(change.nonce.0);
        model.nonces = model.nonces.split_off(model.nonces.len().saturating_sub(8));
        let renewed = wanted == Some(model.verifier);
        *current = Some(model);
        Applied::Applied { renewed }
    }
}
