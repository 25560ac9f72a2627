//! Any of the rules, chosen by a setting.

use serde::{Deserialize, Serialize};

use super::program::Instruction;
use super::rule::{Slot, StepPoint, UpdateRule, MAX_SLOTS};
use super::{
    AdaGradConfig, AdamConfig, OptimError, Optimizer, ParamFilter, RmsPropConfig, SgdConfig, WeightDecay,
};

/// An optimiser whose rule is chosen at run time.
pub type AnyOptimizer = Optimizer<OptimizerConfig>;

/// The settings of any rule; in JSON, its settings with its name under `rule`:
///
/// ```
/// use shared::optim::{AnyOptimizer, OptimizerConfig};
///
/// let json = r#"{ "rule": "adam", "lr": 0.0005, "weight_decay": { "decoupled": 0.01 } }"#;
/// let config: OptimizerConfig = serde_json::from_str(json)?;
/// assert_eq!(AnyOptimizer::new(config)?.lr(), 0.0005);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "lowercase")]
pub enum OptimizerConfig {
    /// Stochastic gradient descent.
    Sgd(SgdConfig),
    /// Adam and AdamW.
    Adam(AdamConfig),
    /// AdaGrad.
    AdaGrad(AdaGradConfig),
    /// RMSProp.
    RmsProp(RmsPropConfig),
}

impl OptimizerConfig {
    fn rule(&self) -> &dyn UpdateRule {
        match self {
            Self::Sgd(rule) => rule,
            Self::Adam(rule) => rule,
            Self::AdaGrad(rule) => rule,
            Self::RmsProp(rule) => rule,
        }
    }
}

impl UpdateRule for OptimizerConfig {
    fn name(&self) -> &'static str {
        self.rule().name()
    }

    fn validate(&self) -> Result<(), OptimError> {
        self.rule().validate()
    }

    fn initial_lr(&self) -> f64 {
        self.rule().initial_lr()
    }

    fn slots(&self) -> Vec<Slot> {
        self.rule().slots()
    }

    fn weight_decay(&self) -> (WeightDecay, &ParamFilter) {
        self.rule().weight_decay()
    }

    fn update(&self, at: &StepPoint, w: &mut [f32], g: &[f32], slots: [&mut [f32]; MAX_SLOTS]) {
        self.rule().update(at, w, g, slots);
    }

    fn program(&self, at: &StepPoint) -> Option<Vec<Instruction>> {
        self.rule().program(at)
    }
}
