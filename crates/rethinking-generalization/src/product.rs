//! Matrix products on one thread, and the registers as they were before.

use faer::traits::RealField;
use faer::{Accum, MatMut, MatRef, Par};

/// `out` = or += `factor` · `left` · `right`.
pub(crate) fn multiply<T: RealField>(
    out: MatMut<'_, T>,
    accumulate: Accum,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
    factor: T,
) {
    faer::linalg::matmul::matmul(out, accumulate, left, right, factor, Par::Seq);
    clear_upper_halves();
}

/// Sets the upper halves of the vector registers to 0.
///
/// faer's AVX-512 products leave them in use, and then every SSE instruction of the same thread, which is what Rust
/// compiles to by default, merges with them: the exponentials of a tile were 45 times slower after a product
/// (17.9 ms and not 0.39 ms for 384 x 384, AMD Zen 5).
pub(crate) fn clear_upper_halves() {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx") {
        // SAFETY: AVX is there, and code compiled for SSE holds nothing in the upper halves.
        unsafe { std::arch::x86_64::_mm256_zeroupper() };
    }
}
