//! Some images and what is in them.

/// Images with their labels, as a network takes them: plain numbers, no device.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    images: Vec<f32>,
    labels: Vec<usize>,
    per_image: usize,
    sources: Option<Vec<f32>>,
}

impl Batch {
    /// Images (B, C, H, W) in \[0, 1\], the `per_image` different labels of each (B, K), and for more than one label the
    /// images that they were overlaid from (B, K, C, H, W).
    #[must_use]
    pub fn new(images: Vec<f32>, labels: Vec<usize>, per_image: usize, sources: Option<Vec<f32>>) -> Self {
        Batch { images, labels, per_image, sources }
    }

    /// The number of images, B.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len() / self.per_image.max(1)
    }

    /// Whether there is no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Labels of each image, K.
    #[must_use]
    pub fn per_image(&self) -> usize {
        self.per_image
    }

    /// The images, one after the other.
    #[must_use]
    pub fn images(&self) -> &[f32] {
        &self.images
    }

    /// The numbers in an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.images.len() / self.len().max(1)
    }

    /// Label number `digit` of each image.
    pub fn labels_of(&self, digit: usize) -> impl Iterator<Item = usize> + '_ {
        self.labels.iter().skip(digit).step_by(self.per_image.max(1)).copied()
    }

    /// A row for each image, (B, J): 1 at its labels, 0 elsewhere.
    #[must_use]
    pub fn targets(&self, classes: usize) -> Vec<f32> {
        let mut targets = vec![0.0; self.len() * classes];
        for digit in 0..self.per_image {
            for (image, label) in self.labels_of(digit).enumerate() {
                targets[image * classes + label] = 1.0;
            }
        }
        targets
    }

    /// What should be decoded from label number `digit` of each image, (B, C H W): the image itself, or the one among
    /// those that it was overlaid from.
    #[must_use]
    pub fn source(&self, digit: usize) -> Vec<f32> {
        match &self.sources {
            None => self.images.clone(),
            Some(sources) => {
                let images = sources.chunks_exact(self.pixels().max(1));
                images.skip(digit).step_by(self.per_image.max(1)).flatten().copied().collect()
            }
        }
    }
}
