//! Newton's method for the squared hinge loss on a Gram matrix.

use super::matrix::{add_scaled, dot, rows_times_rows, Matrix, Write, STRIP};

/// Minimises the primal P(v) = v'Gv / 2 + C sum_i max(0, 1 - y_i (G v)_i)² over v = y a.
///
/// P is quadratic wherever the support vectors S = {i: y_i (G v)_i < 1} stay the same. A step solves
/// (G_SS + I/(2C)) v_S = y_S, v = 0 elsewhere, and backtracks towards the last v until P falls enough.
/// A full step that leaves S as it is has found the minimiser. Then a = y v is feasible in the dual,
/// but for rounding, which is cut off: `duals` and `scores` = G v come back consistent.
///
/// # Reference
/// Chapelle, "Training a support vector machine in the primal", Neural Computation 2007.
pub(super) fn minimise(
    gram: &Matrix,
    signs: &[f64],
    strength: f64,
    max_steps: usize,
    duals: &mut [f64],
    scores: &mut [f64],
) {
    let mut point: Vec<f64> = signs.iter().zip(&*duals).map(|(y, a)| y * a).collect();
    let mut value = primal(&point, scores, signs, strength);
    for _ in 0..max_steps {
        let support = support_vectors(scores, signs);
        let Some(solution) = solve(gram, &support, signs, 0.5 / strength) else { break };
        let mut target = vec![0.0; point.len()];
        for (&i, v) in support.iter().zip(solution) {
            target[i] = v;
        }
        let target_scores = times(gram, &target);
        // dP/dt along the line from the point (t = 0) to the target (t = 1)
        let slope = slope(&point, &target, scores, &target_scores, signs, strength);
        let mut step = 1.0;
        let accepted = (0..MAX_HALVINGS).find_map(|_| {
            let v = blend(&point, &target, step);
            let s = blend(scores, &target_scores, step);
            let p = primal(&v, &s, signs, strength);
            if p <= value + SUFFICIENT_DECREASE * step * slope + 4.0 * f64::EPSILON * value {
                return Some((v, s, p));
            }
            step *= 0.5;
            None
        });
        let Some((v, s, p)) = accepted else { break };
        point = v;
        scores.copy_from_slice(&s);
        value = p;
        if step == 1.0 && support_vectors(scores, signs) == support {
            break;
        }
    }
    for ((a, v), y) in duals.iter_mut().zip(&point).zip(signs) {
        *a = (y * v).max(0.0);
    }
    let feasible: Vec<f64> = signs.iter().zip(&*duals).map(|(y, a)| y * a).collect();
    scores.copy_from_slice(&times(gram, &feasible));
}

const MAX_HALVINGS: usize = 40;
const SUFFICIENT_DECREASE: f64 = 1e-4;

fn support_vectors(scores: &[f64], signs: &[f64]) -> Vec<usize> {
    (0..scores.len()).filter(|&i| signs[i] * scores[i] < 1.0).collect()
}

fn primal(point: &[f64], scores: &[f64], signs: &[f64], strength: f64) -> f64 {
    let losses: f64 = scores.iter().zip(signs).map(|(s, y)| (1.0 - y * s).max(0.0).powi(2)).sum();
    0.5 * dot(point, scores) + strength * losses
}

/// d' (G v) - 2C sum_i max(0, 1 - y_i s_i) y_i (G d)_i for the direction d = target - point.
fn slope(
    point: &[f64],
    target: &[f64],
    scores: &[f64],
    target_scores: &[f64],
    signs: &[f64],
    strength: f64,
) -> f64 {
    (0..point.len())
        .map(|i| {
            let hinge = (1.0 - signs[i] * scores[i]).max(0.0);
            (target[i] - point[i]) * scores[i]
                - 2.0 * strength * hinge * signs[i] * (target_scores[i] - scores[i])
        })
        .sum()
}

fn blend(from: &[f64], to: &[f64], share: f64) -> Vec<f64> {
    from.iter().zip(to).map(|(from, to)| from + share * (to - from)).collect()
}

/// G v, by the rows of the symmetric G where v is not zero.
fn times(gram: &Matrix, v: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; v.len()];
    for (i, &v) in v.iter().enumerate() {
        if v != 0.0 {
            add_scaled(&mut product, v, gram.row(i));
        }
    }
    product
}

/// Solves (G_SS + ridge I) v = y_S by Cholesky's decomposition; `None` where rounding has left the
/// matrix without one.
fn solve(gram: &Matrix, support: &[usize], signs: &[f64], ridge: f64) -> Option<Vec<f64>> {
    let n = support.len();
    let mut factor = vec![0.0; n * n];
    for (i, (row, &from)) in factor.chunks_mut(n.max(1)).zip(support).enumerate() {
        for (entry, &column) in row.iter_mut().zip(support) {
            *entry = gram.row(from)[column];
        }
        row[i] += ridge;
    }
    cholesky(&mut factor, n)?;
    let mut solution: Vec<f64> = support.iter().map(|&i| signs[i]).collect();
    for i in 0..n {
        let row = &factor[i * n..i * n + i];
        solution[i] = (solution[i] - dot(row, &solution[..i])) / factor[i * n + i];
    }
    for i in (0..n).rev() {
        let value = solution[i] / factor[i * n + i];
        add_scaled(&mut solution[..i], -value, &factor[i * n..i * n + i]);
        solution[i] = value;
    }
    Some(solution)
}

/// Columns factored at once.
const PANEL: usize = 32;

/// Overwrites the lower triangle of the n x n `a` with its Cholesky factor, a panel of columns at a
/// time: the panel itself by substitution, its effect on the columns after it by dense products.
pub(super) fn cholesky(a: &mut [f64], n: usize) -> Option<()> {
    let mut panel = Vec::new();
    for start in (0..n).step_by(PANEL) {
        let end = (start + PANEL).min(n);
        for i in start..n {
            let (above, rest) = a.split_at_mut(i * n);
            let row = &mut rest[start..end.min(i + 1)];
            for j in start..end.min(i) {
                let pivot_row = &above[j * n + start..=j * n + j];
                let known = j - start;
                row[known] = (row[known] - dot(&row[..known], &pivot_row[..known])) / pivot_row[known];
            }
            if i < end {
                let known = i - start;
                let pivot = row[known] - dot(&row[..known], &row[..known]);
                if !(pivot > 0.0 && pivot.is_finite()) {
                    return None;
                }
                row[known] = pivot.sqrt();
            }
        }
        let width = end - start;
        panel.clear();
        for i in end..n {
            panel.extend_from_slice(&a[i * n + start..i * n + end]);
        }
        for from in (end..n).step_by(STRIP) {
            let to = (from + STRIP).min(n);
            let strip = &panel[(from - end) * width..(to - end) * width];
            let columns = &panel[..(to - end) * width];
            rows_times_rows(width, strip, columns, Write::Subtract, &mut a[from * n + end..to * n], n);
        }
    }
    Some(())
}
