//! OWL-QN: quasi-Newton minimisation of a smooth convex function plus a weighted L1 norm.

use super::matrix::{add_scaled, dot};
use std::collections::VecDeque;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// Largest absolute entry of the minimum-norm subgradient that counts as converged.
    pub(super) subgradient: f64,
    /// Steps after which to give up.
    pub(super) max_iterations: usize,
}

/// How a minimisation ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) objective: f64,
    pub(super) iterations: usize,
    /// Largest absolute entry of the minimum-norm subgradient at the end.
    pub(super) subgradient: f64,
}

/// Minimises f(x) + sum_i l1[i] |x_i| from `x`, in place; `smooth(x, gradient)` writes the gradient
/// of f and returns its value.
///
/// With `l1` all zero this is L-BFGS with an Armijo backtracking search. Otherwise the step is the
/// orthant-wise one: the gradient is replaced by the minimum-norm subgradient, the quasi-Newton
/// direction is kept inside its descent orthant, and each trial point is projected onto the orthant
/// that the step starts in.
///
/// # Reference
/// Andrew and Gao, "Scalable training of L1-regularized log-linear models", ICML 2007;
/// Liu and Nocedal, "On the limited memory BFGS method", 1989.
pub(super) fn minimise(
    x: &mut Vec<f64>,
    l1: &[f64],
    mut smooth: impl FnMut(&[f64], &mut [f64]) -> f64,
    stop: Stop,
) -> Outcome {
    let n = x.len();
    let mut gradient = vec![0.0; n];
    let mut subgradient = vec![0.0; n];
    let mut direction = vec![0.0; n];
    let (mut trial, mut trial_gradient) = (vec![0.0; n], vec![0.0; n]);
    let mut history = History::default();
    let mut objective = smooth(x, &mut gradient) + l1_norm(x, l1);
    let mut iterations = 0;
    loop {
        minimum_norm_subgradient(x, &gradient, l1, &mut subgradient);
        let size = subgradient.iter().fold(0.0, |m: f64, g| m.max(g.abs()));
        if size <= stop.subgradient || iterations == stop.max_iterations {
            return Outcome { objective, iterations, subgradient: size };
        }
        let next = loop {
            history.direction(&subgradient, &mut direction);
            stay_in_descent_orthant(&mut direction, &subgradient, l1);
            if dot(&direction, &subgradient) >= 0.0 {
                for (d, g) in direction.iter_mut().zip(&subgradient) {
                    *d = -g;
                }
            }
            let mut step =
                if history.is_empty() { 1.0 / dot(&subgradient, &subgradient).sqrt() } else { 1.0 };
            let mut found = None;
            for _ in 0..MAX_HALVINGS {
                project(x, step, &direction, &subgradient, l1, &mut trial);
                let value = smooth(&trial, &mut trial_gradient) + l1_norm(&trial, l1);
                let predicted: f64 =
                    subgradient.iter().zip(trial.iter().zip(&*x)).map(|(g, (t, x))| g * (t - x)).sum();
                if value <= objective + SUFFICIENT_DECREASE * predicted + ROUNDING * objective.abs() {
                    found = Some(value);
                    break;
                }
                step *= 0.5;
            }
            match found {
                // a stale curvature estimate can spoil the direction: forget it and try once more
                None if !history.is_empty() => history = History::default(),
                other => break other,
            }
        };
        let Some(value) = next else {
            return Outcome { objective, iterations, subgradient: size };
        };
        history.record(x, &trial, &gradient, &trial_gradient);
        objective = value;
        std::mem::swap(x, &mut trial);
        std::mem::swap(&mut gradient, &mut trial_gradient);
        iterations += 1;
    }
}

/// Pairs kept for the curvature estimate.
const MEMORY: usize = 10;
const MAX_HALVINGS: usize = 50;
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// Slack for rounding when comparing two objective values, relative to their size.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// The last steps and changes of gradient, whose two-loop recursion applies the inverse Hessian.
#[derive(Default)]
struct History {
    pairs: VecDeque<Pair>,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step · change)
    rho: f64,
}

impl History {
    fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// direction = -H gradient.
    fn direction(&self, gradient: &[f64], direction: &mut [f64]) {
        for (d, g) in direction.iter_mut().zip(gradient) {
            *d = -g;
        }
        let mut weights = [0.0; MEMORY];
        for (pair, weight) in self.pairs.iter().zip(&mut weights).rev() {
            *weight = pair.rho * dot(&pair.step, direction);
            add_scaled(direction, -*weight, &pair.change);
        }
        if let Some(last) = self.pairs.back() {
            let scale = 1.0 / (last.rho * dot(&last.change, &last.change));
            direction.iter_mut().for_each(|d| *d *= scale);
        }
        for (pair, weight) in self.pairs.iter().zip(&weights) {
            let correction = weight - pair.rho * dot(&pair.change, direction);
            add_scaled(direction, correction, &pair.step);
        }
    }

    /// Remembers a step, if the curvature along it is safely positive.
    fn record(&mut self, from: &[f64], to: &[f64], gradient_from: &[f64], gradient_to: &[f64]) {
        let mut pair = if self.pairs.len() == MEMORY { self.pairs.pop_front() } else { None }
            .unwrap_or_else(|| Pair { step: vec![0.0; from.len()], change: vec![0.0; from.len()], rho: 0.0 });
        difference(to, from, &mut pair.step);
        difference(gradient_to, gradient_from, &mut pair.change);
        let curvature = dot(&pair.step, &pair.change);
        if curvature > f64::EPSILON * dot(&pair.change, &pair.change) {
            pair.rho = 1.0 / curvature;
            self.pairs.push_back(pair);
        }
    }
}

fn difference(a: &[f64], b: &[f64], out: &mut [f64]) {
    for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
        *out = a - b;
    }
}

fn l1_norm(x: &[f64], l1: &[f64]) -> f64 {
    x.iter().zip(l1).map(|(x, l)| l * x.abs()).sum()
}

/// The subgradient of smallest norm; zero exactly at a minimiser.
fn minimum_norm_subgradient(x: &[f64], gradient: &[f64], l1: &[f64], out: &mut [f64]) {
    for (i, out) in out.iter_mut().enumerate() {
        let (g, l) = (gradient[i], l1[i]);
        *out = if x[i] > 0.0 {
            g + l
        } else if x[i] < 0.0 {
            g - l
        } else {
            (g.abs() - l).max(0.0).copysign(g)
        };
    }
}

/// Drops the entries of the direction that point up the subgradient.
fn stay_in_descent_orthant(direction: &mut [f64], subgradient: &[f64], l1: &[f64]) {
    for (d, (g, l)) in direction.iter_mut().zip(subgradient.iter().zip(l1)) {
        if *l > 0.0 && *d * g >= 0.0 {
            *d = 0.0;
        }
    }
}

/// out = x + step · direction, with penalised entries that change sign set to zero.
fn project(x: &[f64], step: f64, direction: &[f64], subgradient: &[f64], l1: &[f64], out: &mut [f64]) {
    for (i, out) in out.iter_mut().enumerate() {
        let moved = x[i] + step * direction[i];
        let orthant = if x[i] != 0.0 { x[i] } else { -subgradient[i] };
        *out = if l1[i] > 0.0 && moved * orthant <= 0.0 { 0.0 } else { moved };
    }
}
