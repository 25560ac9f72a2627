//! Interpolation with kernels: no regularizer, no training, one linear system.
