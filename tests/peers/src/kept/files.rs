//! Sessions in files, without fsync.

use session_runtime::FileStore;

use super::Kept;
use crate::contestants::{hand_file::Folder, hand_stored, hand_written, ours};

pub const KEPT: [Kept; 2] = [
    Kept::of(
        &hand_written::CONTESTANT,
        &["tokio", "rmp-serde"],
        "a file of MessagePack for each session, replaced by one that is written beside it; not guarded",
        |folder| Box::pin(async move { hand_stored::site(Folder(folder.into())) }),
    ),
    Kept::of(&ours::CONTESTANT, &["session-runtime"], "`FileStore`; eight typed fields", |folder| {
        Box::pin(async move { ours::site(&FileStore::open(folder).await.unwrap()) })
    }),
];
