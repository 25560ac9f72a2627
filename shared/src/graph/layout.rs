//! Places for a drawing of a graph.

use super::{edge_list, Csr, GraphError};

/// Steps of the springs.
const STEPS: usize = 300;
/// Of 2 π: turns of this size never come back to an earlier direction.
const GOLDEN_ANGLE: f64 = 2.399_963_229_728_653;

/// Places of the nodes in the unit square, by the springs of Fruchterman and Reingold (1991): nodes push each other apart
/// with force k²/d, edges pull with d²/k, where k = 1/√N; a step is no longer than a length that falls to 0. A weak pull to the
/// middle keeps the components together.
///
/// The start is a spiral by node number, so that the same graph gives the same drawing.
///
/// # Shapes
/// `adjacency`: N x N, of an undirected graph: its upper triangle is read. Returns N pairs (x, y), each in 0..=1.
///
/// # Errors
/// A matrix that is not square or not by rows.
///
/// # Complexity
/// O(N²) a step and 300 steps: for drawings of up to a few hundred nodes.
///
/// # Example
/// ```
/// use shared::graph::{from_edges, layout};
/// # fn main() -> Result<(), shared::graph::GraphError> {
/// let path = layout(&from_edges(3, &[(0, 1), (1, 2)])?)?;
/// let apart = |a: usize, b: usize| (path[a][0] - path[b][0]).hypot(path[a][1] - path[b][1]);
/// assert!(apart(0, 2) > apart(0, 1) && apart(0, 2) > apart(1, 2)); // the ends are furthest from each other
/// # Ok(())
/// # }
/// ```
pub fn layout(adjacency: &Csr) -> Result<Vec<[f64; 2]>, GraphError> {
    let edges = edge_list(adjacency)?;
    let n = adjacency.rows();
    let near = 1.0 / (n.max(1) as f64).sqrt();
    let mut at: Vec<[f64; 2]> = (0..n)
        .map(|i| {
            let (radius, angle) = (((i as f64 + 0.5) / n as f64).sqrt() / 2.0, GOLDEN_ANGLE * i as f64);
            [radius * angle.cos(), radius * angle.sin()]
        })
        .collect();
    for step in 0..STEPS {
        let longest = 0.1 * (1.0 - step as f64 / STEPS as f64);
        let mut force: Vec<[f64; 2]> = at.iter().map(|p| p.map(|c| -0.5 * c)).collect();
        let mut push = |i: usize, j: usize, strength: &dyn Fn(f64) -> f64| {
            let [dx, dy] = [at[i][0] - at[j][0], at[i][1] - at[j][1]];
            let apart = dx.hypot(dy).max(1e-9);
            let by = strength(apart) / apart;
            for (node, sign) in [(i, by), (j, -by)] {
                force[node][0] += sign * dx;
                force[node][1] += sign * dy;
            }
        };
        for i in 0..n {
            for j in 0..i {
                push(i, j, &|apart| near * near / apart);
            }
        }
        for &(i, j) in edges.iter().filter(|(i, j)| i != j) {
            push(i as usize, j as usize, &|apart| -apart * apart / near);
        }
        for (place, [fx, fy]) in at.iter_mut().zip(force) {
            let size = fx.hypot(fy).max(1e-12);
            let by = size.min(longest) / size;
            *place = [place[0] + by * fx, place[1] + by * fy];
        }
    }
    Ok(into_square(at))
}

/// Moves and stretches places so that they fill the unit square in one direction and are centred in the other.
fn into_square(mut at: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    let ends = |axis: usize| {
        let values = at.iter().map(|p| p[axis]);
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)))
    };
    let ends = [ends(0), ends(1)];
    let size = ends.iter().map(|(lo, hi)| hi - lo).fold(1e-9, f64::max);
    for place in &mut at {
        for (value, (lo, hi)) in place.iter_mut().zip(ends) {
            *value = (0.5 + (*value - (lo + hi) / 2.0) / size).clamp(0.0, 1.0);
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::from_edges;
    use super::*;

    #[test]
    fn two_cliques_lie_apart_and_nothing_leaves_the_square() {
        let mut edges = vec![(0, 5)];
        for of in [0u32, 5] {
            edges.extend((0..5).flat_map(|i| (0..i).map(move |j| (of + i, of + j))));
        }
        let at = layout(&from_edges(11, &edges).unwrap()).unwrap(); // and one node without edges
        assert!(at.iter().flatten().all(|c| (0.0..=1.0).contains(c)), "{at:?}");
        let apart = |i: usize, j: usize| (at[i][0] - at[j][0]).hypot(at[i][1] - at[j][1]);
        let within = (1..5).map(|i| apart(i, i - 1)).fold(0.0, f64::max);
        let between = (1..5).map(|i| apart(i, i + 5)).fold(f64::INFINITY, f64::min);
        assert!(between > within, "{between} between the cliques, {within} within one");
        assert_eq!(at, layout(&from_edges(11, &edges).unwrap()).unwrap());
    }

    #[test]
    fn small_graphs_have_places() {
        assert_eq!(layout(&from_edges(0, &[]).unwrap()).unwrap(), Vec::<[f64; 2]>::new());
        assert_eq!(layout(&from_edges(1, &[]).unwrap()).unwrap(), [[0.5, 0.5]]);
    }
}
