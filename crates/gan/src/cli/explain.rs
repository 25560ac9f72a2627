//! Equations beside the code that computes them.

use shared::cli::ExplainRow;

pub(super) const EXPLAIN: &[ExplainRow] = &[
    ExplainRow {
        equation: "max_D min_G E log D(x) + E log(1 − D(G(z)))",
        code: "gan::Formulation::Minimax",
        shape: "scalar",
        section: "II",
    },
    ExplainRow {
        equation: "k steps of D, one of G",
        code: "gan::Gan::step",
        shape: "z: (B, Z), x: (B, X)",
        section: "III, figure 5",
    },
    ExplainRow {
        equation: "D*(x) = p_data(x) / (p_data(x) + p_g(x))",
        code: "gan::theory::Discrimination::optimal",
        shape: "(0, 1)",
        section: "III.B",
    },
    ExplainRow {
        equation: "C(G) = −log 4 + 2 JSD(p_data ‖ p_g)",
        code: "gan::theory::Discrimination::value_by_theorem",
        shape: "scalar",
        section: "III.B",
    },
    ExplainRow {
        equation: "min −E log D(G(z))",
        code: "gan::Formulation::NonSaturating",
        shape: "scalar",
        section: "IV.A",
    },
    ExplainRow {
        equation: "‖E f(x) − E f(G(z))‖²",
        code: "gan::Aim::Features",
        shape: "f: (B, F)",
        section: "IV.B",
    },
    ExplainRow {
        equation: "θ penalised by ‖θ − (1/t) Σ θ[i]‖²",
        code: "gan::Recipe::history",
        shape: "as θ",
        section: "IV.B",
    },
    ExplainRow {
        equation: "real label 0.9, generated label 0",
        code: "gan::Recipe::real_target",
        shape: "(B, 1)",
        section: "IV.B",
    },
    ExplainRow {
        equation: "D(x + N(0, σ²)), σ → 0",
        code: "gan::Recipe::instance_noise",
        shape: "(B, X)",
        section: "IV.B",
    },
    ExplainRow {
        equation: "E g_f(V(x)) − E f*(g_f(V(G(z))))",
        code: "gan::Formulation::FDivergence",
        shape: "scalar",
        section: "IV.C",
    },
    ExplainRow {
        equation: "E f(x) − E f(G(z)), |w| ≤ c",
        code: "gan::Formulation::Wasserstein, gan::Recipe::clip",
        shape: "scalar",
        section: "IV.C",
    },
    ExplainRow {
        equation: "λ E (‖∇ f(x̂)‖ − 1)²",
        code: "gan::Penalty::Lipschitz",
        shape: "scalar",
        section: "IV.C",
    },
    ExplainRow {
        equation: "sin((1−t)Ω)/sin Ω a + sin(tΩ)/sin Ω b",
        code: "gan::latent::slerp",
        shape: "(Z)",
        section: "V",
    },
];
