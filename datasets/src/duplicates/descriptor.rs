//! What of an image is compared.

/// The numbers of a coarse descriptor.
pub(super) const COEFFICIENTS: usize = 15;

/// Cells of a thumbnail along either axis.
const CELLS: usize = 8;
/// Frequencies along either axis.
const WAVES: usize = 4;

/// The mean of the channels of a planar image.
pub(super) fn grey(pixels: &[u8], out: &mut [u8]) {
    let plane = out.len();
    match pixels.len() / plane {
        1 => out.copy_from_slice(pixels),
        3 => {
            let (red, others) = pixels.split_at(plane);
            let (green, blue) = others.split_at(plane);
            for ((out, &r), (&g, &b)) in out.iter_mut().zip(red).zip(green.iter().zip(blue)) {
                // The sum over 3, rounded; exact for sums of up to 765.
                *out = (((u32::from(r) + u32::from(g) + u32::from(b) + 1) * 21846) >> 16) as u8;
            }
        }
        channels => {
            for (at, out) in out.iter_mut().enumerate() {
                let sum: u64 = pixels.iter().skip(at).step_by(plane).map(|&pixel| u64::from(pixel)).sum();
                *out = ((sum + channels as u64 / 2) / channels as u64) as u8;
            }
        }
    }
}

/// Blurs with the weights 1 2 1 along either axis; the border is doubled.
pub(super) fn blur(width: usize, grey: &[u8], out: &mut [u8]) {
    let height = grey.len() / width;
    let line = |row: usize| &grey[row * width..(row + 1) * width];
    let mut sums = vec![0u16; width + 2];
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        let (above, here, below) = (line(row.max(1) - 1), line(row), line((row + 1).min(height - 1)));
        for (((sum, &a), &b), &c) in sums[1..=width].iter_mut().zip(above).zip(here).zip(below) {
            *sum = u16::from(a) + 2 * u16::from(b) + u16::from(c);
        }
        (sums[0], sums[width + 1]) = (sums[1], sums[width]);
        for (out, sums) in out.iter_mut().zip(sums.windows(3)) {
            *out = ((sums[0] + 2 * sums[1] + sums[2] + 8) / 16) as u8;
        }
    }
}

/// How far the mean reaches that is subtracted from what is compared, in pixels to either side.
const REACH: usize = 3;

/// Every pixel less the mean of the 7 x 7 around it, or of as much of that as there is, and plus 128.
pub(super) fn detail(width: usize, plane: &[u8], out: &mut [u8]) {
    let height = plane.len() / width;
    // Sums over the rows and columns before; sums of bytes wrap no image of fewer than 2²⁴ pixels.
    let stride = width + 1;
    let mut before = vec![0u32; stride * (height + 1)];
    for row in 0..height {
        let mut line = 0;
        for column in 0..width {
            line += u32::from(plane[row * width + column]);
            before[(row + 1) * stride + column + 1] = before[row * stride + column + 1].wrapping_add(line);
        }
    }
    let span = |at: usize, len: usize| [at.saturating_sub(REACH), (at + REACH + 1).min(len)];
    for row in 0..height {
        let [top, bottom] = span(row, height);
        for column in 0..width {
            let [left, right] = span(column, width);
            let past = before[bottom * stride + right].wrapping_sub(before[bottom * stride + left]);
            let above = before[top * stride + right].wrapping_sub(before[top * stride + left]);
            let mean = past.wrapping_sub(above) as f32 / ((bottom - top) * (right - left)) as f32;
            // The cast holds what is left within 0 to 255.
            out[row * width + column] = (f32::from(plane[row * width + column]) - mean + 128.5) as u8;
        }
    }
}

/// The signs of an image's details where they are largest, border aside.
#[derive(Debug, Clone)]
pub(super) struct Probes {
    /// Twice the place within an image, and 1 where the detail is above 0.
    places: [u32; 64],
}

