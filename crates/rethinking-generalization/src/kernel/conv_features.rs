//! A convolutional layer nobody trained: filters that are random patches of the training images.
//!
//! # Formula
//!
//! A patch v is freed of brightness and contrast, u = (v - mean v) / √(var v + c), and whitened, w = Z (u - μ) with
//! Z = V (Λ + ε)^(-1/2) Vᵀ from the covariance VΛVᵀ of sampled patches. Filters f are whitened patches of unit norm. An
//! image's features are the means over each cell of a grid of max(0, fᵀw - b) and max(0, -fᵀw - b).

use std::ops::Range;

use datasets::images::ImageShape;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{self, ComputeEigenvectors};
use faer::{Accum, Col, Mat, MatMut, MatRef, Par};
use rand::{rngs::StdRng, Rng, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::error::{zeros, KernelError};
use crate::product::{clear_upper_halves, multiply};

/// Filters whose responses are held at a time: the responses to an image then fit the cache.
const BLOCK: usize = 256;

/// The sizes of the layer. Defaults are small; the paper has 32,000 filters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ConvOptions {
    /// The edge of a patch; 6.
    pub patch: usize,
    /// F; 1,000.
    pub filters: usize,
    /// Cells along each side of the image over which responses are averaged; 2.
    pub grid: usize,
    /// b, what a response must exceed; 1.
    pub threshold: f64,
    /// c, added to the variance of a patch; 10 / 255² for pixels from 0 to 1.
    pub contrast: f64,
    /// ε, added to the eigenvalues; 0.1.
    pub whitening: f64,
    /// Patches from which the whitening is computed, and filters drawn; at least as many as filters are used. 20,000.
    pub samples: usize,
    /// The seed of the patches; 0.
    pub seed: u64,
}

impl Default for ConvOptions {
    fn default() -> Self {
        let contrast = 10.0 / (255.0 * 255.0);
        let (patch, filters, grid, threshold) = (6, 1000, 2, 1.0);
        Self { patch, filters, grid, threshold, contrast, whitening: 0.1, samples: 20_000, seed: 0 }
    }
}

/// Random convolutional features, fixed once from training images.
///
/// # Reference
///
/// Zhang et al. 2017, section 5: 17 % test error on CIFAR-10 with 32,000 random filters and no regularization; Coates
/// and Ng, "Learning feature representations with k-means", 2012 (patches, whitening, two-sided rectifier, pooling).
///
/// # Example
///
/// ```
/// use datasets::images::ImageShape;
/// use rethinking_generalization::kernel::{ConvFeatures, ConvOptions};
///
/// let images: Vec<f32> = (0..4 * 64).map(|k| (k * k % 251) as f32 / 251.0).collect();
/// let options = ConvOptions { patch: 3, filters: 5, samples: 100, ..ConvOptions::default() };
/// let features = ConvFeatures::new(&images, ImageShape::new(1, 8, 8), &options)?;
/// assert_eq!(features.width(), 2 * 5 * 2 * 2);
/// assert_eq!(features.of(&images, 0..5)?.len(), 4 * 40);
/// # Ok::<(), rethinking_generalization::kernel::KernelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ConvFeatures {
    shape: ImageShape,
    options: ConvOptions,
    /// Z f of every filter: F x patch size, row-major.
    filters: Vec<f32>,
    /// fᵀ Z μ of every filter.
    offsets: Vec<f32>,
}

impl ConvFeatures {
    /// Samples patches of `images`, whitens them and draws the filters.
    ///
    /// # Shapes
    ///
    /// `images`: any number of images of `shape`, planar, 0 to 1.
    ///
    /// # Errors
    ///
    /// [`KernelError::Setting`] for an option outside its range, [`KernelError::Count`] for a cut or no image,
    /// [`KernelError::NotFinite`], [`KernelError::Eigenvalues`].
    ///
    /// # Complexity
    ///
    /// O(samples · s² + s³) for patches of s numbers.
    pub fn new(images: &[f32], shape: ImageShape, options: &ConvOptions) -> Result<Self, KernelError> {
        check_options(shape, options)?;
        check_images(images, shape)?;
        if images.is_empty() {
            let (what, why) = ("images", "filters are patches of the training images");
            return Err(KernelError::Count { what, found: 0, expected: 1, why });
        }
        let size = shape.channels * options.patch * options.patch;
        let count = options.samples.max(options.filters);
        let mut rng = StdRng::seed_from_u64(options.seed);
        let last = ((shape.height - options.patch) as u64, (shape.width - options.patch) as u64);
        let mut patches: Vec<f64> = zeros(count * size)?;
        let mut patch = vec![0.0f32; size];
        for to in patches.chunks_exact_mut(size) {
            let image = rng.gen_range(0..(images.len() / shape.pixels()) as u64) as usize;
            let (row, column) = (rng.gen_range(0..=last.0) as usize, rng.gen_range(0..=last.1) as usize);
            let image = &images[image * shape.pixels()..(image + 1) * shape.pixels()];
            normalized_patch(image, shape, options, (row, column), &mut patch);
            to.iter_mut().zip(&patch).for_each(|(to, &from)| *to = f64::from(from));
        }
        let mean = column_means(&patches, size);
        patches
            .chunks_exact_mut(size)
            .for_each(|patch| patch.iter_mut().zip(&mean).for_each(|(x, m)| *x -= m));
        let whitening = whitening(&patches, size, options.whitening)?;
        // Samples are independent draws, so the first are as good as any.
        let chosen = MatRef::from_row_major_slice(&patches[..options.filters * size], options.filters, size);
        let (mut filters, mut whitened) =
            (Mat::zeros(options.filters, size), Mat::zeros(options.filters, size));
        multiply(whitened.as_mut(), Accum::Replace, chosen, whitening.as_ref(), 1.0);
        for filter in whitened.as_mut().row_iter_mut() {
            let norm = filter.norm_l2();
            let scale = if norm > 0.0 { norm.recip() } else { 0.0 };
            filter.iter_mut().for_each(|x| *x *= scale);
        }
        multiply(filters.as_mut(), Accum::Replace, whitened.as_ref(), whitening.as_ref(), 1.0);
        let rows = || filters.row_iter();
        let offset =
            |row: faer::RowRef<'_, f64>| row.iter().zip(&mean).map(|(f, m)| f * m).sum::<f64>() as f32;
        let offsets = rows().map(offset).collect();
        let filters = rows().flat_map(|row| row.iter().map(|&x| x as f32).collect::<Vec<_>>()).collect();
        Ok(Self { shape, options: *options, filters, offsets })
    }

