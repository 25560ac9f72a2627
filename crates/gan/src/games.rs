//! Pairs of networks by name: the games that programs and experiments play.

use serde::{Deserialize, Serialize};
use shared::{
    device::{Backend, DeviceKind, DeviceTask},
    dfdx::prelude::*,
    nn::state::{load_state_dict, state_dict},
    train::RunRng,
};

use crate::{
    config::Recipe,
    error::compute,
    gan::Gan,
    nets::{
        dcgan_init, DcganDiscriminator28, DcganDiscriminator32, DcganGenerator28, DcganGenerator32,
        MinibatchDiscriminator, MlpDiscriminator, MlpGenerator, PlainDiscriminator28, PlainGenerator28,
        PooledDiscriminator28, ReluDiscriminator28, VbnGenerator, LEAKY, RELU, TANH,
    },
    trainer::Game,
    GanError,
};

/// The stream of the seed that DCGAN's initial weights are drawn from.
const INIT_STREAM: u64 = 21;

/// Numbers in z for points of the plane.
pub const TOY_LATENT: usize = 16;

/// A pair of networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Networks {
    /// For the plane: two hidden layers of 128, ReLU in the generator, leaky ReLU in the discriminator.
    #[default]
    Toy,
    /// The same with tanh everywhere.
    ToyTanh,
    /// [`Toy`](Self::Toy) with minibatch discrimination.
    ToyMinibatch,
    /// [`Toy`](Self::Toy) with virtual batch normalisation in the generator.
    ToyVirtualNorm,
    /// For 28 x 28: two hidden layers of 256.
    Mlp28,
    /// DCGAN for 28 x 28 at half its width: 50 → 64 → 32 → 1.
    SmallDcgan28,
    /// DCGAN for 28 x 28: 100 → 128 → 64 → 1.
    Dcgan28,
    /// [`SmallDcgan28`](Self::SmallDcgan28) with ten classes: 60 → 64 → 32 → 1.
    Conditional28,
    /// [`SmallDcgan28`](Self::SmallDcgan28) without batch normalisation.
    Plain28,
    /// [`SmallDcgan28`](Self::SmallDcgan28) with ReLU in the discriminator.
    Relu28,
    /// [`SmallDcgan28`](Self::SmallDcgan28) with pooling in the discriminator.
    Pooled28,
    /// DCGAN for three channels of 32 x 32: 100 → 256 → 128 → 64 → 3.
    Dcgan32,
}

/// Every pair, by its name.
const NAMES: &[(&str, Networks)] = &[
    ("toy", Networks::Toy),
    ("toy-tanh", Networks::ToyTanh),
    ("toy-minibatch", Networks::ToyMinibatch),
    ("toy-virtual-norm", Networks::ToyVirtualNorm),
    ("mlp28", Networks::Mlp28),
    ("small-dcgan28", Networks::SmallDcgan28),
    ("dcgan28", Networks::Dcgan28),
    ("conditional28", Networks::Conditional28),
    ("plain28", Networks::Plain28),
    ("relu28", Networks::Relu28),
    ("pooled28", Networks::Pooled28),
    ("dcgan32", Networks::Dcgan32),
];

impl std::fmt::Display for Networks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = NAMES.iter().find(|(_, networks)| networks == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl std::str::FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(name, _)| *name == text);
        let known = || NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        found.map(|(_, networks)| *networks).ok_or_else(|| format!("it takes one of {}", known()))
    }
}

impl Networks {
    /// The pair for examples of this size: points of the plane, or images of so many channels and pixels a side.
    #[must_use]
    pub fn for_examples(image: Option<(usize, usize)>) -> Option<Self> {
        match image {
            None => Some(Networks::Toy),
            Some((1, 28)) => Some(Networks::SmallDcgan28),
            Some((3, 32)) => Some(Networks::Dcgan32),
            Some(_) => None,
        }
    }

    /// Values an example.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Networks::Toy | Networks::ToyTanh | Networks::ToyMinibatch | Networks::ToyVirtualNorm => 2,
            Networks::Dcgan32 => 3072,
            _ => 784,
        }
    }

    /// Classes of the game; 0 without.
    #[must_use]
    pub fn classes(self) -> usize {
        match self {
            Networks::Conditional28 => 10,
            _ => 0,
        }
    }

    /// A fresh game.
    ///
    /// # Errors
    /// [`GanError::Recipe`] for settings out of their range, [`GanError::Device`].
    pub fn game(self, device: DeviceKind, recipe: &Recipe, seed: u64) -> Result<Box<dyn Game>, GanError> {
        device.launch(seed, Build { networks: self, recipe, seed })?
    }
}

