//! Sizes that do not fit are errors of the compiler, and its messages name them.
//!
//! The messages lie beside the programs in `compile_fail/*.stderr`. They are the words of one compiler, so another one
//! is not held to them.

const COMPILER: &str = "rustc 1.95.";

#[test]
fn sizes_that_do_not_fit_do_not_compile() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = std::process::Command::new(rustc).arg("--version").output().unwrap().stdout;
    let version = String::from_utf8_lossy(&version);
    if !version.starts_with(COMPILER) {
        println!("skipped: the messages are those of {COMPILER}x, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}
