//! The paper's claims, each with the function that measures it.

use shared::claims::{Claim, Deviation};

/// What the paper says, in its order.
pub const CLAIMS: &[Claim] = &[];

/// Where this code departs from the paper.
pub const DEVIATIONS: &[Deviation] = &[];
