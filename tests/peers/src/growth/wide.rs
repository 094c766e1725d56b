//! Sessions with many fields, and with one large one, in memory. This project changes only the field that was written;
//! tower-sessions writes the whole session.

use axum::{
    Router,
    extract::FromRequestParts,
    routing::{get, post},
};
use session_runtime::{KeyRing, MemoryStore, Session, Sessions};
use tower_sessions::{SessionManagerLayer, cookie::Key};

use crate::{
    app::App,
    contestants::{Contestant, Framework, axum_app},
    load::Subject,
    session::next_theme,
    works::OK,
};

/// Numbers of fields of ten bytes.
pub const FIELDS: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
/// Sizes of the larger of two fields, in bytes.
pub const LENGTHS: [usize; 5] = [10, 100, 1000, 10_000, 64_000];

/// W1 reads a small field, W2 writes it, W3 writes the large one.
trait Wide {
    fn fill(&mut self, fields: usize, length: usize) -> impl Future<Output = ()> + Send;
    fn read(&mut self) -> impl Future<Output = usize> + Send;
    fn write(&mut self, value: String) -> impl Future<Output = ()> + Send;
    fn write_large(&mut self, value: String) -> impl Future<Output = ()> + Send;
}

/// Returns ten bytes, different ones each time.
pub fn small() -> String {
    format!("{:?}", next_theme()).repeat(3)[..9].to_owned() + "."
}

/// Returns `length` bytes, different ones each time.
pub fn large(length: usize) -> String {
    let small = small();
    // Copies whole texts. Instructions are counted, and adding single characters would dominate the count.
    small.clone() + &"x".repeat(length - small.len())
}

fn routes<S>(fields: usize, length: usize) -> Router
where
    S: Wide + FromRequestParts<()> + Send + 'static,
{
    Router::new()
        .route("/W1", get(|mut s: S| async move { if s.read().await > 0 { OK } else { "" } }))
        .route(
            "/W2",
            get(|mut s: S| async move {
                s.write(small()).await;
                OK
            }),
        )
        .route(
            "/W3",
            get(move |mut s: S| async move {
                s.write_large(large(length)).await;
                OK
            }),
        )
        .route(
            "/begin",
            post(move |mut s: S| async move {
                s.fill(fields, length).await;
                OK
            }),
        )
}

/// Defines this project's sessions with these fields. The first field is read and written, the last is the large one.
macro_rules! ours {
    ($($session:ident: $first:ident $write_first:ident $($field:ident $write:ident)* / $last:ident $write_last:ident;)*) => {$(
        #[derive(Session)]
        #[session(cookie = "__Host-bench")]
        pub struct $session {
            $first: String,
            $($field: String,)*
        }

        impl $session {
            pub fn app(fields: usize, length: usize) -> App {
                let sessions = Sessions::<Self>::builder().store(MemoryStore::new()).keys(KeyRing::generate());
                axum_app::app(routes::<Session<Self>>(fields, length).layer(sessions.build().unwrap().layer()))
            }
        }

        impl Wide for Session<$session> {
            async fn fill(&mut self, _fields: usize, length: usize) {
                *self.$write_first() = small();
                $(*self.$write() = small();)*
                if length > 10 {
                    *self.$write_last() = large(length);
                }
            }

            async fn read(&mut self) -> usize {
                self.$first().len()
            }

            async fn write(&mut self, value: String) {
                *self.$write_first() = value;
            }

            async fn write_large(&mut self, value: String) {
                *self.$write_last() = value;
            }
        }
    )*};
}

#[rustfmt::skip]
mod declared {
    use super::{App, KeyRing, MemoryStore, Session, Sessions, Wide, axum_app, large, routes, small};

