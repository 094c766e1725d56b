//! The guide shows the code that these tests run.

use std::fs;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn the_guide_shows_the_code_of_the_example() {
    let guide = fs::read_to_string(format!("{ROOT}/session-runtime/docs/back_channel_logout.md")).unwrap();
    let files = fs::read_dir(format!("{ROOT}/examples/oidc")).unwrap();
    let code: String = files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let blocks = ["```rust,ignore\n", "```sql\n"].into_iter().flat_map(|mark| guide.split(mark).skip(1));
    let shown: Vec<_> = blocks.map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert_eq!(shown.len(), 5);
    for shown in shown {
        assert!(code.contains(shown), "the example lacks this code of the guide:\n{shown}");
    }
}
