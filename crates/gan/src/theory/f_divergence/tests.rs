use super::super::density::{jensen_shannon, kl};
use super::*;
use proptest::prelude::*;

fn normal(mean: f64, deviation: f64) -> GaussianMixture {
    GaussianMixture::normal(mean, deviation).unwrap()
}

fn near(a: f64, b: f64, share: f64) -> bool {
    (a - b).abs() <= share * (1.0 + a.abs().max(b.abs()))
}

#[test]
fn names_are_those_in_files_and_only_gan_is_not_zero_at_one() {
    for divergence in Divergence::ALL {
        let name = serde_json::to_string(&divergence).unwrap();
        assert_eq!(name, format!("\"{divergence}\""));
        assert_eq!(serde_json::from_str::<Divergence>(&name).unwrap(), divergence);
        let at_one = if divergence == Divergence::Gan { -4f64.ln() } else { 0.0 };
        assert!((divergence.f(1.0) - at_one).abs() < 1e-15, "{divergence}");
        assert_eq!(divergence.f_star(divergence.domain_end()), f64::INFINITY);
    }
}

#[test]
fn infinite_and_distant_cases_are_told() {
    let (narrow, wide) = (normal(0.0, 1.0), normal(0.0, 1.5));
    assert_eq!(Divergence::PearsonChi2.between(&wide, &narrow), f64::INFINITY);
    // E_p[x²] − E_q[x⁴ / 4 + x²], and bounds that grow with the critic
    let chi2 =
        |critic: &dyn Fn(f64) -> f64| Divergence::PearsonChi2.lower_bound(&wide, &narrow, critic).unwrap();
    assert!(near(chi2(&|x| x * x), 2.25 - 0.75 - 1.0, 1e-10));
    let best = |x: f64| Divergence::PearsonChi2.optimal_output(wide.log_pdf(x) - narrow.log_pdf(x));
    let capped = [1e1, 1e3, 1e5].map(|most| chi2(&|x| best(x).min(most)));
    assert!(capped[0] > 0.5 && capped[1] > capped[0] + 0.5 && capped[2] > capped[1] + 0.5, "{capped:?}");
    // σ_p² = 1.9 σ_q²: ∫ p² / q = σ_q² / (σ_p √(2 σ_q² − σ_p²)), much of it from far outside of both
    let found = Divergence::PearsonChi2.between(&normal(0.0, 1.9f64.sqrt()), &narrow);
    let exact = 1.0 / (1.9f64.sqrt() * (2.0 - 1.9f64).sqrt()) - 1.0;
    assert!(near(found, exact, 1e-10), "{found} {exact}");
    // 50 deviations apart, p / q does not fit into f64
    let (here, there) = (normal(0.0, 1.0), normal(50.0, 1.0));
    for divergence in Divergence::ALL {
        let exact = divergence.between(&here, &there);
        if divergence == Divergence::PearsonChi2 {
            assert_eq!(exact, f64::INFINITY);
            assert!(divergence
                .lower_bound(&here, &there, |x| divergence.optimal_output(1250.0 - 50.0 * x))
                .is_err());
        } else {
            let best =
                divergence.lower_bound(&here, &there, |x| divergence.optimal_output(1250.0 - 50.0 * x));
            assert!(near(best.unwrap(), exact, 1e-9), "{divergence}");
        }
    }
}

