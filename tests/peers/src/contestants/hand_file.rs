//! A file for each session. A write writes the whole file under another name and renames it. Each operation runs as
//! one blocking task.

use std::{fs, path::PathBuf};

use tokio::task::spawn_blocking;

use super::hand_stored::{Field, Floor};
use crate::session::Data;

#[derive(Clone)]
pub struct Folder(pub PathBuf);

impl Folder {
    fn path(&self, id: u128) -> PathBuf {
        self.0.join(format!("{id:032x}"))
    }

    fn read(&self, id: u128) -> Option<Data> {
        let bytes = fs::read(self.path(id)).ok()?;
        Some(rmp_serde::from_slice(&bytes).unwrap())
    }

    fn put(&self, id: u128, data: &Data) {
        let beside = self.0.join(format!("{:032x}.new", rand::random::<u128>()));
        fs::write(&beside, rmp_serde::to_vec(data).unwrap()).unwrap();
        fs::rename(beside, self.path(id)).unwrap();
    }

    async fn on_disk<T: Send + 'static>(&self, work: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        let folder = self.clone();
        spawn_blocking(move || work(&folder)).await.unwrap()
    }
}

impl Floor for Folder {
    async fn load(&self, id: u128) -> Option<Data> {
        self.on_disk(move |folder| folder.read(id)).await
    }

    async fn insert(&self, id: u128, data: Data) {
        self.on_disk(move |folder| folder.put(id, &data)).await;
    }

    async fn start(&self, id: u128, locale: &'static str) {
        self.insert(id, Data { locale: locale.into(), ..Data::none() }).await;
    }

    async fn write(&self, id: u128, field: Field) {
        self.on_disk(move |folder| {
            let Some(mut data) = folder.read(id) else { return };
            match field {
                Field::Theme(theme) => data.theme = theme,
                Field::Locale(locale) => data.locale = locale.into(),
                Field::Visits(visits) => data.visits = visits,
            }
            folder.put(id, &data);
        })
        .await;
    }

    async fn sign_in(&self, from: u128, to: u128, user: u64) {
        self.on_disk(move |folder| {
            if let Some(data) = folder.read(from) {
                folder.put(to, &Data { user: Some(user), ..data });
                let _ = fs::remove_file(folder.path(from));
            }
        })
        .await;
    }

    async fn remove(&self, id: u128) {
        self.on_disk(move |folder| drop(fs::remove_file(folder.path(id)))).await;
    }
}