impl Probes {
    pub(super) fn of(width: usize, details: &[u8]) -> Self {
        let height = details.len() / width;
        let rows = 1..height - 1;
        let mut inside: Vec<usize> = rows.flat_map(|row| row * width + 1..(row + 1) * width - 1).collect();
        let size = |&at: &usize| std::cmp::Reverse(details[at].abs_diff(128));
        if inside.len() > 64 {
            inside.select_nth_unstable_by_key(63, size);
            inside.truncate(64);
            inside.sort_unstable();
        }
        let mut places = [0; 64];
        // An image of 10 x 10 has 64 such places, so that all are set.
        for (number, at) in inside.into_iter().enumerate() {
            places[number % 4 * 16 + number / 4] = (at as u32) << 1 | u32::from(details[at] > 128);
        }
        Self { places }
    }

    /// Whether `least` or more signs are those of an image whose part from `start` on is compared.
    ///
    /// It gives up after 16 signs, or 32, where clearly fewer than that share agree; signs that are looked at together
    /// lie all over the image.
    pub(super) fn agree(
        &self,
        [down, right]: [usize; 2],
        width: usize,
        details: &[u8],
        least: usize,
    ) -> bool {
        // Places are at least a row and a column from the border, and the part begins at most two from it.
        let moved = down * width + right;
        let same = |&&place: &&u32| {
            let at = (place >> 1) as usize + moved - (width + 1);
            details.get(at).is_some_and(|&detail| u32::from(detail > 128) == place & 1)
        };
        let mut agree = 0;
        for (number, places) in self.places.chunks_exact(16).enumerate() {
            agree += places.iter().filter(same).count();
            // Two in sixteen may agree less often than they will in the end.
            if agree + 2 < least * (number + 1) / 4 {
                return false;
            }
        }
        agree >= least
    }
}

/// The lowest frequencies but the zeroth of a thumbnail, as a vector of length 1, or 0 where there are none.
///
/// The thumbnail shows all but two rows and columns of the image, from a row and a column on.
pub(super) fn coefficients(
    height: usize,
    width: usize,
    [down, right]: [usize; 2],
    grey: &[u8],
) -> [f32; COEFFICIENTS] {
    let row = |cell: usize| down + cell * (height - 2) / CELLS;
    let column = |cell: usize| right + cell * (width - 2) / CELLS;
    let mut waves = [[0.0f32; WAVES]; WAVES];
    for (cell, cosines) in COSINES.iter().enumerate() {
        let rows = row(cell)..row(cell + 1);
        let mut sums = [0u32; CELLS];
        for line in grey[rows.start * width..rows.end * width].chunks_exact(width) {
            for (at, sum) in sums.iter_mut().enumerate() {
                *sum += line[column(at)..column(at + 1)].iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
            }
        }
        let mut along = [0.0; WAVES];
        for (at, sum) in sums.into_iter().enumerate() {
            let pixels = rows.len() * (column(at + 1) - column(at));
            let mean = sum as f32 / pixels as f32;
            along.iter_mut().zip(COSINES[at]).for_each(|(wave, cosine)| *wave += cosine * mean);
        }
        for (wave, cosine) in waves.iter_mut().zip(cosines) {
            wave.iter_mut().zip(along).for_each(|(wave, value)| *wave += cosine * value);
        }
    }
    let mut all = [0.0; COEFFICIENTS];
    all.iter_mut().zip(waves.as_flattened().iter().skip(1)).for_each(|(out, wave)| *out = *wave);
    let length = all.iter().map(|wave| wave * wave).sum::<f32>().sqrt();
    // Below this, a thumbnail differs from one colour by rounding alone.
    let scale = if length > 1e-2 { 1.0 / length } else { 0.0 };
    all.map(|wave| wave * scale)
}

