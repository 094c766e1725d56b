//! The guide shows the code that these tests run.

use std::fs;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_guide_shows_the_code_of_the_example() {
    let guide = fs::read_to_string(format!("{ROOT}/session-runtime/docs/back_channel_logout.md")).unwrap();
    let files = fs::read_dir(format!("{ROOT}/examples/oidc")).unwrap();
    let code: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let shown: Vec<_> =
        guide.split("```rust,ignore\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(shown.len() >= 3, "{}", shown.len());
    for shown in shown {
        for part in shown.split("\n\n// …\n\n") {
            assert!(code.contains(part), "the example lacks this code of the guide:\n{part}");
        }
    }
}
