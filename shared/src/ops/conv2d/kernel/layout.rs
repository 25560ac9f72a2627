//! Images with their padding, laid out so that neighbouring results read neighbouring pixels.

/// Where each pixel of a padded image lies: split by the phases of the stride, rows apart by a pitch.
///
/// With stride S, results one apart look at pixels S apart; split into S x S images by coordinates modulo S, those are
/// neighbours again. Zeros to the right of a row are the zeros to the left of the next one wherever that is enough.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    height: usize,
    width: usize,
    /// Zeros above and to the left.
    top: usize,
    left: usize,
    stride: usize,
    /// Phases that are read, along each axis.
    phases: usize,
    /// Elements from one row of a phase to the next.
    pub(super) pitch: usize,
    /// Elements of a phase.
    phase: usize,
    /// Elements from one channel to the next.
    pub(super) channel: usize,
    /// The image itself is laid out like this.
    in_place: bool,
}

impl Layout {
    /// For a kernel of side `kernel` with this stride over images with `padding` zeros on all sides.
    pub(super) fn strided(height: usize, width: usize, kernel: usize, stride: usize, padding: usize) -> Self {
        if stride == 1 {
            let mut layout = Self::padded(height, width, [padding; 2], [padding; 2]);
            if padding >= kernel {
                // more results in a row than pixels and zeros of one side
                layout.set_pitch((height + 2 * padding, 0), width + 2 * padding);
            }
            return layout;
        }
        let phases = kernel.min(stride);
        let pitch = (width + 2 * padding).div_ceil(stride);
        let phase = (height + 2 * padding).div_ceil(stride) * pitch;
        let channel = off_the_page(phase * phases * phases);
        Layout {
            height,
            width,
            top: padding,
            left: padding,
            stride,
            phases,
            pitch,
            phase,
            channel,
            in_place: false,
        }
    }

    /// For stride 1 with zeros above and below, left and right.
    pub(super) fn padded(height: usize, width: usize, rows: [usize; 2], cols: [usize; 2]) -> Self {
        let in_place = rows == [0; 2] && cols == [0; 2];
        let (top, left) = (rows[0], cols[0]);
        let phase = (height + rows[0] + rows[1], cols[1]);
        let mut layout = Layout {
            height,
            width,
            top,
            left,
            stride: 1,
            phases: 1,
            pitch: 0,
            phase: 0,
            channel: 0,
            in_place,
        };
        layout.set_pitch(phase, width + cols[0].max(cols[1]));
        layout
    }

    /// `rows` rows and what is read beyond the last one.
    fn set_pitch(&mut self, (rows, beyond): (usize, usize), pitch: usize) {
        self.pitch = pitch;
        self.phase = rows * pitch + beyond;
        self.channel = if self.in_place { self.phase } else { off_the_page(self.phase) };
    }

    /// Whether an image is its own layout, so that it need not be copied.
    pub(super) fn in_place(&self) -> bool {
        self.in_place
    }

    /// The place of a pixel, by its coordinates in the padded image.
    pub(super) fn offset(&self, row: usize, col: usize) -> usize {
        let phase = (row % self.stride) * self.phases + col % self.stride;
        phase * self.phase + row / self.stride * self.pitch + col / self.stride
    }

    /// Copies `channels` planes into `to`, whose zeros are in place already.
    pub(super) fn fill(&self, from: &[f32], channels: usize, to: &mut [f32]) {
        let plane = self.height * self.width;
        for channel in 0..channels {
            let from = &from[channel * plane..(channel + 1) * plane];
            let to = &mut to[channel * self.channel..(channel + 1) * self.channel];
            for (y, row) in from.chunks_exact(self.width.max(1)).enumerate() {
                let y = y + self.top;
                if self.stride == 1 {
                    let at = y * self.pitch + self.left;
                    to[at..at + self.width].copy_from_slice(row);
                } else if y % self.stride < self.phases {
                    self.fill_split(row, y, to);
                }
            }
        }
    }

    fn fill_split(&self, row: &[f32], y: usize, to: &mut [f32]) {
        for phase in 0..self.phases {
            // the first pixel of this phase
            let first = (phase + self.stride - self.left % self.stride) % self.stride;
            let Some(pixels) = row.get(first..).filter(|pixels| !pixels.is_empty()) else { continue };
            let at = self.offset(y, first + self.left);
            let to = &mut to[at..at + pixels.len().div_ceil(self.stride)];
            if self.stride == 2 {
                // chunks of known length become shuffles
                let (pairs, rest) = pixels.as_chunks::<2>();
                to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = pair[0]);
                if let (Some(to), Some(last)) = (to.last_mut(), rest.first()) {
                    *to = *last;
                }
            } else {
                to.iter_mut().zip(pixels.iter().step_by(self.stride)).for_each(|(to, pixel)| *to = *pixel);
            }
        }
    }
}

/// A pitch that does not put the same pixel of every channel into the same few sets of the cache.
fn off_the_page(pitch: usize) -> usize {
    if pitch.is_multiple_of(256) {
        pitch + 16
    } else {
        pitch
    }
}
