//! How requests and operators see damaged files: as a lost session, but never as an empty list of a user's sessions.

use std::{
    fs,
    os::unix::fs as unix,
    path::{Path, PathBuf},
};

use axum::{
    Router,
    routing::{get, post},
};
use http::StatusCode;
use session_runtime::{FileStore, KeyRing, Session, Sessions};
use tempfile::TempDir;
use tests::client::Visitor;

use crate::garbage::sealed_as;

#[derive(Session)]
struct Site {
    #[session(identity)]
    user: Option<String>,
}

/// Version and class in a value's header.
const USER: u8 = 0x11;
const LIST: u8 = 0x12;

async fn site() -> (TempDir, Sessions<Site>, Router) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path()).await.unwrap();
    let sessions = Sessions::<Site>::builder().store(store).keys(KeyRing::generate()).build().unwrap();
    let app = Router::new()
        .route("/", get(|session: Session<Site>| async move { session.user().unwrap_or("a guest").to_owned() }))
        .route("/login", post(|mut session: Session<Site>| async move { session.user_mut().log_in("ada".to_owned()) }))
        .layer(sessions.layer());
    (folder, sessions, app)
}

/// Returns the file of the only value of a class.
fn only(folder: &Path, class: u8) -> PathBuf {
    let shards = fs::read_dir(folder).unwrap().map(|shard| shard.unwrap().path());
    let files = shards.flat_map(|shard| fs::read_dir(shard).unwrap().map(|file| file.unwrap().path()));
    // The class follows the frame and the revision.
    let mut found = files.filter(|file| fs::read(file).unwrap().get(9 + 8) == Some(&class));
    let file = found.next().unwrap();
    assert!(found.next().is_none(), "more than one value of class {class}");
    file
}

#[tokio::test]
async fn a_damaged_or_newer_list_is_an_error_and_never_empty() {
    let (folder, sessions, app) = site().await;
    let mut ada = Visitor::new(&app);
    assert_eq!(ada.post("/login").await.status, StatusCode::OK);
    let list = only(folder.path(), LIST);
    let whole = fs::read(&list).unwrap();
    let backup = folder.path().join("backup");
    fs::write(&backup, &whole).unwrap();

    let replacements: [Option<Vec<u8>>; 6] = [
        Some(Vec::new()),
        Some(b"garbage".to_vec()),
        Some(whole[..whole.len() - 1].to_vec()),
        Some(sealed_as(2, b"whatever a later version writes")),
        Some(sealed_as(1, b"not a value")),
        // `None` stands for a link to the healthy file.
        None,
    ];
    for bytes in replacements {
        fs::remove_file(&list).unwrap();
        match &bytes {
            Some(bytes) => fs::write(&list, bytes).unwrap(),
            None => unix::symlink(&backup, &list).unwrap(),
        }
        // A clean-up does not hide the damage: the second round, after a clean-up, gives the same answers.
        for _ in 0..2 {
            let errors = [
                sessions.of("ada").list().await.err(),
                sessions.of("ada").count().await.err(),
                sessions.of("ada").revoke_all().await.err(),
            ];
            for error in errors {
                assert!(error.as_ref().is_some_and(|error| error.is_unavailable()), "{error:?} with {bytes:?}");
            }
            let answer = Visitor::new(&app).post("/login").await;
            assert_eq!(
                answer.status,
                StatusCode::SERVICE_UNAVAILABLE,
                "the new session would be missing from the list"
            );
            sessions.delete_expired().await.unwrap();
        }
        assert_eq!(ada.get("/").await.body, "ada", "the session's own file is intact");
        assert!(!folder.path().join("corrupt").exists());
        assert_eq!(fs::read(&list).ok(), Some(bytes.unwrap_or_else(|| whole.clone())));
    }
    // An operator restores the list.
    fs::remove_file(&list).unwrap();
    fs::write(&list, &whole).unwrap();
    assert_eq!(sessions.of("ada").revoke_all().await.unwrap(), 1);
    assert_eq!(ada.get("/").await.body, "a guest");
}

// B29
#[tokio::test]
async fn a_damaged_session_is_absent_and_set_aside_by_the_next_request() {
    let (folder, sessions, app) = site().await;
    let mut ada = Visitor::new(&app);
    ada.post("/login").await;
    let file = only(folder.path(), USER);
    fs::write(&file, "garbage").unwrap();
    let reply = ada.get("/").await;
    assert_eq!((reply.status, reply.body.as_str()), (StatusCode::OK, "a guest"));
    assert!(!file.exists());
    let kept = fs::read_dir(folder.path().join("corrupt")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read(kept).unwrap(), b"garbage");
    assert_eq!(sessions.of("ada").count().await.unwrap(), 0);
    ada.post("/login").await;
    assert_eq!(ada.get("/").await.body, "ada");
    assert_eq!(sessions.of("ada").count().await.unwrap(), 1);
}

#[tokio::test]
async fn a_newer_session_is_absent_and_stays() {
    let (folder, _, app) = site().await;
    let mut ada = Visitor::new(&app);
    ada.post("/login").await;
    let file = only(folder.path(), USER);
    let newer = sealed_as(2, b"whatever a later version writes");
    fs::write(&file, &newer).unwrap();
    assert_eq!(ada.get("/").await.body, "a guest");
    ada.post("/login").await;
    assert_eq!(ada.get("/").await.body, "ada");
    assert_eq!(fs::read(&file).unwrap(), newer);
}
