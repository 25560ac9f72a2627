//! Data sets as rows that are written on demand, and the corrupted view of one.

use std::sync::Arc;

use datasets::{
    images::ImageSet,
    transforms::{centre_crop, flip, random_crop, whiten_bytes},
    DatasetError,
};
use rand::{seq::SliceRandom, Rng};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use shared::train::RunRng;

use crate::{Corruption, LabError, TestLabels};

/// Inputs that one task of the pool prepares at the least.
const LEAST_INPUTS: usize = 8;

/// How the values of an input are laid out: plane after plane, each with one value a position.
///
/// Positions are what shuffles move; all channels of a position move together. An image of C x H x W has C channels of
/// H · W positions; a row of F features has one channel of F positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Planes.
    pub channels: usize,
    /// Values a plane.
    pub positions: usize,
}

impl Layout {
    /// Values an input.
    #[must_use]
    pub fn values(self) -> usize {
        self.channels * self.positions
    }
}

/// Any image or tabular data set with classes.
///
/// `pass` is the pass over the training set (epoch) for which an input is wanted: augmentation draws anew for each. `None`
/// is the one form that is measured on. Everything else about an input is a function of its number, so views of views cost no
/// copies and batches are the same bits at any number of threads.
pub trait Examples: Send + Sync {
    /// How many there are.
    fn len(&self) -> usize;
    /// The layout of an input.
    fn layout(&self) -> Layout;
    /// K.
    fn classes(&self) -> usize;
    /// The class of input `i`, below K.
    fn label(&self, i: usize) -> usize;
    /// Writes input `i`. `out` has [`Layout::values`] values.
    ///
    /// # Errors
    /// The data set's.
    fn write(&self, i: usize, pass: Option<u64>, out: &mut [f32]) -> Result<(), LabError>;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inputs at `members` one after the other, and their classes.
    ///
    /// # Errors
    /// [`LabError::Count`] for a member that is not there, and the data set's.
    ///
    /// # Complexity
    /// O(members · values), over the threads of the current pool.
    fn batch(&self, members: &[usize], pass: Option<u64>) -> Result<(Vec<f32>, Vec<usize>), LabError> {
        if let Some(at) = members.iter().find(|at| **at >= self.len()) {
            return Err(LabError::Count {
                what: "examples",
                found: self.len(),
                expected: at + 1,
                why: "because one of that number was asked for",
            });
        }
        let values = self.layout().values().max(1);
        let mut inputs = vec![0.0; members.len() * values];
        let slots = inputs.par_chunks_mut(values).zip(members).with_min_len(LEAST_INPUTS);
        slots.try_for_each(|(out, member)| self.write(*member, pass, out))?;
        Ok((inputs, members.iter().map(|member| self.label(*member)).collect()))
    }
}

impl<E: Examples + ?Sized> Examples for &E {
    fn len(&self) -> usize {
        (**self).len()
    }
    fn layout(&self) -> Layout {
        (**self).layout()
    }
    fn classes(&self) -> usize {
        (**self).classes()
    }
    fn label(&self, i: usize) -> usize {
        (**self).label(i)
    }
    fn write(&self, i: usize, pass: Option<u64>, out: &mut [f32]) -> Result<(), LabError> {
        (**self).write(i, pass, out)
    }
}

/// Rows of numbers with classes.
///
/// # Example
/// ```
/// use rethinking_generalization::{Examples, Table};
/// let table = Table::new(vec![0.5, 1.0, -1.0, 2.0], vec![1, 0], 2)?;
/// assert_eq!(table.batch(&[1], None)?, (vec![-1.0, 2.0], vec![0]));
/// assert!(Table::new(vec![0.5, 1.0, -1.0], vec![1, 0], 2).is_err());
/// # Ok::<(), rethinking_generalization::LabError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    rows: Vec<f32>,
    labels: Vec<usize>,
    classes: usize,
    layout: Layout,
}

