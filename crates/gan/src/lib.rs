#![doc = include_str!("../README.md")]

pub mod measures;
pub mod theory;
