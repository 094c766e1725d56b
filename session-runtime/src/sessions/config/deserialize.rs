//! Reads [`Config`] from a settings file, in any self-describing format. A scalar is turned into the text that an environment
//! variable would hold. So both sources have one grammar, and one message for each mistake.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use zeroize::Zeroizing;

use super::{Config, names, site::Site};
use crate::{error::Error, words::Quoted};

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Config", Self::OPTIONS, Settings)
    }
}

struct Settings;

impl<'de> Visitor<'de> for Settings {
    type Value = Config;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of session options, such as `idle = \"30m\"`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Config, A::Error> {
        let (mut config, mut seen) = (Config::default(), Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            let Some(&option) = Config::OPTIONS.iter().find(|option| **option == key) else {
                let written = |option: &str| format!("`{option}`");
                let instead = names::instead(&key, written).unwrap_or_else(|| names::all(written));
                return Err(A::Error::custom(format!("{} is not a session option; {instead}", Quoted(&key))));
            };
            if seen.contains(&option) {
                return Err(A::Error::custom(format!("`{option}`: it is given twice; keep one")));
            }
            seen.push(option);
            let value: Given = map.next_value()?;
            value.put(&mut config, option).map_err(A::Error::custom)?;
        }
        Ok(config)
    }
}

/// The value of a key.
enum Given {
    Nothing,
    Text(Zeroizing<String>),
    List(Vec<Zeroizing<String>>),
    Table,
}

impl Given {
    fn put(self, config: &mut Config, option: &str) -> Result<(), Error> {
        let site = Site::Key(option);
        match self {
            Self::Nothing => Ok(()),
            Self::Text(text) => config.set(option, &text, site),
            Self::List(keys) if option == "keys" => {
                // Allocated once: if the text grew, each reallocation would leave a copy of the keys in memory.
                let length = keys.iter().map(|key| key.len() + 1).sum();
                let mut text = Zeroizing::new(String::with_capacity(length));
                for key in &keys {
                    text.push_str(key);
                    text.push('\n');
                }
                config.set(option, &text, site)
            }
            Self::List(_) => Err(site.wrong("it is a list; write one value")),
            Self::Table => Err(site.wrong("it is a table; write one value")),
        }
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

/// Visits a scalar and keeps its text.
macro_rules! as_text {
    ($($visit:ident: $kind:ty,)*) => {$(
        fn $visit<E>(self, value: $kind) -> Result<Given, E> {
            Ok(Given::Text(Zeroizing::new(value.to_string())))
        }
    )*};
}

impl<'de> Visitor<'de> for Value {
    type Value = Given;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, `true` or `false`")
    }

    as_text! {
        visit_bool: bool,
        visit_i64: i64,
        visit_u64: u64,
        visit_f64: f64,
        visit_str: &str,
    }

    fn visit_string<E>(self, value: String) -> Result<Given, E> {
        Ok(Given::Text(Zeroizing::new(value)))
    }

    fn visit_unit<E>(self) -> Result<Given, E> {
        Ok(Given::Nothing)
    }

    fn visit_none<E>(self) -> Result<Given, E> {
        Ok(Given::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Given, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Given, A::Error> {
        let (mut list, mut is_plain) = (Vec::new(), true);
        while let Some(item) = seq.next_element::<Given>()? {
            match item {
                Given::Text(text) => list.push(text),
                _ => is_plain = false,
            }
        }
        // `Table` also stands for a list whose items are not all text.
        Ok(if is_plain { Given::List(list) } else { Given::Table })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Given::Table)
    }
}