impl Table {
    /// Rows one after the other, and the class of each. Features should be on one scale, such as standardised: noise takes
    /// one mean and variance for all of them.
    ///
    /// # Errors
    /// [`LabError::Count`] where there is no row, the values do not divide into rows, or a label is not below `classes`;
    /// [`LabError::Value`] for a number that is not finite.
    pub fn new(rows: Vec<f32>, labels: Vec<usize>, classes: usize) -> Result<Self, LabError> {
        Table::with_channels(rows, labels, classes, 1)
    }

    /// As [`new`](Self::new), with each row `channels` planes, such as 3 for colour images.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_channels(
        rows: Vec<f32>,
        labels: Vec<usize>,
        classes: usize,
        channels: usize,
    ) -> Result<Self, LabError> {
        let (found, count) = (rows.len(), labels.len());
        let of = |what, found, expected, why| LabError::Count { what, found, expected, why };
        if count == 0 || found == 0 {
            return Err(of("rows", 0, 1, "because there is nothing to learn from otherwise"));
        }
        if channels == 0 || found % (count * channels) != 0 {
            let expected = (found / count).max(1) * count;
            return Err(of("values", found, expected, "the same number for each label and channel"));
        }
        if let Some(label) = labels.iter().find(|label| **label >= classes) {
            return Err(of("classes", classes, label + 1, "because a label is that of the last one"));
        }
        if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
            return Err(LabError::Value { row: at / (found / count), value: rows[at] });
        }
        let layout = Layout { channels, positions: found / (count * channels) };
        Ok(Table { rows, labels, classes, layout })
    }
}

impl Examples for Table {
    fn len(&self) -> usize {
        self.labels.len()
    }
    fn layout(&self) -> Layout {
        self.layout
    }
    fn classes(&self) -> usize {
        self.classes
    }
    fn label(&self, i: usize) -> usize {
        self.labels[i]
    }
    fn write(&self, i: usize, _: Option<u64>, out: &mut [f32]) -> Result<(), LabError> {
        let values = self.layout.values();
        out.copy_from_slice(&self.rows[i * values..(i + 1) * values]);
        Ok(())
    }
}

/// How images are prepared (appendix A): divided by 255, the centre cut out, whitened image by image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preparation {
    /// Pixels along a side of what is cut out; from a smaller image, with black around it.
    pub side: usize,
    /// Whether a square at random is cut out in training, and not the centre.
    pub crop: bool,
    /// Whether every second image is mirrored in training.
    pub flip: bool,
    /// Fixes what augmentation draws.
    pub seed: u64,
}

/// Images with three channels, whitened; grey ones are shown to all three.
#[derive(Clone, Debug)]
pub struct Images {
    set: Arc<ImageSet>,
    preparation: Preparation,
}

/// Streams of a seed: one for each purpose and input.
const AUGMENT: u64 = 0xA5 << 56;
const LABELS: u64 = 0xA6 << 56;
const PIXELS: u64 = 0xA7 << 56;
/// Added for the test set, so that it draws other numbers than the training set.
const TEST: u64 = 1 << 55;

impl Images {
    /// A view of a set.
    ///
    /// # Errors
    /// [`DatasetError::Inconsistent`] unless images have 1 or 3 channels and there is one, and for a side of 0.
    pub fn new(set: Arc<ImageSet>, preparation: Preparation) -> Result<Self, LabError> {
        let channels = set.shape().channels;
        if ![1, 3].contains(&channels) || set.is_empty() || preparation.side == 0 {
            return Err(DatasetError::Inconsistent {
                what: "a set of images",
                expected: "one or more images of 1 or 3 channels, to be cut to 1 or more pixels a side"
                    .into(),
                found: format!("{} of {}, to be cut to {}", set.len(), set.shape(), preparation.side),
            }
            .into());
        }
        Ok(Images { set, preparation })
    }
}

impl Examples for Images {
    fn len(&self) -> usize {
        self.set.len()
    }
    fn layout(&self) -> Layout {
        Layout { channels: 3, positions: self.preparation.side * self.preparation.side }
    }
    fn classes(&self) -> usize {
        self.set.classes()
    }
    fn label(&self, i: usize) -> usize {
        usize::from(self.set.labels()[i])
    }

