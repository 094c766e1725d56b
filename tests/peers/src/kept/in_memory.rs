//! Sessions in memory: the contestants that are measured in process.

use session_runtime::MemoryStore;

use super::{AXUM_SESSION, Kept};
use crate::contestants::{actix_session, axum_session, hand_written, ours, ours_elsewhere, poem, ruts, tower_sessions};

pub const KEPT: [Kept; 10] = [
    Kept::of(&hand_written::CONTESTANT, &["dashmap"], hand_written::CONTESTANT.keeps, |_| {
        Box::pin(async { hand_written::in_memory() })
    }),
    Kept::of(&ours::CONTESTANT, &["session-runtime"], ours::CONTESTANT.keeps, |_| {
        Box::pin(async { ours::in_memory() })
    }),
    Kept::of(&tower_sessions::CONTESTANT, &["tower-sessions"], tower_sessions::CONTESTANT.keeps, |_| {
        Box::pin(async { tower_sessions::in_memory() })
    }),
    Kept::of(&AXUM_SESSION, &["axum_session"], axum_session::CONTESTANT.keeps, |_| {
        Box::pin(axum_session::site::<::axum_session::SessionNullPool>(None, true))
    }),
    Kept::of(&axum_session::UNSIGNED, &["axum_session"], axum_session::CONTESTANT.keeps, |_| {
        Box::pin(axum_session::site::<::axum_session::SessionNullPool>(None, false))
    }),
    Kept::of(&ruts::CONTESTANT, &["ruts"], ruts::CONTESTANT.keeps, |_| Box::pin(async { ruts::in_memory() })),
    Kept::of(&actix_session::CONTESTANT, &["actix-session"], actix_session::CONTESTANT.keeps, |_| {
        Box::pin(async { actix_session::in_memory() })
    }),
    Kept::of(&poem::CONTESTANT, &["poem"], poem::CONTESTANT.keeps, |_| Box::pin(async { poem::in_memory() })),
    Kept::of(&ours_elsewhere::IN_ACTIX, &["session-runtime"], ours::CONTESTANT.keeps, |_| {
        Box::pin(async { ours_elsewhere::actix(&MemoryStore::new()) })
    }),
    Kept::of(&ours_elsewhere::IN_POEM, &["session-runtime"], ours::CONTESTANT.keeps, |_| {
        Box::pin(async { ours_elsewhere::poem(&MemoryStore::new()) })
    }),
];
