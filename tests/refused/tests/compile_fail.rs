//! Error messages of the derive for code that it rejects. Read each `.stderr` as a newcomer: does it say what to write?

// The messages come from the pinned toolchain; `TRYBUILD=overwrite` writes them again.
#[test]
fn refused() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}
