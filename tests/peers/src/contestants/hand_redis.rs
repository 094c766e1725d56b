//! A Redis hash for each session, with an entry for each field, through bare commands.

use std::collections::HashMap;

use redis::{AsyncCommands as _, Client, Pipeline, aio::ConnectionManager};
use serde::{Serialize, de::DeserializeOwned};

use super::hand_stored::{Field, Floor, LIFETIME};
use crate::session::Data;

pub struct Hash(ConnectionManager);

impl Hash {
    /// Connects the way this project's store does.
    pub async fn open(url: &str) -> Self {
        let client = Client::open(format!("{url}/?protocol=resp3")).unwrap();
        Self(ConnectionManager::new(client).await.unwrap())
    }

    /// Sends the commands in one round trip.
    async fn send(&self, commands: impl FnOnce(&mut Pipeline)) {
        let mut pipeline = redis::pipe();
        commands(&mut pipeline);
        pipeline.exec_async(&mut self.0.clone()).await.unwrap();
    }
}

fn key(id: u128) -> String {
    format!("hand:{id:032x}")
}

fn encoded(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec(value).unwrap()
}

fn decoded<T: DeserializeOwned + Default>(fields: &HashMap<String, Vec<u8>>, name: &str) -> T {
    fields.get(name).map_or_else(T::default, |value| rmp_serde::from_slice(value).unwrap())
}

fn put(pipeline: &mut Pipeline, key: &str, fields: &[(&str, Vec<u8>)]) {
    let lifetime = i64::try_from(LIFETIME.as_millis()).unwrap();
    let set = pipeline.cmd("HSET").arg(key);
    for (name, value) in fields {
        set.arg(name).arg(value);
    }
    pipeline.ignore().pexpire(key, lifetime).ignore();
}

impl Floor for Hash {
    async fn load(&self, id: u128) -> Option<Data> {
        let fields: HashMap<String, Vec<u8>> = self.0.clone().hgetall(key(id)).await.unwrap();
        (!fields.is_empty()).then(|| Data {
            user: decoded(&fields, "user"),
            name: decoded(&fields, "name"),
            roles: decoded(&fields, "roles"),
            cart: decoded(&fields, "cart"),
            token: decoded(&fields, "token"),
            theme: decoded(&fields, "theme"),
            visits: decoded(&fields, "visits"),
            locale: decoded(&fields, "locale"),
        })
    }

    async fn insert(&self, id: u128, data: Data) {
        let fields = [
            ("user", encoded(&data.user)),
            ("name", encoded(&data.name)),
            ("roles", encoded(&data.roles)),
            ("cart", encoded(&data.cart)),
            ("token", encoded(&data.token)),
            ("theme", encoded(&data.theme)),
            ("visits", encoded(&data.visits)),
            ("locale", encoded(&data.locale)),
        ];
        self.send(|pipeline| put(pipeline, &key(id), &fields)).await;
    }

    async fn start(&self, id: u128, locale: &'static str) {
        self.write(id, Field::Locale(locale)).await;
    }

    async fn write(&self, id: u128, field: Field) {
        let field = match field {
            Field::Theme(theme) => ("theme", encoded(&theme)),
            Field::Locale(locale) => ("locale", encoded(&locale)),
            Field::Visits(visits) => ("visits", encoded(&visits)),
        };
        self.send(|pipeline| put(pipeline, &key(id), &[field])).await;
    }

    async fn sign_in(&self, from: u128, to: u128, user: u64) {
        self.send(|pipeline| {
            pipeline.rename(key(from), key(to)).ignore();
            put(pipeline, &key(to), &[("user", encoded(&user))]);
        })
        .await;
    }

    async fn remove(&self, id: u128) {
        let _: () = self.0.clone().del(key(id)).await.unwrap();
    }
}