/// Two mixtures, p no wider than q, so that every divergence is finite.
fn mixtures() -> impl Strategy<Value = (GaussianMixture, GaussianMixture)> {
    let mixture = |least: f64, most: f64| {
        prop::collection::vec((0.1f64..1.0, -2.0f64..2.0, least..most), 1..4)
            .prop_map(|parts| GaussianMixture::new(&parts).unwrap())
    };
    (mixture(0.3, 1.0), mixture(0.8, 2.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_columns_of_the_table_belong_together(log_u in -6.0f64..6.0, v in -5.0f64..5.0) {
        let u = log_u.exp();
        for divergence in Divergence::ALL {
            let (f, slope) = (divergence.f(u), divergence.derivative(u));
            // Fenchel's inequality, and where it is tight
            let t = divergence.activation(v);
            prop_assert!(t < divergence.domain_end());
            prop_assert!(divergence.f_star(t) >= u * t - f - 1e-9 * (1.0 + u), "{divergence} {u} {t}");
            prop_assert!(near(divergence.f_star(slope), u * slope - f, 1e-9), "{divergence} {u}");
            // one step and two
            prop_assert!(near(divergence.penalty(v), divergence.f_star(t), 1e-10), "{divergence} {v}");
            let best = divergence.optimal_output(log_u);
            prop_assert!(near(divergence.activation(best), slope, 1e-12), "{divergence} {u}");
            prop_assert!(near(divergence.ratio(best), u, 1e-12), "{divergence} {u}");
            prop_assert!(near(discriminator(divergence, best), u / (1.0 + u), 1e-12), "{divergence} {u}");
            // f' is the slope of f, and p / q that of f*
            let step = 1e-5 * u;
            let rise = (divergence.f(u + step) - divergence.f(u - step)) / (2.0 * step);
            prop_assert!(near(slope, rise, 1e-5), "{divergence} {slope} {rise}");
            let step = 1e-5;
            let rise = divergence.penalty(best + step) - divergence.penalty(best - step);
            let run = divergence.activation(best + step) - divergence.activation(best - step);
            prop_assert!((rise / run / u - 1.0).abs() < 1e-4, "{divergence} {u}");
        }
    }

    #[test]
    fn gaussians_have_the_divergences_of_the_formulas(
        m in -3.0f64..3.0, s in 0.3f64..1.3, t in 1.0f64..3.0,
    ) {
        let (p, q) = (normal(m, s), normal(0.0, t));
        let both = s * s + t * t;
        let affinity = (2.0 * s * t / both).sqrt() * (-m * m / (4.0 * both)).exp();
        let gap = 2.0 * t * t - s * s;
        let square = t * t / (s * gap.sqrt()) * (m * m / gap).exp();
        let jsd = jensen_shannon(&p, &q);
        for (divergence, exact) in [
            (Divergence::Kl, kl(&p, &q)),
            (Divergence::ReverseKl, kl(&q, &p)),
            (Divergence::PearsonChi2, square - 1.0),
            (Divergence::SquaredHellinger, 2.0 - 2.0 * affinity),
            (Divergence::JensenShannon, 2.0 * jsd),
            (Divergence::Gan, 2.0 * jsd - 4f64.ln()),
        ] {
            let found = divergence.between(&p, &q);
            prop_assert!(near(found, exact, 1e-9), "{divergence}: {found} {exact}");
            // q f(p / q) as it stands, where both fit into f64
            for x in Quadrature::over(&[&p, &q]).nodes().filter(|x| p.pdf(*x).min(q.pdf(*x)) > 1e-290) {
                let (plain, log) = (q.pdf(x) * divergence.f(p.pdf(x) / q.pdf(x)), [p.log_pdf(x), q.log_pdf(x)]);
                prop_assert!(near(divergence.integrand(log[0], log[1]), plain, 1e-9), "{divergence} {x}");
            }
        }
    }

    #[test]
    fn no_critic_passes_the_divergence_and_the_best_reaches_it(
        (p, q) in mixtures(), level in -2.0f64..2.0, size in -1.0f64..1.0, wave in 0.1f64..3.0,
    ) {
        for divergence in Divergence::ALL {
            let exact = divergence.between(&p, &q);
            let best = |x: f64| divergence.optimal_output(p.log_pdf(x) - q.log_pdf(x));
            let tight = divergence.lower_bound(&p, &q, best).unwrap();
            prop_assert!(near(tight, exact, 1e-10), "{divergence}: {tight} {exact}");
            for bound in [
                divergence.lower_bound(&p, &q, |x| level + size * (wave * x).sin()),
                divergence.lower_bound(&p, &q, |x| best(x) + size * (wave * x).cos()),
            ] {
                let bound = bound.unwrap();
                prop_assert!(bound <= exact + 1e-11 * (1.0 + exact.abs()), "{divergence}: {bound} {exact}");
            }
        }
    }
}
