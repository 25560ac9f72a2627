//! Recipes for points of the plane.

use shared::optim::{OptimizerConfig, RmsPropConfig};

use crate::{adam, Aim, Formulation, Networks, Penalty, Recipe};

/// The bound of the clipped critic's weights, Arjovsky et al.'s.
pub(super) const CLIP: f64 = 0.01;

/// The original recipe: Adam at 1e-3 with its own default β₁, nothing against collapse.
pub(super) fn vanilla() -> Recipe {
    let adam = adam(1e-3, 0.9, 0.999);
    Recipe { generator: adam.clone(), discriminator: adam, ..Recipe::default() }
}

/// The recipe that covers the ring: β₁ = 0.5, instance noise that falls to 0, rates that do, averaged weights.
pub(super) fn cure(turns: usize) -> Recipe {
    let adam = adam(2e-3, 0.5, 0.999);
    Recipe {
        generator: adam.clone(),
        discriminator: adam,
        instance_noise: 0.5,
        noise_steps: turns / 2,
        anneal: turns,
        average: 0.99,
        ..Recipe::default()
    }
}

/// The recipe for the grid, whose modes lie further apart: more noise at first, and a longer mean of the weights.
pub(super) fn grid_cure(turns: usize) -> Recipe {
    Recipe { instance_noise: 1.0, average: 0.999, ..cure(turns) }
}

pub(super) fn wasserstein(critic_steps: usize) -> Recipe {
    let adam = adam(1e-3, 0.5, 0.999);
    Recipe {
        formulation: Formulation::Wasserstein,
        penalty: Penalty::Lipschitz(1.0),
        critic_steps,
        generator: adam.clone(),
        discriminator: adam,
        ..Recipe::default()
    }
}

pub(super) fn clipped(clip: f64) -> Recipe {
    let rule = OptimizerConfig::RmsProp(RmsPropConfig { lr: 5e-4, ..RmsPropConfig::default() });
    Recipe {
        formulation: Formulation::Wasserstein,
        clip: Some(clip),
        critic_steps: 5,
        generator: rule.clone(),
        discriminator: rule,
        ..Recipe::default()
    }
}

/// The tricks that are held against the vanilla recipe.
pub(super) fn tricks(turns: usize) -> Vec<(&'static str, Networks, Recipe)> {
    let base = vanilla();
    let calm = adam(1e-3, 0.5, 0.999);
    let calm = Recipe { generator: calm.clone(), discriminator: calm, ..Recipe::default() };
    let toy = Networks::Toy;
    vec![
        ("vanilla", toy, base.clone()),
        ("minimax", toy, Recipe { formulation: Formulation::Minimax, ..base.clone() }),
        ("β₁ = 0.5", toy, calm.clone()),
        ("least squares", toy, Recipe { formulation: Formulation::LeastSquares, ..base.clone() }),
        ("hinge", toy, Recipe { formulation: Formulation::Hinge, ..base.clone() }),
        ("Wasserstein, clipped", toy, clipped(0.1)),
        ("Wasserstein, penalty", toy, wasserstein(5)),
        ("zero-centred penalty", toy, Recipe { penalty: Penalty::ZeroCentred(0.2), ..base.clone() }),
        ("one-sided smoothing", toy, Recipe { real_target: 0.9, ..base.clone() }),
        ("instance noise", toy, Recipe { instance_noise: 0.5, noise_steps: turns / 2, ..base.clone() }),
        ("feature matching", toy, Recipe { aim: Aim::Features, ..base.clone() }),
        ("minibatch discrimination", Networks::ToyMinibatch, base.clone()),
        ("virtual batch norm", Networks::ToyVirtualNorm, base.clone()),
        ("historical averaging", toy, Recipe { history: 0.01, ..base.clone() }),
        ("unrolled, 5 steps, first order", toy, Recipe { unroll: 5, ..base.clone() }),
        ("5 discriminator steps", toy, Recipe { critic_steps: 5, ..base.clone() }),
        ("two time scales", toy, Recipe { discriminator: adam(4e-3, 0.9, 0.999), ..base.clone() }),
        ("averaged weights", toy, Recipe { average: 0.999, ..base }),
        ("cure", toy, cure(turns)),
    ]
}
