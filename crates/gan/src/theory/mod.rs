//! The theory of adversarial training as code that can be checked: no networks, everything in `f64`.
//!
//! | module | the survey says | here |
//! |---|---|---|
//! | [`density`] | | Gaussian mixtures on the line, integrals to rounding, KL and Jensen-Shannon divergence |
//! | [`optimal`] | D* = p_data / (p_data + p_g), C(G) = −log 4 + 2 JSD | both, and what smoothed labels do to them |
//! | [`f_divergence`] | f-GAN: a bound for any critic | the table of divergences, each with its tight critic |
//! | [`game`] | training seeks a saddle, and gradient steps may circle or leave it | quadratic games, step by step and by eigenvalues |
//! | [`ratio`] | D* / (1 − D*) is the density ratio | its estimate by logistic regression in the plane |
//! | [`fit`] | D* again, from samples | a discriminator on splines, trained to convergence |
//!
//! Every result is the same to the last bit at any number of threads.
//!
//! # Reference
//! Creswell et al. 2018, "Generative Adversarial Networks: An Overview", its sections on training and on alternative
//! formulations.

pub mod density;
pub mod error;
pub mod f_divergence;
pub mod fit;
pub mod game;
mod logistic;
pub mod optimal;
pub mod ratio;

pub use density::{jensen_shannon, kl, Estimate, GaussianMixture, Quadrature};
pub use error::TheoryError;
pub use f_divergence::Divergence;
pub use fit::{central, SplineConfig, SplineDiscriminator};
pub use game::{Dynamics, Eigenvalue, Matrix2, QuadraticGame, Trajectory};
pub use optimal::{Discrimination, Labels};
pub use ratio::{correlation, Gaussian2, LogRatio};
