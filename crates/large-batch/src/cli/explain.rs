//! Equations beside the code that computes them.

use shared::cli::ExplainRow;

pub(super) const ROWS: &[ExplainRow] = &[
    ExplainRow {
        equation: "w ← w − η̂ (1/kn) Σⱼ Σ_{x ∈ Bⱼ} ∇l(x, w)",
        code: "large_batch::DataParallel::step",
        shape: "k shards of n positions",
        section: "2.1, equation 4",
    },
    ExplainRow {
        equation: "η̂ = k η",
        code: "large_batch::LinearScaling::lr",
        shape: "a number",
        section: "2.1",
    },
    ExplainRow {
        equation: "ηₜ = η + (η̂ − η) t / T",
        code: "large_batch::LinearScaling::schedule",
        shape: "a number an iteration",
        section: "2.2",
    },
    ExplainRow {
        equation: "L(B, w) = (1/n) Σ_{x ∈ B} l_B(x, w)",
        code: "large_batch::Replica::gradient",
        shape: "a row of all weights",
        section: "2.3, equations 5 to 7",
    },
    ExplainRow {
        equation: "u ← m u + g,  w ← w − η u",
        code: "shared::optim::HeavyBallForm::RateOutside",
        shape: "that of w",
        section: "2.4, equation 9",
    },
    ExplainRow {
        equation: "v ← m (ηₜ₊₁/ηₜ) v + ηₜ₊₁ g,  w ← w − v",
        code: "shared::optim::HeavyBallForm::RateInsideCorrected",
        shape: "that of w",
        section: "2.4, equation 10",
    },
    ExplainRow {
        equation: "one permutation an epoch, in k disjoint parts",
        code: "large_batch::shard_of_epoch",
        shape: "positions",
        section: "2.4",
    },
    ExplainRow {
        equation: "2(p − 1) or 2 log₂ p steps, 2 (p − 1)/p b bytes",
        code: "large_batch::collective::Algorithm",
        shape: "b bytes on p ranks",
        section: "3",
    },
    ExplainRow {
        equation: "B = tr(Σ) / |G|²",
        code: "large_batch::NoiseScale",
        shape: "a number of examples",
        section: "McCandlish et al. (2018), A.1",
    },
];
