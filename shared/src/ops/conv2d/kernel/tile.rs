//! The innermost loops: a tile of sums held in registers. The one place here with raw pointers.

#![allow(clippy::needless_range_loop, reason = "loops over registers, unrolled by their constant bounds")]

use pulp::Simd;

/// Adds Σₖ a\[k\]\[r\] x\[bases\[v\] + taps\[k\] ..\] to `sums`\[r\]\[v\], for each of R rows and V vectors.
///
/// The sums come from memory and go back there, and nothing else is done with them here: only then do compilers hold all
/// of them in registers.
///
/// # Safety
/// `a` must hold `taps.len()` R elements, `x` a whole vector at every `bases[v] + taps[k]`, and `sums` R V vectors.
#[inline(always)]
pub(super) unsafe fn correlate<S: Simd, const R: usize, const V: usize>(
    simd: S,
    a: *const f32,
    x: *const f32,
    bases: &[usize],
    taps: &[usize],
    sums: *mut f32,
) {
    let mut starts = [x; V];
    for v in 0..V {
        // SAFETY: a base is a place inside `x`, by this function's contract.
        starts[v] = unsafe { x.add(bases[v]) };
    }
    // SAFETY: R V vectors, by this function's contract.
    let mut held = unsafe { load_tile::<S, R, V>(simd, sums) };
    let mut a = a;
    for tap in taps {
        let mut pixels = [simd.splat_f32s(0.0); V];
        for v in 0..V {
            // SAFETY: the contract of this function: a whole vector can be read there.
            pixels[v] = unsafe { load::<S>(starts[v].add(*tap)) };
        }
        for r in 0..R {
            // SAFETY: the contract of this function: R weights a tap.
            let weight = simd.splat_f32s(unsafe { *a.add(r) });
            for v in 0..V {
                held[r][v] = simd.mul_add_e_f32s(weight, pixels[v], held[r][v]);
            }
        }
        // SAFETY: at most one past the last weight.
        a = unsafe { a.add(R) };
    }
    // SAFETY: as above.
    unsafe { store_tile::<S, R, V>(held, sums) };
}

/// Adds Σₚ x\[places\[p\] + taps\[r\]\] g\[p\]\[v\] to `sums`\[r\]\[v\], for each of R taps and V vectors of output channels.
///
/// # Safety
/// `x` must hold an element at every `places[p] + taps[r]`, `g` V vectors for each of `places`, and `sums` R V vectors.
#[inline(always)]
pub(super) unsafe fn outer<S: Simd, const R: usize, const V: usize>(
    simd: S,
    x: *const f32,
    places: &[usize],
    taps: &[usize; R],
    g: *const f32,
    sums: *mut f32,
) {
    // SAFETY: R V vectors, by this function's contract.
    let mut held = unsafe { load_tile::<S, R, V>(simd, sums) };
    let mut g = g;
    for place in places {
        let mut gradients = [simd.splat_f32s(0.0); V];
        for v in 0..V {
            // SAFETY: V vectors a place, by this function's contract.
            gradients[v] = unsafe { load::<S>(g.add(v * S::F32_LANES)) };
        }
        // SAFETY: a place is inside `x`.
        let pixels = unsafe { x.add(*place) };
        for r in 0..R {
            // SAFETY: the contract of this function: a pixel is there.
            let pixel = simd.splat_f32s(unsafe { *pixels.add(taps[r]) });
            for v in 0..V {
                held[r][v] = simd.mul_add_e_f32s(pixel, gradients[v], held[r][v]);
            }
        }
        // SAFETY: at most one past the last vector.
        g = unsafe { g.add(V * S::F32_LANES) };
    }
    // SAFETY: as above.
    unsafe { store_tile::<S, R, V>(held, sums) };
}

/// # Safety
/// R V whole vectors must be there.
#[inline(always)]
unsafe fn load_tile<S: Simd, const R: usize, const V: usize>(simd: S, from: *const f32) -> [[S::f32s; V]; R] {
    let mut held = [[simd.splat_f32s(0.0); V]; R];
    for r in 0..R {
        for v in 0..V {
            // SAFETY: this function's contract.
            held[r][v] = unsafe { load::<S>(from.add((r * V + v) * S::F32_LANES)) };
        }
    }
    held
}

/// # Safety
/// There must be room for R V whole vectors.
#[inline(always)]
unsafe fn store_tile<S: Simd, const R: usize, const V: usize>(held: [[S::f32s; V]; R], to: *mut f32) {
    for r in 0..R {
        for v in 0..V {
            // SAFETY: this function's contract.
            unsafe { store::<S>(to.add((r * V + v) * S::F32_LANES), held[r][v]) };
        }
    }
}

/// A vector from anywhere.
///
/// # Safety
/// A whole vector of initialised elements must be there.
#[inline(always)]
pub(super) unsafe fn load<S: Simd>(from: *const f32) -> S::f32s {
    // SAFETY: the contract of this function; every bit pattern is a vector of floats.
    unsafe { from.cast::<S::f32s>().read_unaligned() }
}

/// A vector to anywhere.
///
/// # Safety
/// There must be room for a whole vector.
#[inline(always)]
pub(super) unsafe fn store<S: Simd>(to: *mut f32, vector: S::f32s) {
    // SAFETY: the contract of this function.
    unsafe { to.cast::<S::f32s>().write_unaligned(vector) }
}