    ours! {
        Of1: f0 f0_mut / f0 f0_mut;
        Of2: f0 f0_mut f1 f1_mut / f1 f1_mut;
        Of4: f0 f0_mut f1 f1_mut f2 f2_mut f3 f3_mut / f3 f3_mut;
        Of8: f0 f0_mut f1 f1_mut f2 f2_mut f3 f3_mut f4 f4_mut f5 f5_mut f6 f6_mut f7 f7_mut / f7 f7_mut;
        Of16: f0 f0_mut f1 f1_mut f2 f2_mut f3 f3_mut f4 f4_mut f5 f5_mut f6 f6_mut f7 f7_mut f8 f8_mut f9 f9_mut f10
        f10_mut f11 f11_mut f12 f12_mut f13 f13_mut f14 f14_mut f15 f15_mut / f15 f15_mut;
        Of32: f0 f0_mut f1 f1_mut f2 f2_mut f3 f3_mut f4 f4_mut f5 f5_mut f6 f6_mut f7 f7_mut f8 f8_mut f9 f9_mut f10
        f10_mut f11 f11_mut f12 f12_mut f13 f13_mut f14 f14_mut f15 f15_mut f16 f16_mut f17 f17_mut f18 f18_mut f19
        f19_mut f20 f20_mut f21 f21_mut f22 f22_mut f23 f23_mut f24 f24_mut f25 f25_mut f26 f26_mut f27 f27_mut f28
        f28_mut f29 f29_mut f30 f30_mut f31 f31_mut / f31 f31_mut;
        Of64: f0 f0_mut f1 f1_mut f2 f2_mut f3 f3_mut f4 f4_mut f5 f5_mut f6 f6_mut f7 f7_mut f8 f8_mut f9 f9_mut f10
        f10_mut f11 f11_mut f12 f12_mut f13 f13_mut f14 f14_mut f15 f15_mut f16 f16_mut f17 f17_mut f18 f18_mut f19
        f19_mut f20 f20_mut f21 f21_mut f22 f22_mut f23 f23_mut f24 f24_mut f25 f25_mut f26 f26_mut f27 f27_mut f28
        f28_mut f29 f29_mut f30 f30_mut f31 f31_mut f32 f32_mut f33 f33_mut f34 f34_mut f35 f35_mut f36 f36_mut f37
        f37_mut f38 f38_mut f39 f39_mut f40 f40_mut f41 f41_mut f42 f42_mut f43 f43_mut f44 f44_mut f45 f45_mut f46
        f46_mut f47 f47_mut f48 f48_mut f49 f49_mut f50 f50_mut f51 f51_mut f52 f52_mut f53 f53_mut f54 f54_mut f55
        f55_mut f56 f56_mut f57 f57_mut f58 f58_mut f59 f59_mut f60 f60_mut f61 f61_mut f62 f62_mut f63 f63_mut / f63
        f63_mut;
    }
}

impl Wide for tower_sessions::Session {
    async fn fill(&mut self, fields: usize, length: usize) {
        for at in 0..fields {
            self.insert(&format!("f{at}"), small()).await.unwrap();
        }
        if length > 10 {
            self.insert(LARGE, large(length)).await.unwrap();
        }
    }

    async fn read(&mut self) -> usize {
        self.get::<String>(SMALL).await.unwrap().unwrap().len()
    }

    async fn write(&mut self, value: String) {
        self.insert(SMALL, value).await.unwrap();
    }

    async fn write_large(&mut self, value: String) {
        self.insert(LARGE, value).await.unwrap();
    }
}

/// The keys of the fields that are written: the small one, and the large one if there are two.
const SMALL: &str = "f0";
const LARGE: &str = "f1";

fn theirs(fields: usize, length: usize) -> App {
    let layer = SessionManagerLayer::new(tower_sessions::MemoryStore::default()).with_signed(Key::generate());
    axum_app::app(routes::<tower_sessions::Session>(fields, length).layer(layer))
}

/// The libraries that are compared.
pub const WHO: [&str; 2] = ["session-runtime", "tower-sessions"];

/// Returns one of the two libraries with this many fields.
pub fn of_fields(who: &str, fields: usize) -> Subject {
    Subject::named(&format!("{who}: {fields} fields")).unwrap()
}

/// Returns one of the two libraries with two fields, one of which has this many bytes.
pub fn of_length(who: &str, length: usize) -> Subject {
    Subject::named(&format!("{who}: {length} bytes")).unwrap()
}

macro_rules! contestants {
    ($($name:literal: $app:expr;)*) => {
        /// A contestant for each library with each number of fields and each length.
        pub static CONTESTANTS: &[Contestant] = &[$(Contestant {
            name: $name,
            package: "",
            framework: Framework::Axum,
            keeps: "",
            cookie: "signed",
            open: || Box::pin(async { $app }),
            pair: None,
        },)*];
    };
}

contestants! {
    "session-runtime: 1 fields": declared::Of1::app(1, 10);
    "session-runtime: 2 fields": declared::Of2::app(2, 10);
    "session-runtime: 4 fields": declared::Of4::app(4, 10);
    "session-runtime: 8 fields": declared::Of8::app(8, 10);
    "session-runtime: 16 fields": declared::Of16::app(16, 10);
    "session-runtime: 32 fields": declared::Of32::app(32, 10);
    "session-runtime: 64 fields": declared::Of64::app(64, 10);
    "tower-sessions: 1 fields": theirs(1, 10);
    "tower-sessions: 2 fields": theirs(2, 10);
    "tower-sessions: 4 fields": theirs(4, 10);
    "tower-sessions: 8 fields": theirs(8, 10);
    "tower-sessions: 16 fields": theirs(16, 10);
    "tower-sessions: 32 fields": theirs(32, 10);
    "tower-sessions: 64 fields": theirs(64, 10);
    "session-runtime: 10 bytes": declared::Of2::app(2, 10);
    "session-runtime: 100 bytes": declared::Of2::app(2, 100);
    "session-runtime: 1000 bytes": declared::Of2::app(2, 1000);
    "session-runtime: 10000 bytes": declared::Of2::app(2, 10000);
    "session-runtime: 64000 bytes": declared::Of2::app(2, 64000);
    "tower-sessions: 10 bytes": theirs(2, 10);
    "tower-sessions: 100 bytes": theirs(2, 100);
    "tower-sessions: 1000 bytes": theirs(2, 1000);
    "tower-sessions: 10000 bytes": theirs(2, 10000);
    "tower-sessions: 64000 bytes": theirs(2, 64000);
}