    fn write(&self, i: usize, pass: Option<u64>, out: &mut [f32]) -> Result<(), LabError> {
        let Preparation { side, crop, flip: mirror, seed } = self.preparation;
        let Some((pixels, _)) = self.set.get(i) else { return Ok(()) };
        let from = self.set.shape();
        let to = datasets::images::ImageShape { height: side, width: side, ..from };
        let mut cut = vec![0_u8; to.pixels()];
        // one stream an image and pass: what an image gets does not depend on its company
        let mut rng = pass.map(|pass| RunRng::new(seed, AUGMENT + (pass << 32) + i as u64));
        match &mut rng {
            Some(rng) if crop => {
                random_crop(pixels, from, 0, rng, &mut cut, to)?;
            }
            _ => centre_crop(pixels, from, &mut cut, to)?,
        }
        if mirror && rng.is_some_and(|mut rng| rng.r#gen()) {
            flip(&mut cut, to)?;
        }
        Ok(whiten_bytes(&cut, out)?)
    }
}

/// Which part of a data set a view is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is trained on: labels are corrupted.
    Train,
    /// What is measured on: inputs are corrupted, and labels as [`TestLabels`] says.
    Test(TestLabels),
}

/// A data set as a [`Corruption`] leaves it: nothing is copied, every input is made when it is asked for.
///
/// All that is random is a function of the seed, the part and the number of the input: frozen over epochs, and the same
/// whichever inputs are asked for.
///
/// # Example
/// ```
/// use rethinking_generalization::{Corrupted, Corruption, Examples, Part, Table};
/// let table = Table::new((0..40).map(|v| v as f32).collect(), vec![0; 10], 5)?;
/// let view = Corrupted::new(&table, Corruption::ShuffledPixels, Part::Train, 7)?;
/// let (rows, labels) = view.batch(&[0, 1], None)?;
/// assert_eq!((rows[4] - rows[0], rows[7] - rows[3]), (4.0, 4.0)); // the same permutation
/// assert_eq!(labels, [0, 0]);
/// # Ok::<(), rethinking_generalization::LabError>(())
/// ```
#[derive(Debug)]
pub struct Corrupted<'a, E: ?Sized> {
    base: &'a E,
    corruption: Corruption,
    part: Part,
    seed: u64,
    /// Where each position's value comes from, for [`Corruption::ShuffledPixels`].
    order: Vec<usize>,
    /// Mean and standard deviation of each channel, for [`Corruption::Gaussian`].
    moments: Arc<Vec<(f64, f64)>>,
}

impl<'a, E: Examples + ?Sized> Corrupted<'a, E> {
    /// The training or test part as a corruption leaves it. For [`Corruption::Gaussian`], give the test part through
    /// [`test_of`](Self::test_of), so that it has the moments of the training set.
    ///
    /// # Errors
    /// [`LabError::Corruption`] for a probability that is none, and the data set's.
    ///
    /// # Complexity
    /// O(1), but O(data) for Gaussian inputs, whose moments are taken here.
    pub fn new(base: &'a E, corruption: Corruption, part: Part, seed: u64) -> Result<Self, LabError> {
        let corruption = corruption.check()?;
        let moments = match corruption {
            Corruption::Gaussian => moments(base)?,
            _ => Vec::new(),
        };
        Ok(Corrupted::with_moments(base, corruption, part, seed, Arc::new(moments)))
    }

    /// The test set that belongs to this training set.
    #[must_use]
    pub fn test_of<'b, T: Examples + ?Sized>(&self, test: &'b T, labels: TestLabels) -> Corrupted<'b, T> {
        let moments = self.moments.clone();
        Corrupted::with_moments(test, self.corruption, Part::Test(labels), self.seed, moments)
    }

    fn with_moments(
        base: &'a E,
        corruption: Corruption,
        part: Part,
        seed: u64,
        moments: Arc<Vec<(f64, f64)>>,
    ) -> Self {
        let order = match corruption {
            Corruption::ShuffledPixels => {
                permutation(base.layout().positions, &mut RunRng::new(seed, PIXELS))
            }
            _ => Vec::new(),
        };
        Corrupted { base, corruption, part, seed, order, moments }
    }

    /// The generator of an input, of a purpose.
    fn rng(&self, purpose: u64, i: usize) -> RunRng {
        let part = if self.part == Part::Train { 0 } else { TEST };
        // the stream without a number is that of the one permutation
        RunRng::new(self.seed, purpose + part + 1 + i as u64)
    }
}

