//! The peak of memory is of the whole process, so this test has one of its own.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on ends here")]

use shared::device::memory::{peak_bytes, resident_bytes, restart_peak};

#[test]
fn a_restarted_peak_is_of_what_came_after() {
    let large = vec![1.0f32; 1 << 25];
    assert!(large[large.len() - 1] == 1.0);
    drop(large);
    let Some(before) = restart_peak() else {
        println!("skipped: this system does not tell");
        return;
    };
    assert!(before < 100 << 20, "{before} bytes are held after 128 MiB were freed");
    let values = vec![1.0f32; 1 << 24];
    let (held, peak) = (resident_bytes().unwrap(), peak_bytes().unwrap());
    assert!(
        values[values.len() - 1] == 1.0 && peak >= held.max(before + (60 << 20)),
        "{before}, {held}, {peak}"
    );
    assert!(peak < before + (100 << 20), "{peak} is the peak of what was freed before");
}