/// cos(π k (2 i + 1) / 16) of cell i and frequency k, over 8 and times √2 for k > 0, so that all waves count alike.
const COSINES: [[f32; WAVES]; CELLS] = {
    // cos(π n / 16), n = 0 to 8.
    const EIGHTH: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const QUARTER: [f32; 9] =
        [1.0, 0.980_785_3, 0.923_879_5, 0.831_469_6, EIGHTH, 0.555_570_2, 0.382_683_4, 0.195_090_3, 0.0];
    let mut table = [[0.125; WAVES]; CELLS];
    let mut cell = 0;
    while cell < CELLS {
        let mut wave = 1;
        while wave < WAVES {
            let turn = wave * (2 * cell + 1) % 32;
            let half = if turn > 16 { 32 - turn } else { turn };
            let cosine = if half > 8 { -QUARTER[16 - half] } else { QUARTER[half] };
            table[cell][wave] = cosine * 0.176_776_7;
            wave += 1;
        }
        cell += 1;
    }
    table
};

/// Mean and variance.
pub(super) fn moments(grey: &[u8]) -> [f64; 2] {
    let n = grey.len() as f64;
    let sum: u64 = grey.iter().map(|&pixel| u64::from(pixel)).sum();
    let squares: u64 = grey.iter().map(|&pixel| u64::from(pixel) * u64::from(pixel)).sum();
    let mean = sum as f64 / n;
    [mean, squares as f64 / n - mean * mean]
}

/// Parts of two planar images of one size: all but two rows and columns.
pub(super) struct Windows {
    pub(super) height: usize,
    pub(super) width: usize,
    /// The first row and column of each, 0 to 2.
    pub(super) starts: [[usize; 2]; 2],
}

impl Windows {
    /// The correlation over all channels, each about its own mean; 0 where one part is of one colour.
    pub(super) fn correlation(&self, first: &[u8], second: &[u8]) -> f64 {
        let plane = self.height * self.width;
        let n = ((self.height - 2) * (self.width - 2)) as f64;
        let mut products = [0.0; 3];
        for (first, second) in first.chunks_exact(plane).zip(second.chunks_exact(plane)) {
            let [x, y, xx, yy, xy] = self.sums(first, second).map(|sum| sum as f64);
            let centred = [xx - x * x / n, yy - y * y / n, xy - x * y / n];
            products.iter_mut().zip(centred).for_each(|(sum, part)| *sum += part);
        }
        let [xx, yy, xy] = products;
        if xx * yy > 1e-3 {
            xy / (xx * yy).sqrt()
        } else {
            0.0
        }
    }

