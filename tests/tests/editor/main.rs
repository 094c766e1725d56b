//! Asks rust-analyzer, over its protocol, what an editor shows of a session. The test is slow, and not every installation has
//! the program (`rustup component add rust-analyzer rust-src`), so it runs on demand:
//!
//! ```text
//! cargo test -p tests --all-features --test editor -- --ignored --nocapture
//! ```
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lsp;

use lsp::{Editor, Place};

const CODE: &str = r#"use session_runtime::{Session, View, view};

/// The shop's session.
#[derive(Session)]
#[session(idle = 30m)]
pub struct Shop {
    /// The user who is signed in.
    #[session(identity)]
    pub user_id: Option<u64>,
    /// The items to buy.
    #[session(atomic)]
    pub cart: Vec<String>,
    /// The code that was sent.
    #[session(expires = 5m)]
    pub code: Option<String>,
    #[session(counter)]
    pub visits: u64,
}

#[view(Shop)]
pub struct SignedIn {
    pub user_id: u64,
}

pub fn read(session: Session<Shop>) -> bool {
    session.user_id().is_some() && session.cart().is_empty()
}

pub fn write(mut session: Session<Shop>) {
    session.visits_mut().add(1);
    session.user_id_mut().log_in(7);
}

pub fn account(View(me): View<SignedIn>) -> u64 {
    me.user_id
}
"#;

const ACCESSORS: [&str; 9] =
    ["user_id", "user_id_mut", "cart", "cart_mut", "code", "code_mut", "code_expires_at", "visits", "visits_mut"];

/// Returns the code with `text` inserted after `before`.
fn typed(before: &str, text: &str) -> String {
    assert_eq!(CODE.matches(before).count(), 1, "{before}");
    CODE.replace(before, &format!("{before}{text}"))
}

#[test]
#[ignore = "on demand, since it takes minutes: see the top of the file"]
fn completion_hover_and_rename_reach_the_fields() {
    let mut editor = Editor::open(CODE);

    // Completion after `session.` lists the accessors, with the fields' documentation.
    let text = typed("pub fn write(mut session: Session<Shop>) {\n", "    session.\n");
    editor.change(&text);
    let at = Place::after(&text, "    session.\n", -1);
    let shown = editor.completions(at);
    for accessor in ACCESSORS {
        assert!(shown.iter().any(|item| item == accessor), "no `{accessor}` among {shown:?}");
    }
    for ours in ["renew", "destroy", "is_new"] {
        assert!(shown.iter().any(|item| item == ours), "no `{ours}`");
    }
    // Of the internal fields, only one is visible here: it is private, and this is the module that defines the struct.
    assert_eq!(shown.iter().filter(|item| item.starts_with("__")).collect::<Vec<_>>(), ["__core"], "{shown:?}");
    assert!(editor.documentation(at, "user_id").contains("The user who is signed in."));
    assert!(editor.documentation(at, "cart_mut").contains("cart"));

    // A handle shows its policy's operations. The hidden items that exist for compile errors are listed here too, because
    // rust-analyzer leaves them out only if the runtime comes from a registry.
    let text = typed("pub fn write(mut session: Session<Shop>) {\n", "    session.visits_mut().\n");
    editor.change(&text);
    let shown = editor.completions(Place::after(&text, "visits_mut().\n", -1));
    for method in ["add", "sub"] {
        assert!(shown.iter().any(|item| item == method), "no `{method}` in {shown:?}");
    }

    // Hover, go to definition, and rename reach the field.
    editor.change(CODE);
    let used = Place::after(CODE, "    session.user_id", -3);
    let hover = editor.hover(used);
    assert!(hover.contains("The user who is signed in.") && hover.contains("Option<u64>"), "{hover}");
    let field = Place::after(CODE, "    pub user_id: Option", 0).line;
    assert_eq!(editor.definitions(used), [field]);
    assert_eq!(editor.definitions(Place::after(CODE, "session.user_id_mut", -3)), [field]);
    let renamed = editor.rename(used, "member");
    println!("{renamed}");
    assert!(renamed.contains("pub member: Option<u64>"), "{renamed}");
    assert!(renamed.contains("session.member().is_some()"), "{renamed}");

    // Completion and hover also work while an attribute is half typed: on the struct, on `user_id` itself, or on another field.
    for (before, half) in [
        ("#[session(idle = 30m", ", abs"),
        ("#[session(idle = 30m", ", absolute = "),
        ("#[session(identity", ", unl"),
        ("#[session(expires = 5m", ", sec"),
        ("#[session(counter", ", "),
    ] {
        let text = typed(before, half);
        let text = text.replace(
            "pub fn write(mut session: Session<Shop>) {\n",
            "pub fn write(mut session: Session<Shop>) {\n    session.\n",
        );
        editor.change(&text);
        let shown = editor.completions(Place::after(&text, "    session.\n", -1));
        for accessor in ACCESSORS {
            assert!(shown.iter().any(|item| item == accessor), "`{half}`: no `{accessor}` among {shown:?}");
        }
        let hover = editor.hover(Place::after(&text, "    session.user_id", -3));
        assert!(hover.contains("The user who is signed in."), "`{half}`: {hover}");
    }
}
