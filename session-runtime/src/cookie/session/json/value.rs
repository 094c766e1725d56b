//! A JSON value, converted from MessagePack and back. Unlike `serde_json::Value` it keeps the order of keys, so a value
//! round-trips byte for byte and counts as unchanged. It also rejects numbers that are not finite, which JSON would turn into
//! null.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};

/// The deepest nesting of a value. JSON parsers give up a little beyond that.
const DEEPEST: usize = 100;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Json {
    #[default]
    Null,
    Bool(bool),
    Natural(u64),
    Negative(i64),
    Fraction(f64),
    Text(String),
    List(Vec<Json>),
    Table(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn is_null(&self) -> bool {
        *self == Self::Null
    }

    /// Returns whether the nesting is shallow enough for a parser to read the value again.
    pub(super) fn is_shallow(&self) -> bool {
        self.is_within(DEEPEST)
    }

    fn is_within(&self, levels: usize) -> bool {
        match self {
            Self::List(items) => levels > 0 && items.iter().all(|item| item.is_within(levels - 1)),
            Self::Table(pairs) => levels > 0 && pairs.iter().all(|(_, value)| value.is_within(levels - 1)),
            _ => true,
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Natural(number) => serializer.serialize_u64(*number),
            Self::Negative(number) => serializer.serialize_i64(*number),
            Self::Fraction(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Table(pairs) => serializer.collect_map(pairs.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_none<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Natural(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(u64::try_from(number).map_or(Json::Negative(number), Json::Natural))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Json, E> {
        if number.is_finite() { Ok(Json::Fraction(number)) } else { Err(E::custom("a number that is not finite")) }
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key()? {
            let Json::Text(key) = key else { return Err(A::Error::custom("a key that is not text")) };
            pairs.push((key, map.next_value()?));
        }
        Ok(Json::Table(pairs))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::schema::to_bytes;

    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::Bool),
            any::<u64>().prop_map(Json::Natural),
            (i64::MIN..0).prop_map(Json::Negative),
            any::<f64>()
                .prop_filter("JSON has only finite numbers", |number| number.is_finite())
                .prop_map(Json::Fraction),
            any::<String>().prop_map(Json::Text),
        ];
        leaf.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Json::List),
                prop::collection::vec((any::<String>(), inner), 0..8).prop_map(Json::Table),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_round_trips_byte_for_byte(json in json()) {
            let bytes = to_bytes(&json).unwrap();
            let read: Json = rmp_serde::from_slice(&bytes).unwrap();
            let text = serde_json::to_vec(&read).unwrap();
            let again: Json = serde_json::from_slice(&text).unwrap();
            prop_assert_eq!(to_bytes(&again).unwrap(), bytes);
        }
    }

    // Without its feature `float_roundtrip`, serde_json would return the neighbouring number.
    #[test]
    fn a_fraction_round_trips_to_the_last_bit() {
        let text = serde_json::to_string(&Json::Fraction(1.539_244_680_066_035e122)).unwrap();
        assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), Json::Fraction(1.539_244_680_066_035e122));
    }

    #[test]
    fn values_that_json_cannot_hold_are_rejected() {
        for bytes in [
            to_bytes(&f64::NAN).unwrap(),
            to_bytes(&f32::INFINITY).unwrap(),
            to_bytes(&std::collections::BTreeMap::from([(1, 2)])).unwrap(),
            vec![0xc4, 1, 7],
            vec![0x81, 0xc4, 1, b'a', 7],
        ] {
            assert!(rmp_serde::from_slice::<Json>(&bytes).is_err(), "{bytes:x?}");
        }
        let nested = |levels| (0..levels).fold(Json::Null, |inner, _| Json::List(vec![inner]));
        assert!(nested(DEEPEST).is_shallow() && !nested(DEEPEST + 1).is_shallow());
    }
}
