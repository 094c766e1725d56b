//! Code that several contestants share: their sessions have string keys, and calls of these sessions do not wait.

use std::future::{Ready, ready};

use serde::{Serialize, de::DeserializeOwned};

use crate::session::{Data, Seen, Shop, Theme};

pub trait Keys {
    fn read<T: DeserializeOwned>(&self, key: &str) -> Option<T>;
    fn write(&self, key: &'static str, value: impl Serialize);
    fn new_id(&self);
    fn end(&self);
}

// Everything happens before the future is returned, because some of these sessions cannot be sent to another thread.
#[allow(refining_impl_trait)]
impl<K: Keys> Shop for K {
    fn fill(&mut self, data: Data) -> Ready<()> {
        if let Some(user) = data.user {
            self.write("user", user);
        }
        self.write("name", data.name);
        self.write("roles", data.roles);
        self.write("cart", data.cart);
        self.write("token", data.token);
        self.write("theme", data.theme);
        self.write("visits", data.visits);
        self.write("locale", data.locale);
        ready(())
    }

    fn theme(&mut self) -> Ready<Theme> {
        ready(self.read("theme").unwrap_or_default())
    }

    fn visits(&mut self) -> Ready<u64> {
        ready(self.read("visits").unwrap_or_default())
    }

    fn seen(&mut self) -> Ready<Seen> {
        ready(Seen {
            user: self.read("user"),
            locale: self.read("locale").unwrap_or_default(),
            theme: self.read("theme").unwrap_or_default(),
            visits: self.read("visits").unwrap_or_default(),
        })
    }

    fn set_theme(&mut self, theme: Theme) -> Ready<()> {
        self.write("theme", theme);
        ready(())
    }

    fn set_locale(&mut self, locale: &'static str) -> Ready<()> {
        self.write("locale", locale);
        ready(())
    }

    fn count(&mut self, seen: u64) -> Ready<()> {
        self.write("visits", seen + 1);
        ready(())
    }

    fn sign_in(&mut self, user: u64) -> Ready<()> {
        self.new_id();
        self.write("user", user);
        ready(())
    }

    fn sign_out(&mut self) -> Ready<()> {
        self.end();
        ready(())
    }
}
