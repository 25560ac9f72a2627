//! Student's t distribution, for any positive number of degrees of freedom.

use super::stats::StatsError;

/// Beyond this many degrees of freedom the distribution is taken here; quantiles move by less than 1e-6.
const MAX_DF: f64 = 1e7;

/// `P(T ≤ t)` for T with Student's t distribution with `df` degrees of freedom.
///
/// For t ≤ 0 this is `½ I_x(df/2, ½)` with `x = df / (df + t²)` and I the regularised incomplete beta
/// function, which is evaluated through its continued fraction.
///
/// # Errors
/// [`StatsError::OutOfRange`] for `df` that is not positive or `t` that is NaN.
///
/// # Complexity
/// O(√df) steps of the continued fraction.
///
/// # Reference
/// NIST Digital Library of Mathematical Functions, 8.17(v).
///
/// # Example
/// ```
/// use shared::claims::stats::student_t_cdf;
/// assert!((student_t_cdf(1.0, 1.0)? - 0.75).abs() < 1e-12); // the Cauchy distribution
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
pub fn student_t_cdf(t: f64, df: f64) -> Result<f64, StatsError> {
    let df = check_df(df)?;
    if t.is_nan() {
        return Err(StatsError::OutOfRange { name: "t", value: t, allowed: "on the real line" });
    }
    let tail = upper_tail(t.abs(), df);
    Ok(if t <= 0.0 { tail } else { 1.0 - tail })
}

/// The t with `P(T ≤ t) = p`.
///
/// # Errors
/// [`StatsError::OutOfRange`] for `df` that is not positive or `p` outside (0, 1).
///
/// # Complexity
/// About a hundred evaluations of the distribution function (bisection to the last bit).
///
/// # Example
/// ```
/// use shared::claims::stats::student_t_quantile;
/// assert!((student_t_quantile(0.975, 9.0)? - 2.262_157_162_798_205).abs() < 1e-12);
/// # Ok::<(), shared::claims::stats::StatsError>(())
/// ```
pub fn student_t_quantile(p: f64, df: f64) -> Result<f64, StatsError> {
    let df = check_df(df)?;
    if !(p > 0.0 && p < 1.0) {
        return Err(StatsError::OutOfRange { name: "the probability", value: p, allowed: "between 0 and 1" });
    }
    let tail = p.min(1.0 - p);
    let (mut low, mut high) = (0.0, 1.0);
    while high < f64::MAX / 2.0 && upper_tail(high, df) > tail {
        (low, high) = (high, high * 2.0);
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if upper_tail(middle, df) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(if p < 0.5 { -high } else { low })
}

/// `P(T > t)` for t ≥ 0.
fn upper_tail(t: f64, df: f64) -> f64 {
    if t == 0.0 {
        return 0.5;
    }
    let (a, b) = (df / 2.0, 0.5);
    // x = 1 / (1 + t²/df), through t/√df so that t² cannot overflow
    let ratio = t / df.sqrt();
    let squared = ratio * ratio;
    let x = 1.0 / (1.0 + squared);
    let (y, log) = if squared.is_finite() {
        (squared / (1.0 + squared), squared.ln_1p())
    } else {
        (1.0, 2.0 * ratio.ln())
    };
    // xᵃ yᵇ / B(a, ½), where 1/B(a, ½) = Γ(a + ½) / (Γ(a) √π)
    let front = (-a * log).exp() * y.sqrt() * half_step_gamma_ratio(a) / std::f64::consts::PI.sqrt();
    if x < (a + 1.0) / (a + b + 2.0) {
        0.5 * front * beta_fraction(a, b, x) / a
    } else {
        0.5 * (1.0 - front * beta_fraction(b, a, y) / b)
    }
}

/// `Γ(a + ½) / Γ(a)`: the asymptotic series beyond 25, the recurrence `r(a) = r(a + 1) · a / (a + ½)` below.
fn half_step_gamma_ratio(a: f64) -> f64 {
    let (mut a, mut scale) = (a, 1.0);
    while a < 25.0 {
        scale *= a / (a + 0.5);
        a += 1.0;
    }
    let square = 1.0 / (a * a);
    let series = -1.0 / 8.0 + square * (1.0 / 192.0 + square * (-1.0 / 640.0 + square * (17.0 / 14336.0)));
    scale * a.sqrt() * (series / a).exp()
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
fn beta_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for step in 1..100_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= c * d;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() < 1e-16 {
            break;
        }
    }
    fraction
}

fn check_df(df: f64) -> Result<f64, StatsError> {
    if df > 0.0 {
        return Ok(df.min(MAX_DF));
    }
    Err(StatsError::OutOfRange { name: "the number of degrees of freedom", value: df, allowed: "above 0" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Golden {
        quantiles: Vec<Point>,
    }

    #[derive(Deserialize)]
    struct Point {
        df: f64,
        p: f64,
        t: f64,
        cdf_at_1_7: f64,
    }

    #[test]
    fn quantiles_and_distribution_agree_with_scipy() {
        let golden: Golden = serde_json::from_str(include_str!("golden/student.json")).unwrap();
        assert_eq!(golden.quantiles.len(), 18 * 9);
        for Point { df, p, t, cdf_at_1_7 } in golden.quantiles {
            let ours = student_t_quantile(p, df).unwrap();
            assert_relative_eq!(ours, t, max_relative = 1e-9, epsilon = 1e-12);
            assert_relative_eq!(student_t_cdf(1.7, df).unwrap(), cdf_at_1_7, max_relative = 1e-12);
        }
    }

    #[test]
    fn the_ends_of_the_range_stay_finite_or_are_named() {
        assert!(student_t_quantile(1e-300, 1e-3).unwrap() < -1e300);
        assert_relative_eq!(student_t_quantile(0.975, 1e300).unwrap(), 1.959_963_98, max_relative = 1e-6);
        assert_eq!(student_t_cdf(f64::INFINITY, 3.0).unwrap(), 1.0);
        for (p, df) in [(0.0, 3.0), (1.0, 3.0), (f64::NAN, 3.0), (0.5, 0.0), (0.5, f64::NAN)] {
            assert!(student_t_quantile(p, df).is_err(), "{p} {df}");
        }
    }
}
