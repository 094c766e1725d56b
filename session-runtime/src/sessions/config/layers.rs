//! The precedence of options: the builder's methods, then variables, then settings files, then attributes, whatever the order
//! of calls.

use super::{Config, variables::variable};

/// All options for a kind of session, besides its attributes.
#[derive(Default)]
pub(in crate::sessions) struct Layers {
    /// From the builder's methods.
    pub(in crate::sessions) code: Config,
    /// The options that methods set to something that a setting cannot hold, such as an open store.
    pub(in crate::sessions) in_code: Vec<&'static str>,
    /// From variables and files, in order of precedence.
    outside: Vec<Layer>,
}

struct Layer {
    origin: Origin,
    config: Config,
}

/// Where a layer comes from.
enum Origin {
    /// Environment variables with this prefix.
    Variables(String),
    /// A settings file.
    File,
}

impl Layers {
    /// Adds variables. They take precedence over all earlier layers.
    pub(super) fn add_variables(&mut self, prefix: String, config: Config) {
        self.outside.insert(0, Layer { origin: Origin::Variables(prefix), config });
    }

    /// Adds a file. It takes precedence over earlier files, but not over variables.
    pub(super) fn add_file(&mut self, config: Config) {
        let at = self.outside.iter().take_while(|layer| matches!(layer.origin, Origin::Variables(_))).count();
        self.outside.insert(at, Layer { origin: Origin::File, config });
    }

    /// Returns the value with the highest precedence.
    pub(super) fn find<T>(&self, said: impl Fn(&Config) -> Option<T>) -> Option<T> {
        said(&self.code).or_else(|| self.outside.iter().find_map(|layer| said(&layer.config)))
    }

    /// Returns the value with the highest precedence from variables and files, and the option's name there.
    pub(super) fn outside<T>(&self, said: impl Fn(&Config) -> Option<(&'static str, T)>) -> Option<(String, T)> {
        self.outside.iter().find_map(|layer| {
            let (option, value) = said(&layer.config)?;
            Some((layer.name(option), value))
        })
    }

    /// Returns a message that `option` is missing. The message names the variable to set, with the prefix that was added first.
    /// If no variables were added, the message names the file. Returns `None` if no settings were added at all.
    pub(super) fn missing(&self, option: &str) -> Option<String> {
        let prefix = self.outside.iter().rev().find_map(|layer| match &layer.origin {
            Origin::Variables(prefix) => Some(prefix),
            Origin::File => None,
        });
        match prefix {
            Some(prefix) => Some(format!("the variable {} is not set", variable(prefix, option))),
            None => self.outside.last().map(|_| format!("the configuration has no `{option}`")),
        }
    }

    /// Returns a note to append to a message: the origin of each of the `options` that a variable or file set.
    pub(in crate::sessions) fn whence(&self, options: &[&str]) -> String {
        let parts: Vec<_> = options.iter().filter_map(|option| self.name(option).map(|name| (option, name))).collect();
        match parts.as_slice() {
            [] => String::new(),
            parts => {
                let from: Vec<_> = parts.iter().map(|(option, name)| format!("`{option}` is from {name}")).collect();
                format!(" ({})", from.join(", "))
            }
        }
    }

    /// Returns whether a method of the builder set `option`.
    fn is_in_code(&self, option: &str) -> bool {
        self.code.has(option) || self.in_code.contains(&option)
    }

    /// Lists the settings that a method of the builder overrides: the origin of each, and the method.
    pub(super) fn overridden(&self) -> impl Iterator<Item = (String, &'static str)> {
        let options = Config::OPTIONS.iter().copied().filter(|option| self.is_in_code(option));
        options.filter_map(|option| {
            let layer = self.outside.iter().find(|layer| layer.config.has(option))?;
            let method = option.strip_suffix("_file").unwrap_or(option);
            Some((layer.place(option), method))
        })
    }

    /// Returns where `option` comes from, if a variable or file set it.
    pub(super) fn name(&self, option: &str) -> Option<String> {
        if self.is_in_code(option) {
            return None;
        }
        let layer = self.outside.iter().find(|layer| layer.config.has(option))?;
        Some(match &layer.origin {
            Origin::Variables(_) => layer.place(option),
            Origin::File => "the configuration".to_owned(),
        })
    }
}

impl Layer {
    /// Returns where this layer sets `option`.
    fn place(&self, option: &str) -> String {
        match &self.origin {
            Origin::Variables(prefix) => format!("the variable {}", variable(prefix, option)),
            Origin::File => format!("`{option}` in the configuration"),
        }
    }

    /// Returns the name of `option` in this layer.
    fn name(&self, option: &str) -> String {
        match &self.origin {
            Origin::Variables(prefix) => variable(prefix, option),
            Origin::File => format!("`{option}`"),
        }
    }
}
