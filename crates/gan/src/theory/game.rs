//! Quadratic games of two players: which ways of playing reach the saddle, circle it, or leave it.

use serde::{Deserialize, Serialize};

use super::error::{finite, positive, TheoryError};

/// min_x max_y  ½ a x² + b x y − ½ c y², with the saddle at (0, 0).
///
/// The players' field is v(x, y) = (−∂/∂x, +∂/∂y) = (−a x − b y, b x − c y). Its Jacobian has the eigenvalues
/// −(a + c) / 2 ± √((a − c)² / 4 − b²): where b is large they are nearly imaginary, and gradient steps turn about the
/// saddle.
///
/// # Reference
/// The survey's discussion of training instability; Mescheder, Nowozin and Geiger 2017, section 3.
///
/// # Example
/// ```
/// use gan::theory::{Dynamics, QuadraticGame};
/// # fn main() -> Result<(), gan::theory::TheoryError> {
/// let game = QuadraticGame::BILINEAR; // min_x max_y x y
/// let eta = 0.1f64;
/// let out = game.play(Dynamics::Simultaneous, eta, [1.0, 0.0], 100)?;
/// assert!((out.radii()[100] - (1.0 + eta * eta).sqrt().powi(100)).abs() < 1e-12);
/// let inwards = game.play(Dynamics::Unrolled { steps: 5 }, eta, [1.0, 0.0], 100)?;
/// assert!(inwards.radii()[100] < 0.02);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuadraticGame {
    /// a, the curvature of x's own cost.
    pub a: f64,
    /// b, how strongly the players meet.
    pub b: f64,
    /// c, the curvature of y's own cost.
    pub c: f64,
}

/// How the players step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dynamics {
    /// Both step from where both are: z' = z + η v(z).
    Simultaneous,
    /// x steps, then y from the new x.
    Alternating,
    /// Both step with the field at the place where a simultaneous step would lead: z' = z + η v(z + η v(z)).
    Extragradient,
    /// x goes down the cost after `steps` further steps of y, each of size η, through which it differentiates; y takes one step, from
    /// where both were. With 0 steps it is [`Simultaneous`](Self::Simultaneous).
    Unrolled {
        /// K.
        steps: usize,
    },
    /// Both also go down ½ ‖v‖²: z' = z + η (v − γ ∇ ½ ‖v‖²).
    Consensus {
        /// γ.
        weight: f64,
    },
}

/// A real 2 x 2 matrix, by rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matrix2(pub [[f64; 2]; 2]);

/// A complex number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Eigenvalue {
    /// The real part.
    pub re: f64,
    /// The imaginary part.
    pub im: f64,
}

impl Eigenvalue {
    /// |λ|.
    #[must_use]
    pub fn modulus(&self) -> f64 {
        self.re.hypot(self.im)
    }
}

impl Matrix2 {
    /// M z.
    #[must_use]
    pub fn apply(&self, z: [f64; 2]) -> [f64; 2] {
        self.0.map(|[first, second]| first * z[0] + second * z[1])
    }

    /// The determinant.
    #[must_use]
    pub fn determinant(&self) -> f64 {
        let [[m, n], [p, q]] = self.0;
        m * q - n * p
    }

    /// Both eigenvalues, (m + q) / 2 ± √(((m − q) / 2)² + n p): two real ones, the larger first, or a conjugate pair,
    /// that with the positive imaginary part first.
    #[must_use]
    pub fn eigenvalues(&self) -> [Eigenvalue; 2] {
        let [[m, n], [p, q]] = self.0;
        let (middle, half) = (0.5 * (m + q), 0.5 * (m - q));
        let inside = half * half + n * p;
        let root = inside.abs().sqrt();
        if inside < 0.0 {
            return [root, -root].map(|im| Eigenvalue { re: middle, im });
        }
        [middle + root, middle - root].map(|re| Eigenvalue { re, im: 0.0 })
    }

    /// The larger |λ|: the factor by which distances grow or shrink in one step, in the long run.
    #[must_use]
    pub fn spectral_radius(&self) -> f64 {
        self.eigenvalues().iter().map(Eigenvalue::modulus).fold(0.0, f64::max)
    }
}

impl QuadraticGame {
    /// min_x max_y x y.
    pub const BILINEAR: QuadraticGame = QuadraticGame { a: 0.0, b: 1.0, c: 0.0 };

    /// ½ a x² + b x y − ½ c y².
    #[must_use]
    pub fn value(&self, [x, y]: [f64; 2]) -> f64 {
        0.5 * self.a * x * x + self.b * x * y - 0.5 * self.c * y * y
    }

    /// The Jacobian of the field v, which in a quadratic game is the same everywhere.
    #[must_use]
    pub fn field_jacobian(&self) -> Matrix2 {
        Matrix2([[-self.a, -self.b], [self.b, -self.c]])
    }

    /// v(x, y): where x and y are drawn.
    #[must_use]
    pub fn field(&self, z: [f64; 2]) -> [f64; 2] {
        self.field_jacobian().apply(z)
    }