struct Build<'a> {
    networks: Networks,
    recipe: &'a Recipe,
    seed: u64,
}

impl DeviceTask for Build<'_> {
    type Output = Result<Box<dyn Game>, GanError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        macro_rules! game {
            ($init:expr, $G:ty, $C:ty, $z:literal, $x:literal, $cx:literal, $f:literal) => {{
                let mut generator: $G = BuildModule::try_build(&device).map_err(compute)?;
                let mut critic: $C = BuildModule::try_build(&device).map_err(compute)?;
                if $init {
                    let mut rng = RunRng::new(self.seed, INIT_STREAM);
                    let fresh = dcgan_init(state_dict(&generator), &mut rng);
                    load_state_dict(&mut generator, &fresh)?;
                    let fresh = dcgan_init(state_dict(&critic), &mut rng);
                    load_state_dict(&mut critic, &fresh)?;
                }
                let game: Gan<$G, $C, D, $z, $x, $cx, $f> = Gan::new(
                    (generator, critic),
                    device.clone(),
                    self.recipe,
                    self.networks.classes(),
                    self.seed,
                )?;
                Ok(Box::new(game) as Box<dyn Game>)
            }};
        }
        match self.networks {
            Networks::Toy => game!(
                false,
                MlpGenerator<f32, D, TOY_LATENT, 128, 2, RELU, 0>,
                MlpDiscriminator<f32, D, 2, 128, LEAKY>,
                16, 2, 2, 128
            ),
            Networks::ToyTanh => game!(
                false,
                MlpGenerator<f32, D, TOY_LATENT, 128, 2, TANH, 0>,
                MlpDiscriminator<f32, D, 2, 128, TANH>,
                16, 2, 2, 128
            ),
            Networks::ToyMinibatch => game!(
                false,
                MlpGenerator<f32, D, TOY_LATENT, 128, 2, RELU, 0>,
                MinibatchDiscriminator<MlpDiscriminator<f32, D, 2, 128, LEAKY>, f32, D, 128, 16, 4, 64, 144>,
                16, 2, 2, 144
            ),
            Networks::ToyVirtualNorm => {
                let mut generator: VbnGenerator<f32, D, TOY_LATENT, 128, 2, 64, 0> =
                    BuildModule::try_build(&device).map_err(compute)?;
                generator.draw_reference(self.recipe.prior, &mut RunRng::new(self.seed, INIT_STREAM));
                let critic: MlpDiscriminator<f32, D, 2, 128, LEAKY> =
                    BuildModule::try_build(&device).map_err(compute)?;
                let game: Gan<_, _, D, 16, 2, 2, 128> =
                    Gan::new((generator, critic), device.clone(), self.recipe, 0, self.seed)?;
                Ok(Box::new(game) as Box<dyn Game>)
            }
            Networks::Mlp28 => game!(
                false,
                MlpGenerator<f32, D, 50, 256, 784, RELU, 1>,
                MlpDiscriminator<f32, D, 784, 256, LEAKY>,
                50, 784, 784, 256
            ),
            Networks::SmallDcgan28 => game!(
                true,
                DcganGenerator28<f32, D, 50, 64, 32, 3136>,
                DcganDiscriminator28<f32, D, 1, 784, 32, 64, 3136>,
                50, 784, 784, 3136
            ),
            Networks::Dcgan28 => game!(
                true,
                DcganGenerator28<f32, D, 100, 128, 64, 6272>,
                DcganDiscriminator28<f32, D, 1, 784, 64, 128, 6272>,
                100, 784, 784, 6272
            ),
            Networks::Conditional28 => game!(
                true,
                DcganGenerator28<f32, D, 60, 64, 32, 3136>,
                DcganDiscriminator28<f32, D, 11, 8624, 32, 64, 3136>,
                60, 784, 8624, 3136
            ),
            Networks::Plain28 => game!(
                true,
                PlainGenerator28<f32, D>,
                PlainDiscriminator28<f32, D>,
                50, 784, 784, 3136
            ),
            Networks::Relu28 => game!(
                true,
                DcganGenerator28<f32, D, 50, 64, 32, 3136>,
                ReluDiscriminator28<f32, D>,
                50, 784, 784, 3136
            ),
            Networks::Pooled28 => game!(
                true,
                DcganGenerator28<f32, D, 50, 64, 32, 3136>,
                PooledDiscriminator28<f32, D>,
                50, 784, 784, 3136
            ),
            Networks::Dcgan32 => game!(
                true,
                DcganGenerator32<f32, D>,
                DcganDiscriminator32<f32, D>,
                100, 3072, 3072, 4096
            ),
        }
    }
}
