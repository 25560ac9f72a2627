//! What holds for every graph: the theorems, which entries are kept, and that nothing but the input decides the bits.
#![allow(clippy::unwrap_used)] // helpers of tests, which may

#[path = "properties/entries.rs"]
mod entries;
#[path = "properties/graphs.rs"]
mod graphs;
#[path = "properties/products.rs"]
mod products;
#[path = "properties/refusals.rs"]
mod refusals;