    /// The shape of the images.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// F.
    pub fn filters(&self) -> usize {
        self.options.filters
    }

    /// Features of an image: 2 F grid².
    pub fn width(&self) -> usize {
        self.width_of(self.filters())
    }

    /// Features of an image from so many filters.
    pub(super) fn width_of(&self, filters: usize) -> usize {
        2 * filters * self.options.grid * self.options.grid
    }

    /// The features of every image from the filters of `range`.
    ///
    /// # Shapes
    ///
    /// Result: images x cells x 2 x `range.len()`, row-major; the two are the positive and the negative side.
    ///
    /// # Errors
    ///
    /// [`KernelError::Setting`] for a range beyond F, [`KernelError::Count`] for a cut image,
    /// [`KernelError::NotFinite`], [`KernelError::Allocation`].
    ///
    /// # Complexity
    ///
    /// 2 · places · patch size operations for each image and filter, in parallel over images.
    pub fn of(&self, images: &[f32], range: Range<usize>) -> Result<Vec<f32>, KernelError> {
        check_images(images, self.shape)?;
        if range.start > range.end || range.end > self.filters() {
            let (name, allowed) = ("a range of filters", "within those of the layer");
            return Err(KernelError::Setting { name, value: format!("{range:?}"), allowed });
        }
        let width = self.width_of(range.len());
        let count = images.len() / self.shape.pixels();
        let mut all: Vec<f32> = zeros(count.saturating_mul(width))?;
        if width > 0 {
            let images = images.par_chunks_exact(self.shape.pixels());
            all.par_chunks_exact_mut(width).zip(images).for_each_init(
                || (Vec::new(), Vec::new()),
                |(patches, responses), (out, image)| {
                    self.image(image, range.clone(), patches, responses, out)
                },
            );
        }
        Ok(all)
    }

    fn image(
        &self,
        image: &[f32],
        range: Range<usize>,
        patches: &mut Vec<f32>,
        responses: &mut Vec<f32>,
        out: &mut [f32],
    ) {
        let (edge, size) = (self.options.patch, self.filters.len() / self.filters());
        let (rows, columns) = (self.shape.height - edge + 1, self.shape.width - edge + 1);
        patches.resize(rows * columns * size, 0.0);
        for (place, patch) in patches.chunks_exact_mut(size).enumerate() {
            normalized_patch(image, self.shape, &self.options, (place / columns, place % columns), patch);
        }
        let patches = MatRef::from_row_major_slice(patches, rows * columns, size);
        let cell = |at: usize, of: usize| at * self.options.grid / of;
        for start in range.clone().step_by(BLOCK) {
            let len = BLOCK.min(range.end - start);
            let filters =
                MatRef::from_row_major_slice(&self.filters[start * size..(start + len) * size], len, size);
            responses.resize(rows * columns * len, 0.0);
            let product = MatMut::from_row_major_slice_mut(responses, rows * columns, len);
            multiply(product, Accum::Replace, patches, filters.transpose(), 1.0);
            let offsets = &self.offsets[start..start + len];
            for (place, responses) in responses.chunks_exact(len).enumerate() {
                let at = cell(place / columns, rows) * self.options.grid + cell(place % columns, columns);
                let sides = &mut out[2 * at * range.len()..2 * (at + 1) * range.len()];
                let (positive, negative) = sides.split_at_mut(range.len());
                let own = start - range.start..start - range.start + len;
                let sides = positive[own.clone()].iter_mut().zip(&mut negative[own]);
                let threshold = self.options.threshold as f32;
                for ((response, offset), (positive, negative)) in responses.iter().zip(offsets).zip(sides) {
                    let response = response - offset;
                    *positive += (response - threshold).max(0.0);
                    *negative += (-response - threshold).max(0.0);
                }
            }
        }
        for (at, sides) in out.chunks_exact_mut(2 * range.len()).enumerate() {
            let (down, across) = (at / self.options.grid, at % self.options.grid);
            let places = |own: usize, of: usize| (0..of).filter(|&k| cell(k, of) == own).count();
            let scale = 1.0 / (places(down, rows) * places(across, columns)) as f32;
            sides.iter_mut().for_each(|x| *x *= scale);
        }
    }
}

