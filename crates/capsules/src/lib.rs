//! Dynamic Routing Between Capsules (Sabour, Frosst and Hinton, NIPS 2017) for dfdx.

pub mod data;
pub mod factors;
