//! A plain linear classifier, to show in tests that the twins can be learnt from in the way they promise.

use crate::images::ImageSet;
use crate::CitationGraph;

/// Rows of an image set's pixels from -1 to 1, and its labels.
pub(super) fn pixels(set: &ImageSet) -> (Vec<Vec<f32>>, Vec<usize>) {
    let row = |image: &[u8]| image.iter().map(|&pixel| f32::from(pixel) / 127.5 - 1.0).collect();
    set.iter().map(|(image, label)| (row(image), usize::from(label))).unzip()
}

/// Accuracy on the other items of the nearest of the classes' means over the first `train` items.
pub(super) fn nearest_mean(rows: &[Vec<f32>], labels: &[usize], classes: usize, train: usize) -> f64 {
    let mut means = vec![vec![0.0; rows[0].len()]; classes];
    for (class, mean) in means.iter_mut().enumerate() {
        let members = (0..train).filter(|&item| labels[item] == class);
        let share = 1.0 / members.clone().count() as f32;
        members.for_each(|item| mean.iter_mut().zip(&rows[item]).for_each(|(m, x)| *m += share * x));
    }
    nearest(rows, labels, &means, &(0..classes).collect::<Vec<_>>(), train)
}

/// Accuracy on the other items of the nearest of the first `train` items.
pub(super) fn nearest_neighbour(rows: &[Vec<f32>], labels: &[usize], train: usize) -> f64 {
    nearest(rows, labels, &rows[..train], &labels[..train], train)
}

fn nearest(rows: &[Vec<f32>], labels: &[usize], known: &[Vec<f32>], names: &[usize], train: usize) -> f64 {
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
    let right = |&item: &usize| {
        let distances = known.iter().map(|point| distance(point, &rows[item]));
        let (at, _) = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        names[at] == labels[item]
    };
    (train..rows.len()).filter(right).count() as f64 / (rows.len() - train) as f64
}

/// Means and maxima over the image of what random 5 x 5 filters leave above 0, for planar rows of 3 x 32 x 32.
///
/// They do not depend on where things are, as features of a convolutional network.
pub(super) fn filtered(rows: &[Vec<f32>], filters: u64) -> Vec<Vec<f32>> {
    use crate::stream::mix;
    let filter = |number: u64| -> Vec<f32> {
        let weight = |at: u64| (mix(75 * number + at) >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        let weights: Vec<f32> = (0..75).map(weight).collect();
        let mean = weights.iter().sum::<f32>() / 75.0;
        weights.iter().map(|weight| (weight - mean) / 3.0).collect()
    };
    let filters: Vec<Vec<f32>> = (0..filters).map(filter).collect();
    let places = (0..14 * 14).map(|at| 64 * (at / 14) + 2 * (at % 14)).collect::<Vec<_>>();
    let response = |row: &[f32], filter: &[f32], place: usize| -> f32 {
        let line = |at: usize| &row[1024 * (at / 5) + 32 * (at % 5) + place..][..5];
        filter
            .chunks(5)
            .enumerate()
            .map(|(at, part)| part.iter().zip(line(at)).map(|(w, x)| w * x).sum::<f32>())
            .sum()
    };
    let pooled = |row: &Vec<f32>| -> Vec<f32> {
        let of_filter = |filter: &Vec<f32>| {
            let all = places.iter().map(|&place| response(row, filter, place).max(0.0));
            let (sum, most) = all.fold((0.0, 0.0f32), |(sum, most), value| (sum + value, most.max(value)));
            [sum / places.len() as f32, most]
        };
        filters.iter().flat_map(of_filter).collect()
    };
    rows.iter().map(pooled).collect()
}

/// Rows `[X, PX, …, P^hops X]` of every node, with `P = D⁻¹A` (zero for a node without neighbours).
pub(super) fn diffused(graph: &CitationGraph, hops: usize) -> Vec<Vec<f32>> {
    let (n, words) = (graph.nodes(), graph.features().cols());
    let dense = graph.features().to_dense().unwrap();
    let mut power: Vec<Vec<f32>> = dense.chunks(words).map(<[f32]>::to_vec).collect();
    let mut rows = power.clone();
    let degrees = graph.degrees();
    for _ in 0..hops {
        let mut next = vec![vec![0.0; words]; n];
        let arcs =
            graph.edges().iter().flat_map(|&(i, j)| [(i as usize, j as usize), (j as usize, i as usize)]);
        for (i, j) in arcs {
            next[i].iter_mut().zip(&power[j]).for_each(|(sum, x)| *sum += x / degrees[i] as f32);
        }
        rows.iter_mut().zip(&next).for_each(|(row, more)| row.extend(more));
        power = next;
    }
    rows
}

/// Test accuracy of softmax regression trained by AdaGrad on whole batches with a little weight decay.
pub(super) fn accuracy(
    rows: &[Vec<f32>],
    labels: &[usize],
    classes: usize,
    train: &[usize],
    test: &[usize],
) -> f64 {
    const EPOCHS: usize = 60;
    const RATE: f32 = 0.1;
    const DECAY: f32 = 1e-3;
    let width = rows[0].len() + 1; // with a constant column
    let mut weights = vec![0.0f32; width * classes];
    let mut squares = vec![1e-6f32; width * classes];
    for _ in 0..EPOCHS {
        let mut gradient: Vec<f32> = weights.iter().map(|w| DECAY * w).collect();
        for &item in train {
            let mut chances = scores(&rows[item], &weights, classes);
            let top = chances.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            chances.iter_mut().for_each(|score| *score = (*score - top).exp());
            let sum: f32 = chances.iter().sum();
            chances.iter_mut().for_each(|chance| *chance /= sum * train.len() as f32);
            chances[labels[item]] -= 1.0 / train.len() as f32;
            for (x, row) in columns(&rows[item]).zip(gradient.chunks_mut(classes)).filter(|(x, _)| *x != 0.0)
            {
                row.iter_mut().zip(&chances).for_each(|(g, chance)| *g += x * chance);
            }
        }
        for ((w, g), square) in weights.iter_mut().zip(&gradient).zip(&mut squares) {
            *square += g * g;
            *w -= RATE * g / square.sqrt();
        }
    }
    let right = |&&item: &&usize| {
        let scores = scores(&rows[item], &weights, classes);
        (0..classes).max_by(|&a, &b| scores[a].total_cmp(&scores[b])) == Some(labels[item])
    };
    test.iter().filter(right).count() as f64 / test.len() as f64
}

fn columns(row: &[f32]) -> impl Iterator<Item = f32> + '_ {
    row.iter().copied().chain([1.0])
}

fn scores(row: &[f32], weights: &[f32], classes: usize) -> Vec<f32> {
    let mut scores = vec![0.0; classes];
    for (x, of_column) in columns(row).zip(weights.chunks(classes)).filter(|(x, _)| *x != 0.0) {
        scores.iter_mut().zip(of_column).for_each(|(score, weight)| *score += x * weight);
    }
    scores
}
