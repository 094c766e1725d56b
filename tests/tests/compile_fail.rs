//! What the derive says of what it refuses. Each `.stderr` is to be read as a newcomer: does it say what to write?

// The texts are those of one toolchain, the pinned one; `TRYBUILD=overwrite` writes them anew.
#[test]
fn refused() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