impl<E: Examples + ?Sized> Examples for Corrupted<'_, E> {
    fn len(&self) -> usize {
        self.base.len()
    }
    fn layout(&self) -> Layout {
        self.base.layout()
    }
    fn classes(&self) -> usize {
        self.base.classes()
    }

    fn label(&self, i: usize) -> usize {
        let p = self.corruption.label_probability();
        if p == 0.0 || self.part == Part::Test(TestLabels::Clean) {
            return self.base.label(i);
        }
        let mut rng = self.rng(LABELS, i);
        // the same inputs are redrawn at a larger p, and to the same labels: curves over p compare the same draws
        let (redrawn, label) = (rng.r#gen::<f64>() < p, rng.gen_range(0..self.classes().max(1)));
        if redrawn {
            label
        } else {
            self.base.label(i)
        }
    }

    fn write(&self, i: usize, pass: Option<u64>, out: &mut [f32]) -> Result<(), LabError> {
        match self.corruption {
            Corruption::Gaussian => {
                let mut rng = self.rng(PIXELS, i);
                let planes = out.chunks_mut(self.layout().positions.max(1)).zip(&*self.moments);
                for (plane, (mean, deviation)) in planes {
                    let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
                    plane.iter_mut().for_each(|value| *value = (mean + deviation * draw()) as f32);
                }
                Ok(())
            }
            Corruption::ShuffledPixels => {
                self.base.write(i, pass, out)?;
                reorder(out, &self.order);
                Ok(())
            }
            Corruption::RandomPixels => {
                self.base.write(i, pass, out)?;
                reorder(out, &permutation(self.layout().positions, &mut self.rng(PIXELS, i)));
                Ok(())
            }
            _ => self.base.write(i, pass, out),
        }
    }
}

fn permutation(positions: usize, rng: &mut RunRng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..positions).collect();
    order.shuffle(rng);
    order
}

/// Moves the values of every plane as one permutation says.
fn reorder(values: &mut [f32], order: &[usize]) {
    let mut before = vec![0.0; order.len()];
    for plane in values.chunks_mut(order.len().max(1)) {
        before.copy_from_slice(plane);
        plane.iter_mut().zip(order).for_each(|(value, from)| *value = before[*from]);
    }
}

/// Mean and standard deviation of each channel over the whole set, summed input by input.
fn moments<E: Examples + ?Sized>(examples: &E) -> Result<Vec<(f64, f64)>, LabError> {
    let Layout { channels, positions } = examples.layout();
    let sums: Vec<Vec<(f64, f64)>> = (0..examples.len())
        .into_par_iter()
        .with_min_len(LEAST_INPUTS)
        .map_init(
            || vec![0.0; channels * positions],
            |input, i| {
                examples.write(i, None, input)?;
                let of = |plane: &[f32]| {
                    plane.iter().map(|v| f64::from(*v)).fold((0.0, 0.0), |(s, q), v| (s + v, q + v * v))
                };
                Ok::<_, LabError>(input.chunks(positions.max(1)).map(of).collect())
            },
        )
        .collect::<Result<_, _>>()?;
    let count = (examples.len() * positions).max(1) as f64;
    let of_channel = |channel: usize| {
        let (sum, squares) =
            sums.iter().map(|s| s[channel]).fold((0.0, 0.0), |(s, q), (a, b)| (s + a, q + b));
        let mean = sum / count;
        (mean, (squares / count - mean * mean).max(0.0).sqrt())
    };
    Ok((0..channels).map(of_channel).collect())
}
