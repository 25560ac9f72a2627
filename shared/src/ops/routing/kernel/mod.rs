//! Routing on the host, sixteen children side by side.
//!
//! All work is done on vectors whose lanes are neighbouring children: what is summed over the numbers of a capsule or
//! over parents then needs no sum across lanes, whatever those two counts are, and only the sum over children does, once
//! a pass. Missing children of the last block are zeros.
//!
//! # Determinism
//! Every sum is taken by one thread in an order fixed by the sizes.

mod backward;
mod forward;
mod pack;
mod trace;

pub(super) use backward::backward;
pub(super) use forward::{forward, Routed};
pub use trace::RoutingTrace;

/// Children in a vector.
const LANES: usize = 16;

/// One number of each child of a block.
type Lanes = [f32; LANES];

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
    /// Blocks of children.
    fn blocks(&self) -> usize {
        self.children.div_ceil(LANES)
    }

    /// Numbers in all parents of an example, J N.
    fn outputs(&self) -> usize {
        self.parents * self.width
    }

    /// Vectors of û of an example.
    fn predictions(&self) -> usize {
        self.blocks() * self.outputs()
    }

    /// Vectors of coupling coefficients of an example.
    fn couplings(&self) -> usize {
        self.blocks() * self.parents
    }

    /// Children in a block: fewer than a vector has in the last.
    fn in_block(&self, block: usize) -> usize {
        LANES.min(self.children - block * LANES)
    }

    fn is_empty(&self) -> bool {
        self.batch == 0 || self.children == 0 || self.outputs() == 0
    }
}
