//! Differentiable ops on dfdx tensors, one folder an op.
//!
//! Each folder holds the same files: `mod.rs` has the function users call, its formula and the *composed* form
//! (dfdx ops only, any device, any float type: the oracle), `cpu.rs` the kernel that replaces it on
//! [`Cpu`](dfdx::tensor::Cpu), `tests.rs` the two against each other, against finite differences in `f64`, and
//! against PyTorch.
//!
//! | op | formula | kernel |
//! |---|---|---|
//! | [`conv2d`](conv2d::conv2d) | f(W ∗ x + b) | implicit matrix product |
//! | [`conv_transpose2d`](conv_transpose2d::conv_transpose2d) | f(W ∗ᵀ x + b) | the same, the other way |
//! | [`linear`](linear::linear) | f(x Wᵀ + b) | one matrix product, bias and f in one pass |
//! | [`softmax_cross_entropy`](cross_entropy::softmax_cross_entropy) | −log softmax(o)ᵧ | one pass each way |
//! | [`multiclass_hinge`](hinge::multiclass_hinge) | max(0, 1 + maxₖ oₖ − oᵧ) | one pass each way |
//! | [`diffusion_conv`](diffusion::diffusion_conv) | tanh(w ⊙ S) | one pass each way |
//! | [`diffusion_classifier`](diffusion::diffusion_classifier) | tanh(w ⊙ S) Wᵀ + b, S sparse | non-zeros only |

pub mod conv2d;
pub mod conv_transpose2d;
pub mod cross_entropy;
pub mod diffusion;
pub mod hinge;
pub mod linear;
pub mod math;
pub mod matmul;
pub mod targets;
