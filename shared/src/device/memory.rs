//! Memory: fresh, freed, and how much of it there was.

use std::mem::MaybeUninit;

use rayon::prelude::*;

pub use super::available::available_bytes;

/// Below this many elements one thread is as fast as several.
const PARALLEL_MIN: usize = 1 << 16;

/// `len` zeros. Large ones are written by all threads: the first touch of memory costs as much as several passes over
/// it, and then every thread pays its part.
pub(crate) fn zeros(len: usize) -> Vec<f32> {
    if len < PARALLEL_MIN {
        return vec![0.0; len];
    }
    let mut values = Vec::with_capacity(len);
    let fresh = &mut values.spare_capacity_mut()[..len];
    fresh.par_chunks_mut(PARALLEL_MIN / 2).for_each(|chunk| chunk.fill(MaybeUninit::new(0.0)));
    // SAFETY: the chunks cover the first `len` elements of the capacity, and each has just been filled.
    unsafe { values.set_len(len) };
    values
}

/// Tells the C library's allocator to keep the memory that it is given back, for as long as the process lives.
///
/// A training step frees all that it took, and takes as much again in the next one. By default that memory goes back to
/// the system in between, and every page of it costs a fault and a clearing when it is next touched: an eighth of a step
/// of a residual network. All threads share one heap, so that what one frees another can take: a heap a thread would give
/// large pieces back whatever is asked. Programs call this once, first of all; elsewhere than on Linux with glibc it does
/// nothing.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        unsafe extern "C" {
            fn mallopt(parameter: c_int, value: c_int) -> c_int;
        }
        const TRIM_THRESHOLD: c_int = -1;
        const MMAP_MAX: c_int = -4;
        const ARENA_MAX: c_int = -8;
        // SAFETY: glibc's `mallopt` takes any two numbers, and it locks the allocator while it sets a parameter.
        unsafe {
            mallopt(TRIM_THRESHOLD, c_int::MAX);
            mallopt(MMAP_MAX, 0);
            mallopt(ARENA_MAX, 1);
        }
    }
}

/// The most memory that the process has held since it started or since [`restart_peak`], in bytes; only Linux tells.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    status("VmHWM:")
}

/// The memory that the process holds now, in bytes; only Linux tells.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    status("VmRSS:")
}

/// Gives freed memory back to the system and starts [`peak_bytes`] anew from what is held then, which is returned.
///
/// `None` where the system offers neither; then no peak can be measured within a process.
#[must_use]
pub fn restart_peak() -> Option<u64> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        unsafe extern "C" {
            fn malloc_trim(pad: usize) -> std::ffi::c_int;
        }
        // SAFETY: glibc's `malloc_trim` takes any number, and it locks the allocator while it runs.
        unsafe {
            malloc_trim(0);
        }
    }
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    resident_bytes()
}

fn status(field: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|l| l.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_zero_whatever_the_length() {
        for len in [0, 1, PARALLEL_MIN - 1, PARALLEL_MIN, 5 * PARALLEL_MIN + 3] {
            let values = zeros(len);
            assert!(values.len() == len && values.iter().all(|v| *v == 0.0));
        }
    }
}