    /// Σ x, Σ y, Σ x², Σ y² and Σ x y over a channel.
    fn sums(&self, first: &[u8], second: &[u8]) -> [u64; 5] {
        let mut sums = [0u64; 5];
        for row in 0..self.height - 2 {
            let [a, b] = [(first, self.starts[0]), (second, self.starts[1])].map(|(image, [down, right])| {
                let start = (row + down) * self.width + right;
                &image[start..start + self.width - 2]
            });
            // Up to 66,000 products of bytes fit into 32 bits.
            for (a, b) in a.chunks(1 << 15).zip(b.chunks(1 << 15)) {
                let mut line = [0u32; 5];
                for (&x, &y) in a.iter().zip(b) {
                    let (x, y) = (u32::from(x), u32::from(y));
                    line[0] += x;
                    line[1] += y;
                    line[2] += x * x;
                    line[3] += y * y;
                    line[4] += x * y;
                }
                sums.iter_mut().zip(line).for_each(|(sum, part)| *sum += u64::from(part));
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cosines_are_cosines() {
        for (cell, waves) in COSINES.iter().enumerate() {
            for (wave, &value) in waves.iter().enumerate() {
                let angle = std::f64::consts::PI * (wave * (2 * cell + 1)) as f64 / 16.0;
                let scale = if wave == 0 { 1.0 } else { 2f64.sqrt() } / 8.0;
                assert!((f64::from(value) - angle.cos() * scale).abs() < 1e-6, "{cell} {wave}: {value}");
            }
        }
    }

    #[test]
    fn greys_are_rounded_means() {
        let mut out = [0; 3];
        grey(&[0, 255, 10, 1, 255, 11, 1, 255, 11], &mut out);
        assert_eq!(out, [1, 255, 11]);
        grey(&[0, 255, 10, 1, 255, 12], &mut out);
        assert_eq!(out, [1, 255, 11]);
        for sum in 0..=765u32 {
            assert_eq!(((sum + 1) * 21846) >> 16, (sum + 1) / 3);
        }
    }

    #[test]
    fn blurs_keep_what_is_flat_and_spread_a_point() {
        let mut out = vec![0; 25];
        blur(5, &[77; 25], &mut out);
        assert_eq!(out, [77; 25]);
        let mut point = [0; 25];
        point[12] = 160;
        blur(5, &point, &mut out);
        let lines = [[0; 5], [0, 10, 20, 10, 0], [0, 20, 40, 20, 0], [0, 10, 20, 10, 0], [0; 5]];
        assert_eq!(out, lines.concat());
    }

    #[test]
    fn signs_agree_with_an_image_that_was_moved() {
        let image: Vec<u8> = (0..20 * 16).map(|at| (crate::stream::mix(at / 3) % 256) as u8).collect();
        let probes = Probes::of(16, &image);
        assert!(probes.agree([1, 1], 16, &image, 64));
        let moved: Vec<u8> = [&[0; 17][..], &image[..image.len() - 17]].concat(); // down and right
        assert!(probes.agree([2, 2], 16, &moved, 64));
        assert!(!probes.agree([0, 1], 16, &image, 56));
    }

    #[test]
    fn details_are_differences_from_the_mean_around() {
        let mut out = vec![0; 110];
        detail(11, &[77; 110], &mut out);
        assert_eq!(out, [128; 110]);
        let mut point = vec![10; 110];
        point[5 * 11 + 5] = 59; // a mean of 11 within three pixels
        detail(11, &point, &mut out);
        assert_eq!((out[5 * 11 + 5], out[2 * 11 + 8], out[11 + 5], out[0]), (176, 127, 128, 128));
    }

    proptest! {
        #[test]
        fn correlations_are_those_of_the_textbook(
            first in proptest::collection::vec(any::<u8>(), 160), second in proptest::collection::vec(any::<u8>(), 160),
            starts in proptest::array::uniform2(proptest::array::uniform2(0usize..3)),
        ) {
            let windows = Windows { height: 8, width: 10, starts };
            // Each channel about its mean.
            let pick = |image: &[u8], [down, right]: [usize; 2]| -> Vec<f64> {
                let place = |i: usize| i / 48 * 80 + (i % 48 / 8 + down) * 10 + i % 8 + right;
                let all: Vec<f64> = (0..96).map(|i| f64::from(image[place(i)])).collect();
                let mean = |part: &[f64]| part.iter().sum::<f64>() / 48.0;
                all.chunks(48).flat_map(|part| part.iter().map(|x| x - mean(part))).collect()
            };
            let (x, y) = (pick(&first, starts[0]), pick(&second, starts[1]));
            let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(p, q)| p * q).sum::<f64>();
            let wanted = product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt();
            prop_assert!((windows.correlation(&first, &second) - wanted).abs() < 1e-9);
        }

        #[test]
        fn descriptors_have_length_one_and_no_brightness(
            (height, width) in (10usize..20, 10usize..20), seed: u64, add in 0u8..50,
        ) {
            let image: Vec<u8> =
                (0..height * width).map(|i| (crate::stream::mix(seed ^ i as u64) % 200) as u8).collect();
            let brighter: Vec<u8> = image.iter().map(|pixel| pixel + add).collect();
            let of = |image: &[u8]| coefficients(height, width, [1, 1], image);
            let (a, b) = (of(&image), of(&brighter));
            let length: f32 = a.iter().map(|x| x * x).sum();
            prop_assert!((length - 1.0).abs() < 1e-4);
            prop_assert!(a.iter().zip(b).all(|(x, y)| (x - y).abs() < 1e-3));
            prop_assert_eq!(of(&vec![add; height * width]), [0.0; COEFFICIENTS]);
        }
    }
}
