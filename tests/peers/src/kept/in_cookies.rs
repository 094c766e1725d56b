//! Sessions in the visitor's cookie, encrypted.

use super::Kept;
use crate::contestants::{hand_sealed, in_cookie};

pub const KEPT: [Kept; 4] = [
    Kept::of(&hand_sealed::CONTESTANT, &["chacha20poly1305"], hand_sealed::CONTESTANT.keeps, |_| {
        Box::pin(async { hand_sealed::site() })
    }),
    Kept::of(&in_cookie::OURS, &["session-runtime"], in_cookie::OURS.keeps, |_| Box::pin(async { in_cookie::ours() })),
    Kept::of(&in_cookie::ACTIX_SESSION, &["actix-session"], in_cookie::ACTIX_SESSION.keeps, |_| {
        Box::pin(async { in_cookie::actix() })
    }),
    Kept::of(&in_cookie::POEM, &["poem"], in_cookie::POEM.keeps, |_| Box::pin(async { in_cookie::poem() })),
];