/// u of the patch whose first pixel is (row, column).
fn normalized_patch(
    image: &[f32],
    shape: ImageShape,
    options: &ConvOptions,
    (row, column): (usize, usize),
    out: &mut [f32],
) {
    let edge = options.patch;
    for (k, to) in out.chunks_exact_mut(edge).enumerate() {
        let start = k / edge * shape.plane() + (row + k % edge) * shape.width + column;
        to.copy_from_slice(&image[start..start + edge]);
    }
    let mean = out.iter().sum::<f32>() / out.len() as f32;
    let variance = out.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / out.len() as f32;
    let scale = 1.0 / (variance + options.contrast as f32).sqrt();
    out.iter_mut().for_each(|x| *x = (*x - mean) * scale);
}

fn column_means(rows: &[f64], size: usize) -> Vec<f64> {
    let mut mean = vec![0.0; size];
    rows.chunks_exact(size).for_each(|row| mean.iter_mut().zip(row).for_each(|(m, x)| *m += x));
    mean.iter_mut().for_each(|m| *m /= (rows.len() / size) as f64);
    mean
}

/// Z of rows with mean 0.
fn whitening(rows: &[f64], size: usize, epsilon: f64) -> Result<Mat<f64>, KernelError> {
    let count = rows.len() / size;
    let rows = MatRef::from_row_major_slice(rows, count, size);
    let mut covariance = Mat::<f64>::zeros(size, size);
    multiply(covariance.as_mut(), Accum::Replace, rows.transpose(), rows, 1.0 / count as f64);
    let (mut values, mut vectors) = (Col::<f64>::zeros(size), Mat::<f64>::zeros(size, size));
    let need =
        evd::self_adjoint_evd_scratch::<f64>(size, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(need);
    let (stack, options) = (MemStack::new(&mut memory), Default::default());
    let (s, u) = (values.as_diagonal_mut(), Some(vectors.as_mut()));
    let outcome = evd::self_adjoint_evd(covariance.as_ref(), s, u, Par::Seq, stack, options);
    clear_upper_halves();
    outcome.map_err(|_| KernelError::Eigenvalues { size })?;
    let scaled = Mat::from_fn(size, size, |row, column| {
        vectors[(row, column)] / (values[column].max(0.0) + epsilon).sqrt()
    });
    let mut whitening = Mat::<f64>::zeros(size, size);
    multiply(whitening.as_mut(), Accum::Replace, scaled.as_ref(), vectors.transpose(), 1.0);
    Ok(whitening)
}

fn check_options(shape: ImageShape, options: &ConvOptions) -> Result<(), KernelError> {
    let bad = |name, value: String, allowed| Err(KernelError::Setting { name, value, allowed });
    let side = shape.height.min(shape.width);
    if shape.channels == 0 || options.patch == 0 || options.patch > side {
        return bad(
            "the edge of a patch",
            options.patch.to_string(),
            "from 1 to the shorter side of the image",
        );
    }
    if options.grid == 0 || options.grid > side - options.patch + 1 {
        return bad(
            "the pooling grid",
            options.grid.to_string(),
            "from 1 to the places of a patch along a side",
        );
    }
    if !(1..=1_000_000).contains(&options.filters) {
        return bad("the number of filters", options.filters.to_string(), "from 1 to 1000000");
    }
    if !(1..=10_000_000).contains(&options.samples) {
        return bad("the number of sampled patches", options.samples.to_string(), "from 1 to 10000000");
    }
    for (name, value) in
        [("the contrast constant", options.contrast), ("the whitening constant", options.whitening)]
    {
        if !(1e-12..=1e6).contains(&value) {
            return bad(name, value.to_string(), "from 1e-12 to 1e6");
        }
    }
    if !(0.0..=1e6).contains(&options.threshold) {
        return bad("the threshold of responses", options.threshold.to_string(), "from 0 to 1e6");
    }
    Ok(())
}

fn check_images(images: &[f32], shape: ImageShape) -> Result<(), KernelError> {
    let each = shape.pixels();
    if !images.len().is_multiple_of(each) {
        let (found, expected) = (images.len(), images.len().next_multiple_of(each));
        let (what, why) = ("pixels", "every image has all pixels of its shape");
        return Err(KernelError::Count { what, found, expected, why });
    }
    match images.iter().position(|x| !x.is_finite()) {
        Some(at) => {
            Err(KernelError::NotFinite { what: "the images", row: at / each, value: f64::from(images[at]) })
        }
        None => Ok(()),
    }
}
