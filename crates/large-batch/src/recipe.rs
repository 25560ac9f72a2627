//! The optimiser as the paper has it (section 5.1).

use shared::{
    nn::state::ParamInfo,
    optim::{Momentum, ParamFilter, SgdConfig, WeightDecay},
};

/// Nesterov's momentum of 0.9 and a weight decay of 1e-4 that leaves γ and β of batch normalisations alone (section 5.1). The
/// rate is set by the schedule at every iteration.
///
/// # Example
/// ```
/// use shared::{dfdx::{nn::builders::{BatchNorm1D, Linear}, prelude::*}, nn::state::parameters};
/// type Net = (Linear<3, 8>, BatchNorm1D<8>);
/// let net = Cpu::default().build_module::<Net, f32>();
/// let sgd = large_batch::sgd(&parameters(&net));
/// assert!(sgd.decay_on.chooses("0.weight") && !sgd.decay_on.chooses("1.scale") && !sgd.decay_on.chooses("1.bias"));
/// ```
#[must_use]
pub fn sgd(parameters: &[ParamInfo]) -> SgdConfig {
    SgdConfig {
        lr: 0.1,
        momentum: Momentum::Nesterov(0.9),
        weight_decay: WeightDecay::L2(1e-4),
        decay_on: ParamFilter::Except(norm_parameters(parameters)),
        ..SgdConfig::default()
    }
}

/// The names of trainable parameters of batch normalisations: those that have a `running_mean` beside them.
#[must_use]
pub fn norm_parameters(parameters: &[ParamInfo]) -> Vec<String> {
    let layer = |name: &str| name.rsplit_once('.').map_or(String::new(), |(layer, _)| layer.to_owned());
    let norms: Vec<String> = parameters
        .iter()
        .filter(|p| !p.trainable && p.name.rsplit('.').next() == Some("running_mean"))
        .map(|p| layer(&p.name))
        .collect();
    let of_norm = |p: &&ParamInfo| p.trainable && norms.contains(&layer(&p.name));
    parameters.iter().filter(of_norm).map(|p| p.name.clone()).collect()
}