    /// One step from z.
    ///
    /// # Complexity
    /// O(1), and O(K) for K unrolled steps.
    #[must_use]
    pub fn step(&self, dynamics: Dynamics, eta: f64, z: [f64; 2]) -> [f64; 2] {
        let v = self.field(z);
        let along = |v: [f64; 2]| [z[0] + eta * v[0], z[1] + eta * v[1]];
        match dynamics {
            Dynamics::Simultaneous => along(v),
            Dynamics::Alternating => {
                let x = z[0] + eta * v[0];
                [x, z[1] + eta * self.field([x, z[1]])[1]]
            }
            Dynamics::Extragradient => along(self.field(along(v))),
            Dynamics::Unrolled { steps } => along([-self.unrolled_slope(steps, eta, z), v[1]]),
            Dynamics::Consensus { weight } => {
                // ∇ ½ ‖v‖² = Jᵀ v
                let [[m, n], [p, q]] = self.field_jacobian().0;
                let slope = Matrix2([[m, p], [n, q]]).apply(v);
                along([v[0] - weight * slope[0], v[1] - weight * slope[1]])
            }
        }
    }

    /// d/dx f(x, y_K(x)), where y_0 = y and y_{k + 1} = y_k + η ∂f/∂y(x, y_k).
    fn unrolled_slope(&self, steps: usize, eta: f64, [x, mut y]: [f64; 2]) -> f64 {
        let mut dy_dx = 0.0;
        for _ in 0..steps {
            y += eta * (self.b * x - self.c * y);
            dy_dx += eta * (self.b - self.c * dy_dx);
        }
        (self.a * x + self.b * y) + dy_dx * (self.b * x - self.c * y)
    }

    /// The Jacobian of one step. Steps are linear here, so that z_t is its t-th power times z_0.
    ///
    /// Where its spectral radius is below 1 the players reach the saddle from anywhere. In the bilinear game with b = 1
    /// the squared modulus of either eigenvalue (while they are complex) is
    ///
    /// | dynamics | abs(λ)² | |
    /// |---|---|---|
    /// | simultaneous | 1 + η² | leaves |
    /// | alternating | 1 | circles |
    /// | extragradient | 1 − η² + η⁴ | reaches for η < 1 |
    /// | unrolled, K steps | 1 − (2 K − 1) η² | reaches for K ≥ 1 |
    /// | consensus, γ | (1 − γ η)² + η² | reaches for small η |
    #[must_use]
    pub fn step_jacobian(&self, dynamics: Dynamics, eta: f64) -> Matrix2 {
        let [[m, p], [n, q]] = [[1.0, 0.0], [0.0, 1.0]].map(|unit| self.step(dynamics, eta, unit));
        Matrix2([[m, n], [p, q]])
    }

    /// x² + y² − η b x y, which alternating steps of the bilinear game (a = c = 0) never change.
    ///
    /// Its level sets are ellipses while η |b| < 2, so that the players stay on one for ever: they neither reach the
    /// saddle nor leave it. On such an ellipse the radius varies by a factor of at most √((2 + η |b|) / (2 − η |b|)).
    #[must_use]
    pub fn alternating_invariant(&self, eta: f64, [x, y]: [f64; 2]) -> f64 {
        x * x + y * y - eta * self.b * x * y
    }

    /// Plays `steps` steps from `start`.
    ///
    /// # Errors
    /// A step size that is not finite and above 0, a game, weight or start that is not finite, or iterates that
    /// overflow.
    ///
    /// # Complexity
    /// O(steps), times K for unrolled steps.
    pub fn play(
        &self,
        dynamics: Dynamics,
        eta: f64,
        start: [f64; 2],
        steps: usize,
    ) -> Result<Trajectory, TheoryError> {
        positive("the step size", eta)?;
        finite("the game", &[self.a, self.b, self.c])?;
        finite("the start", &start)?;
        if let Dynamics::Consensus { weight } = dynamics {
            finite("the weight of consensus", &[weight])?;
        }
        let mut points = vec![start];
        let mut at = start;
        for step in 1..=steps {
            at = self.step(dynamics, eta, at);
            if !(at[0].is_finite() && at[1].is_finite()) {
                return Err(TheoryError::Diverged { step });
            }
            points.push(at);
        }
        Ok(Trajectory { points })
    }
}

/// Where the players were, from the start on.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    points: Vec<[f64; 2]>,
}

impl Trajectory {
    /// (x, y) after 0, 1, 2, … steps.
    #[must_use]
    pub fn points(&self) -> &[[f64; 2]] {
        &self.points
    }

    /// The distance to the saddle after 0, 1, 2, … steps.
    #[must_use]
    pub fn radii(&self) -> Vec<f64> {
        radii(&self.points)
    }

    /// The mean of all points so far, after 0, 1, 2, … steps.
    ///
    /// Averages of points that circle the saddle approach it as 1 / t; those of points that leave it do not.
    #[must_use]
    pub fn averages(&self) -> Vec<[f64; 2]> {
        let mut sum = [0.0; 2];
        let mean = |(point, count): (&[f64; 2], u32)| {
            sum = [sum[0] + point[0], sum[1] + point[1]];
            sum.map(|total| total / f64::from(count))
        };
        self.points.iter().zip(1u32..).map(mean).collect()
    }

    /// The distance of the averages to the saddle after 0, 1, 2, … steps.
    #[must_use]
    pub fn average_radii(&self) -> Vec<f64> {
        radii(&self.averages())
    }
}

fn radii(points: &[[f64; 2]]) -> Vec<f64> {
    points.iter().map(|[x, y]| x.hypot(*y)).collect()
}

#[cfg(test)]
mod tests;
