//! A small classifier of 28 x 28 images, whose features stand in for Inception's: trained by a recipe, so that nothing has
//! to be shipped.

use shared::{
    device::{read_back, Backend, DeviceKind, DeviceTask},
    dfdx::prelude::*,
    nn::{state::NamedTensor, Activation, Conv2d, Flatten, Linear},
    ops::{cross_entropy::softmax_cross_entropy, targets::Targets},
    optim::{Adam, AdamConfig},
    train::epoch_order,
};

use crate::{data::Part, error::compute, net::Vectors, GanError};

/// Features of an image: the classifier's last hidden layer.
pub const FEATURES: usize = 64;
/// Classes.
pub const CLASSES: usize = 10;

/// Images seen at a time.
const BATCH: usize = 64;

shared::module! {
    /// 28 x 28 → 16 maps of 14 x 14 → 32 of 7 x 7 → 64 features → 10 classes.
    pub struct DigitNet<E, D> {
        /// To 14 x 14.
        pub conv1: Conv2d<1, 16, 28, 14, 4, 2, 1, E, D>,
        /// To 7 x 7.
        pub conv2: Conv2d<16, 32, 14, 7, 4, 2, 1, E, D>,
        /// As vectors.
        pub flat: Flatten<32, 7, 1568>,
        /// The features.
        pub hidden: Linear<1568, 64, E, D>,
        /// The logits.
        pub output: Linear<64, 10, E, D>,
    }
}

impl<D: Backend> DigitNet<f32, D> {
    fn features<T: Tape<f32, D>>(
        &self,
        x: Vectors<784, D>,
        tape: T,
    ) -> Result<Vectors<FEATURES, D, T>, D::Err> {
        let rows = x.shape().0;
        let x = x.try_reshape_like(&(rows, Const::<1>, Const::<28>, Const::<28>))?;
        let h = self.conv1.forward_data(x, tape, Activation::Relu)?;
        let h = self.flat.forward(self.conv2.forward(h, Activation::Relu)?)?;
        self.hidden.forward(h, Activation::Relu)
    }
}

/// What a recogniser says of images.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognised {
    /// Features, [`FEATURES`] an image.
    pub features: Vec<f32>,
    /// Probabilities of the classes, [`CLASSES`] an image.
    pub probabilities: Vec<f32>,
}

impl Recognised {
    /// The likeliest class of each image.
    #[must_use]
    pub fn classes(&self) -> Vec<usize> {
        let best = |p: &[f32]| (1..p.len()).fold(0, |best, k| if p[k] > p[best] { k } else { best });
        self.probabilities.chunks_exact(CLASSES).map(best).collect()
    }
}

/// A trained classifier; its weights are plain values, so it can be shared among threads.
#[derive(Clone, Debug, PartialEq)]
pub struct Recogniser {
    weights: Vec<NamedTensor>,
}

impl Recogniser {
    /// Trains on 28 x 28 images in [−1, 1]: Adam at 1e-3, batches of 64, `epochs` passes.
    ///
    /// # Errors
    /// [`GanError::Values`] for other images, else the device's.
    pub fn train(images: &Part, epochs: usize, seed: u64) -> Result<Self, GanError> {
        crate::gan::rows_of("images to recognise", &images.values, 784)?;
        DeviceKind::Cpu.launch(seed, Train { images, epochs, seed })?
    }

    /// Looks at images.
    ///
    /// # Errors
    /// [`GanError::Values`] for images of another size.
    pub fn look(&self, values: &[f32]) -> Result<Recognised, GanError> {
        crate::gan::rows_of("images to recognise", values, 784)?;
        DeviceKind::Cpu.launch(0, Look { weights: &self.weights, values })?
    }

    /// The share of images whose class it tells.
    ///
    /// # Errors
    /// As [`look`](Self::look).
    pub fn accuracy(&self, images: &Part) -> Result<f64, GanError> {
        let found = self.look(&images.values)?.classes();
        let right = found.iter().zip(&images.labels).filter(|(a, b)| a == b).count();
        Ok(right as f64 / images.len().max(1) as f64)
    }
}

struct Train<'a> {
    images: &'a Part,
    epochs: usize,
    seed: u64,
}

impl DeviceTask for Train<'_> {
    type Output = Result<Recogniser, GanError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let mut net: DigitNet<f32, D> = BuildModule::try_build(&device).map_err(compute)?;
        let mut optimizer = Adam::new(AdamConfig::default())?;
        let mut grads = net.try_alloc_grads().map_err(compute)?;
        for epoch in 0..self.epochs {
            for members in epoch_order(self.images.len(), self.seed, epoch).chunks(BATCH) {
                let mut values = Vec::with_capacity(members.len() * 784);
                members.iter().for_each(|m| values.extend_from_slice(&self.images.values[m * 784..][..784]));
                let labels = members.iter().map(|m| self.images.labels[*m]).collect();
                let targets = Targets::new(labels, CLASSES).map_err(|e| GanError::Training(e.to_string()))?;
                let x: Vectors<784, D> =
                    device.try_tensor_from_vec(values, (members.len(), Const)).map_err(compute)?;
                let (x, tape) = x.traced(grads).split_tape();
                let step = || -> Result<_, D::Err> {
                    let features = net.features(x, tape)?;
                    softmax_cross_entropy(net.output.forward(features, Activation::Identity)?, &targets)?
                        .try_backward()
                };
                grads = step().map_err(compute)?;
                optimizer.step(&mut net, &mut grads)?;
            }
        }
        Ok(Recogniser { weights: shared::nn::state::state_dict(&net) })
    }
}

struct Look<'a> {
    weights: &'a [NamedTensor],
    values: &'a [f32],
}

impl DeviceTask for Look<'_> {
    type Output = Result<Recognised, GanError>;

    fn run<D: Backend>(self, device: D) -> Self::Output {
        let mut net: DigitNet<f32, D> = BuildModule::try_build(&device).map_err(compute)?;
        shared::nn::state::load_state_dict(&mut net, self.weights)?;
        let mut found = Recognised { features: Vec::new(), probabilities: Vec::new() };
        for values in self.values.chunks(256 * 784) {
            let x: Vectors<784, D> =
                device.try_tensor_from_vec(values.to_vec(), (values.len() / 784, Const)).map_err(compute)?;
            let features = net.features(x, NoneTape).map_err(compute)?;
            found.features.extend(read_back(&features));
            let logits = net.output.forward(features, Activation::Identity).map_err(compute)?;
            found.probabilities.extend(read_back(&logits.try_softmax::<Axis<1>>().map_err(compute)?));
        }
        Ok(found)
    }
}
