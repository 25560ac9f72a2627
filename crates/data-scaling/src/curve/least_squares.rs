//! Least squares by variable projection: for each value of the one parameter that a law is not linear in, the others have a
//! closed form, so that a search along a line finds the best of all.

use super::Law;

/// A point of the mean score at a number of examples, with its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mean {
    pub(super) n: f64,
    pub(super) y: f64,
    pub(super) weight: f64,
}

/// Parameters and the weighted sum of squared residuals.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) parameters: Vec<f64>,
    pub(super) sse: f64,
}

fn linear(points: &[Mean], basis: impl Fn(f64) -> f64) -> (f64, f64) {
    // centred, so that a basis that hardly varies is not lost in rounding
    let w: f64 = points.iter().map(|p| p.weight).sum();
    let (mx, my) =
        points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.weight * basis(p.n), y + p.weight * p.y));
    let (mx, my) = (mx / w, my / w);
    let (mut xx, mut xy) = (0.0, 0.0);
    for p in points {
        let x = basis(p.n) - mx;
        xx += p.weight * x * x;
        xy += p.weight * x * (p.y - my);
    }
    let b = if xx > 0.0 { xy / xx } else { 0.0 };
    (my - b * mx, b)
}

fn sse(law: Law, parameters: &[f64], points: &[Mean]) -> f64 {
    points.iter().map(|p| p.weight * (p.y - law.value(parameters, p.n)).powi(2)).sum()
}

/// The linear parameters for a value of the nonlinear one, on its own scale.
fn at(law: Law, points: &[Mean], q: f64) -> Vec<f64> {
    match law {
        Law::LogLinear => {
            let (a, b) = linear(points, f64::log10);
            vec![a, b]
        }
        Law::Power => {
            // n relative to the geometric mean, against overflow
            let scale = scale(points);
            let (mut xy, mut xx) = (0.0, 0.0);
            for p in points {
                let x = (q * (p.n.ln() - scale)).exp();
                xy += p.weight * x * p.y;
                xx += p.weight * x * x;
            }
            vec![xy / xx * (-q * scale).exp(), q]
        }
        Law::PowerFloor => {
            let (c, scale) = (q.exp(), scale(points));
            let (a, b) = linear(points, |n| (-c * (n.ln() - scale)).exp());
            vec![a, b * (c * scale).exp(), c]
        }
        Law::Saturating => {
            let h = q.exp();
            let (a, b) = linear(points, |n| n / (n + h));
            vec![a, b, h]
        }
    }
}

fn scale(points: &[Mean]) -> f64 {
    points.iter().map(|p| p.n.ln()).sum::<f64>() / points.len() as f64
}

/// The range in which the nonlinear parameter is looked for.
fn range(law: Law, points: &[Mean]) -> (f64, f64) {
    let (lo, hi) = points.iter().fold((f64::MAX, f64::MIN), |(l, h), p| (l.min(p.n.ln()), h.max(p.n.ln())));
    match law {
        Law::LogLinear => (0.0, 0.0),
        Law::Power => (-6.0, 6.0),
        Law::PowerFloor => (1e-4f64.ln(), 6f64.ln()),
        Law::Saturating => (lo - 6.0, hi + 9.0),
    }
}

/// The best fit of a law.
pub(super) fn fit(law: Law, points: &[Mean]) -> Found {
    if law == Law::LogLinear {
        let parameters = at(law, points, 0.0);
        return Found { sse: sse(law, &parameters, points), parameters };
    }
    let (lo, hi) = range(law, points);
    let cost = |q: f64| sse(law, &at(law, points, q), points);
    const STEPS: usize = 120;
    let grid: Vec<f64> = (0..=STEPS).map(|i| lo + (hi - lo) * i as f64 / STEPS as f64).collect();
    let costs: Vec<f64> = grid.iter().map(|q| cost(*q)).collect();
    let best = (0..costs.len()).min_by(|a, b| costs[*a].total_cmp(&costs[*b])).unwrap_or(0);
    let (mut a, mut b) = (grid[best.saturating_sub(1)], grid[(best + 1).min(STEPS)]);
    // golden section
    const RATIO: f64 = 0.618_033_988_749_894_9;
    let (mut c, mut d) = (b - RATIO * (b - a), a + RATIO * (b - a));
    let (mut fc, mut fd) = (cost(c), cost(d));
    for _ in 0..90 {
        if fc < fd {
            (b, d, fd) = (d, c, fc);
            c = b - RATIO * (b - a);
            fc = cost(c);
        } else {
            (a, c, fc) = (c, d, fd);
            d = a + RATIO * (b - a);
            fd = cost(d);
        }
    }
    let parameters = polish(law, points, at(law, points, (a + b) / 2.0));
    Found { sse: sse(law, &parameters, points), parameters }
}

/// Gauss-Newton steps from a point that is almost the best: a search on values alone stops at half of the digits.
fn polish(law: Law, points: &[Mean], mut p: Vec<f64>) -> Vec<f64> {
    let mut best = sse(law, &p, points);
    for _ in 0..8 {
        let Some(step) = newton_step(law, points, &p) else { return p };
        let next: Vec<f64> = p.iter().zip(&step).map(|(p, s)| p + s).collect();
        let found = sse(law, &next, points);
        // the last steps change the sum by less than its rounding
        let better = found <= best * (1.0 + 1e-12);
        if !better || next.iter().any(|v| !v.is_finite()) {
            return p;
        }
        (p, best) = (next, found.min(best));
    }
    p
}

fn newton_step(law: Law, points: &[Mean], p: &[f64]) -> Option<Vec<f64>> {
    let k = p.len();
    let rows: Vec<Vec<f64>> = points.iter().map(|m| law.gradient(p, m.n)).collect();
    // columns of unit size: parameters differ by many powers of ten
    let size: Vec<f64> =
        (0..k).map(|j| rows.iter().map(|r| r[j] * r[j]).sum::<f64>().sqrt().max(1e-300)).collect();
    let (mut m, mut v) = (vec![vec![0.0; k]; k], vec![0.0; k]);
    for (row, point) in rows.iter().zip(points) {
        let r = point.y - law.value(p, point.n);
        for i in 0..k {
            v[i] += point.weight * row[i] / size[i] * r;
            for j in 0..k {
                m[i][j] += point.weight * row[i] / size[i] * row[j] / size[j];
            }
        }
    }
    let step = solve(m, v)?;
    Some(step.iter().zip(&size).map(|(s, size)| s / size).collect())
}

/// Solves by elimination with pivots; `None` for a matrix that is singular.
fn solve(mut m: Vec<Vec<f64>>, mut v: Vec<f64>) -> Option<Vec<f64>> {
    let k = v.len();
    for i in 0..k {
        let pivot = (i..k).max_by(|a, b| m[*a][i].abs().total_cmp(&m[*b][i].abs()))?;
        if m[pivot][i].abs() < 1e-14 {
            return None;
        }
        m.swap(i, pivot);
        v.swap(i, pivot);
        for r in i + 1..k {
            let f = m[r][i] / m[i][i];
            let above = m[i].clone();
            m[r].iter_mut().zip(above).skip(i).for_each(|(below, above)| *below -= f * above);
            v[r] -= f * v[i];
        }
    }
    for i in (0..k).rev() {
        for c in i + 1..k {
            v[i] -= m[i][c] * v[c];
        }
        v[i] /= m[i][i];
    }
    Some(v)
}
