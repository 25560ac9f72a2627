//! placeholder
use shared::claims::{Claim, Deviation};
/// claims
pub const CLAIMS: &[Claim] = &[];
/// deviations
pub const DEVIATIONS: &[Deviation] = &[];
