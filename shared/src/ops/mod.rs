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
//! | [`batch_norm_train`](batch_norm::batch_norm_train) | f(γ (x − μ) / √(σ² + ε) + β + r) | one pass forward, two backward |
//! | [`max_pool2d`](pool::max_pool2d) and kin | maximum or mean of windows | rows of windows as SIMD lanes |
//! | [`dropout`](dropout::dropout) | x ⊙ m / (1 − p) | one pass each way |
//! | [`concat_channels`](concat::concat_channels) | a beside b | one copy each way |
//! | [`add_activate`](residual::add_activate) | f(x + r) | one pass each way |
//! | [`local_response_norm`](response_norm::local_response_norm) | x (k + α Σ x²)^−β | image by image |
//! | [`primary_capsules`](squash::primary_capsules) | ‖s‖² / (1 + ‖s‖²) s / ‖s‖ | one pass each way |
//! | [`route`](routing::route) | routing by agreement | children as SIMD lanes |
//! | [`closeness`](minibatch::closeness) | Σ exp(−‖mᵢ − mⱼ‖₁) | a row against all others as SIMD lanes |
//! | [`linear`](linear::linear) | f(x Wᵀ + b) | one matrix product, bias and f in one pass |
//! | [`embedding`](embedding::embedding) | rows of W | one copy each way |
//! | [`lstm`](lstm::lstm) | o ⊙ tanh(f ⊙ c + i ⊙ g), step after step | one matrix product a step, gates as SIMD lanes |
//! | [`softmax_cross_entropy`](cross_entropy::softmax_cross_entropy) | −log softmax(o)ᵧ | one pass each way |
//! | [`label_set_cross_entropy`](cross_entropy::label_set_cross_entropy) | −Σ log softmax(o)ᵧ / \|Y\| | one pass each way, rows in parallel |
//! | [`multi_label_logistic_loss`](logistic::multi_label_logistic_loss) | max(0, z) − z y + log(1 + e^−\|z\|) | one pass each way, classes as SIMD lanes |
//! | [`multiclass_hinge`](hinge::multiclass_hinge) | max(0, 1 + maxₖ oₖ − oᵧ) | one pass each way |
//! | [`diffusion_conv`](diffusion::diffusion_conv) | tanh(w ⊙ S) | one pass each way |
//! | [`diffusion_classifier`](diffusion::diffusion_classifier) | tanh(w ⊙ S) Wᵀ + b, S sparse | non-zeros only |

pub mod batch_norm;
pub(crate) mod columns;
pub mod concat;
pub mod conv2d;
pub mod conv_transpose2d;
pub mod cross_entropy;
#[cfg(test)]
mod devices;
pub mod diffusion;
pub mod dropout;
pub mod embedding;
pub(crate) mod erased;
pub(crate) mod functions;
pub mod hinge;
pub mod linear;
pub mod logistic;
pub mod lstm;
pub mod math;
pub mod matmul;
pub mod minibatch;
pub(crate) mod planes;
pub mod pool;
pub mod residual;
pub mod response_norm;
pub mod routing;
pub(crate) mod scratch;
pub mod squash;
pub mod targets;
