//! A file for each session, whole, written beside its place and moved there.

use std::path::PathBuf;

use tokio::fs;

use super::hand_stored::{Field, Floor};
use crate::session::Data;

pub struct Folder(pub PathBuf);

impl Folder {
    fn path(&self, id: u128) -> PathBuf {
        self.0.join(format!("{id:032x}"))
    }

    async fn change(&self, id: u128, how: impl FnOnce(&mut Data)) {
        if let Some(mut data) = self.load(id).await {
            how(&mut data);
            self.insert(id, data).await;
        }
    }
}

impl Floor for Folder {
    async fn load(&self, id: u128) -> Option<Data> {
        let bytes = fs::read(self.path(id)).await.ok()?;
        Some(rmp_serde::from_slice(&bytes).unwrap())
    }

    async fn insert(&self, id: u128, data: Data) {
        let beside = self.0.join(format!("{:032x}.new", rand::random::<u128>()));
        fs::write(&beside, rmp_serde::to_vec(&data).unwrap()).await.unwrap();
        fs::rename(beside, self.path(id)).await.unwrap();
    }

    async fn start(&self, id: u128, locale: &'static str) {
        self.insert(id, Data { locale: locale.into(), ..Data::none() }).await;
    }

    async fn write(&self, id: u128, field: Field) {
        self.change(id, |data| match field {
            Field::Theme(theme) => data.theme = theme,
            Field::Locale(locale) => data.locale = locale.into(),
            Field::Visits(visits) => data.visits = visits,
        })
        .await;
    }

    async fn sign_in(&self, from: u128, to: u128, user: u64) {
        if let Some(data) = self.load(from).await {
            self.insert(to, Data { user: Some(user), ..data }).await;
            self.remove(from).await;
        }
    }

    async fn remove(&self, id: u128) {
        let _ = fs::remove_file(self.path(id)).await;
    }
}
