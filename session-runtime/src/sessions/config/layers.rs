//! Who wins: what the builder's methods were told, then variables, then a settings file, then the attributes, in whatever
//! order the application called.

use super::{Config, variables::variable};

/// All that was said about a kind of session, besides its attributes.
#[derive(Default)]
pub(in crate::sessions) struct Layers {
    /// By the builder's methods.
    pub(in crate::sessions) code: Config,
    /// The options that they gave in another form than settings have, such as an open store.
    pub(in crate::sessions) in_code: Vec<&'static str>,
    /// From outside, the stronger first.
    outside: Vec<Layer>,
}

struct Layer {
    origin: Origin,
    config: Config,
}

/// Where a layer comes from.
enum Origin {
    /// Environment variables whose names begin so.
    Variables(String),
    /// A settings file.
    File,
}

impl Layers {
    /// What variables say is stronger than what others said before.
    pub(super) fn add_variables(&mut self, prefix: String, config: Config) {
        self.outside.insert(0, Layer { origin: Origin::Variables(prefix), config });
    }

    /// What a file says is stronger than what others said before, and weaker than all variables.
    pub(super) fn add_file(&mut self, config: Config) {
        let at = self.outside.iter().take_while(|layer| matches!(layer.origin, Origin::Variables(_))).count();
        self.outside.insert(at, Layer { origin: Origin::File, config });
    }

    /// What the strongest says that says anything.
    pub(super) fn find<T>(&self, said: impl Fn(&Config) -> Option<T>) -> Option<T> {
        said(&self.code).or_else(|| self.outside.iter().find_map(|layer| said(&layer.config)))
    }

    /// What the strongest layer from outside says, and how it calls that.
    pub(super) fn outside<T>(&self, said: impl Fn(&Config) -> Option<(&'static str, T)>) -> Option<(String, T)> {
        self.outside.iter().find_map(|layer| {
            let (option, value) = said(&layer.config)?;
            Some((layer.name(option), value))
        })
    }

    /// That `option` is missing, said of where it usually stands: in the variables that were asked first, else in the file.
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

    /// Where those of `options` come from that come from outside, to end a sentence with.
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

    /// Whether a method of the builder gave `option`.
    fn is_in_code(&self, option: &str) -> bool {
        self.code.has(option) || self.in_code.contains(&option)
    }

    /// Lists the settings that a method of the builder overrides: where each comes from, and the method.
    pub(super) fn overridden(&self) -> impl Iterator<Item = (String, &'static str)> {
        let options = Config::OPTIONS.iter().copied().filter(|option| self.is_in_code(option));
        options.filter_map(|option| {
            let layer = self.outside.iter().find(|layer| layer.config.has(option))?;
            let method = if option == "keys_file" { "keys" } else { option };
            Some((layer.place(option), method))
        })
    }

    /// Where `option` comes from, if that is outside.
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
    /// Where `option` is said.
    fn place(&self, option: &str) -> String {
        match &self.origin {
            Origin::Variables(prefix) => format!("the variable {}", variable(prefix, option)),
            Origin::File => format!("`{option}` in the configuration"),
        }
    }

    /// How `option` is called here.
    fn name(&self, option: &str) -> String {
        match &self.origin {
            Origin::Variables(prefix) => variable(prefix, option),
            Origin::File => format!("`{option}`"),
        }
    }
}
