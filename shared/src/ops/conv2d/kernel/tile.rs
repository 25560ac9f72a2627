//! The innermost loops: a tile of sums held in registers. The one place here with raw pointers.

use pulp::Simd;

/// Σₖ a\[k\]\[r\] x\[bases\[v\] + taps\[k\] ..\] for each of R rows and V vectors, added to `sums`.
///
/// # Safety
/// `a` must hold `taps.len()` R elements, and `x` a whole vector at every `bases[v] + taps[k]`.
#[inline(always)]
pub(super) unsafe fn correlate<S: Simd, const R: usize, const V: usize>(
    simd: S,
    a: *const f32,
    x: *const f32,
    bases: &[usize],
    taps: &[usize],
    mut sums: [[S::f32s; V]; R],
) -> [[S::f32s; V]; R] {
    let mut starts = [x; V];
    for v in 0..V {
        // SAFETY: a base is a place inside `x`, by this function's contract.
        starts[v] = unsafe { x.add(bases[v]) };
    }
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
                sums[r][v] = simd.mul_add_e_f32s(weight, pixels[v], sums[r][v]);
            }
        }
        // SAFETY: at most one past the last weight.
        a = unsafe { a.add(R) };
    }
    sums
}

/// Σₚ x\[places\[p\] + taps\[r\]\] g\[p\]\[v\] for each of R taps and V vectors of output channels, added to `sums`.
///
/// # Safety
/// `x` must hold an element at every `places[p] + taps[r]`, and `g` V vectors for each of `places`.
#[inline(always)]
pub(super) unsafe fn outer<S: Simd, const R: usize, const V: usize>(
    simd: S,
    x: *const f32,
    places: &[usize],
    taps: &[usize; R],
    g: *const f32,
    mut sums: [[S::f32s; V]; R],
) -> [[S::f32s; V]; R] {
    let mut g = g;
    for place in places {
        let mut gradients = [simd.splat_f32s(0.0); V];
        for v in 0..V {
            // SAFETY: V vectors a place, by this function's contract.
            gradients[v] = unsafe { load::<S>(g.add(v * S::F32_LANES)) };
        }
        for r in 0..R {
            // SAFETY: the contract of this function: a pixel is there.
            let pixel = simd.splat_f32s(unsafe { *x.add(*place + taps[r]) });
            for v in 0..V {
                sums[r][v] = simd.mul_add_e_f32s(pixel, gradients[v], sums[r][v]);
            }
        }
        // SAFETY: at most one past the last vector.
        g = unsafe { g.add(V * S::F32_LANES) };
    }
    sums
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
