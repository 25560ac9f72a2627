//! Edges of small images, the input of a translation.

/// The outlines of a square image: 1 where the length of Sobel's gradient is at least `threshold` times the image's largest,
/// and −1 elsewhere. An image of one grey has none. Pixels beyond the border are those at it.
///
/// # Panics
/// If the image does not have `side`² pixels: a bug of the caller.
///
/// # Example
/// ```
/// // black on the left, white on the right
/// let image: Vec<f32> = (0..16).map(|i| if i % 4 < 2 { -1.0 } else { 1.0 }).collect();
/// let edges = gan::applications::edges(&image, 4, 0.5);
/// assert_eq!(edges[..4], [-1.0, 1.0, 1.0, -1.0]);
/// ```
#[must_use]
pub fn edges(image: &[f32], side: usize, threshold: f32) -> Vec<f32> {
    assert_eq!(image.len(), side * side, "edges: pixels of a square image");
    let at = |row: usize, col: usize, down: isize, right: isize| {
        let inside = |at: usize, by: isize| at.saturating_add_signed(by).min(side - 1);
        image[inside(row, down) * side + inside(col, right)]
    };
    let length = |i: usize| {
        let (row, col) = (i / side, i % side);
        let right: f32 = [(-1, 1.0), (0, 2.0), (1, 1.0)]
            .iter()
            .map(|(d, w)| w * (at(row, col, *d, 1) - at(row, col, *d, -1)))
            .sum();
        let down: f32 = [(-1, 1.0), (0, 2.0), (1, 1.0)]
            .iter()
            .map(|(r, w)| w * (at(row, col, 1, *r) - at(row, col, -1, *r)))
            .sum();
        (right * right + down * down).sqrt()
    };
    let lengths: Vec<f32> = (0..image.len()).map(length).collect();
    let largest = lengths.iter().copied().fold(0.0, f32::max);
    lengths.iter().map(|l| if largest > 0.0 && *l >= threshold * largest { 1.0 } else { -1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_has_its_outline_and_a_plain_image_none() {
        let mut image = vec![-1.0; 100];
        (3..7).for_each(|row| image[row * 10 + 3..row * 10 + 7].fill(1.0));
        let edges = edges(&image, 10, 0.4);
        assert_eq!((edges[4 * 10 + 3], edges[5 * 10 + 7], edges[3 * 10 + 4]), (1.0, 1.0, 1.0));
        assert_eq!((edges[0], edges[5 * 10 + 9]), (-1.0, -1.0));
        assert_eq!(super::edges(&[0.5; 9], 3, 0.5), [-1.0; 9]);
    }
}
