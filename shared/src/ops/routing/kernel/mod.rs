//! Routing on the host, a vector of children side by side.
//!
//! All work is done on vectors whose lanes are neighbouring children: what is summed over the numbers of a capsule or
//! over parents then needs no sum across lanes, whatever those two counts are, and only the sum over children does, once
//! a pass. Missing children of the last block are zeros.
//!
//! # Determinism
//! Every sum is taken by one thread in an order fixed by the sizes, so the bits do not depend on the number of threads.
//! (They do depend on the machine's SIMD width and on whether it has a fused multiply-add.)

mod backward;
mod forward;
mod pack;
mod trace;

pub(super) use backward::backward;
pub(super) use forward::{forward, Routed};
pub use trace::RoutingTrace;

use pulp::{Arch, Simd, WithSimd};

/// Examples that share one reading of the weights.
const GROUP: usize = 4;

/// The sizes of a routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutingSizes {
    /// Examples, B.
    pub batch: usize,
    /// Children, I.
    pub children: usize,
    /// Numbers in a child, M.
    pub length: usize,
    /// Parents, J.
    pub parents: usize,
    /// Numbers in a parent, N.
    pub width: usize,
}

impl RoutingSizes {
    /// Numbers in all parents of an example, J N.
    fn outputs(&self) -> usize {
        self.parents * self.width
    }

    fn is_empty(&self) -> bool {
        self.batch == 0 || self.children == 0 || self.length == 0 || self.outputs() == 0
    }
}

/// The sizes, and how many children a vector of this machine holds. All lengths are in numbers.
#[derive(Clone, Copy, Debug)]
struct Blocks {
    sizes: RoutingSizes,
    lanes: usize,
}

impl Blocks {
    fn of(sizes: &RoutingSizes) -> Self {
        struct Ask;
        impl WithSimd for Ask {
            type Output = usize;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        Blocks { sizes: *sizes, lanes: Arch::new().dispatch(Ask) }
    }

    /// Blocks of children.
    fn count(&self) -> usize {
        self.sizes.children.div_ceil(self.lanes)
    }

    /// The children of an example.
    fn children(&self) -> usize {
        self.count() * self.sizes.length * self.lanes
    }

    /// The weights of a block.
    fn weights(&self) -> usize {
        self.sizes.outputs() * self.sizes.length * self.lanes
    }

    /// û of an example.
    fn predictions(&self) -> usize {
        self.count() * self.sizes.outputs() * self.lanes
    }

    /// c of an example.
    fn couplings(&self) -> usize {
        self.count() * self.sizes.parents * self.lanes
    }

    /// Children in a block: fewer than a vector has in the last.
    fn in_block(&self, block: usize) -> usize {
        self.lanes.min(self.sizes.children - block * self.lanes)
    }
}
