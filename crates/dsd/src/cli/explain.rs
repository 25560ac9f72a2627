//! The paper's equations beside the code that computes them.

use shared::cli::ExplainRow;

pub(super) const ROWS: &[ExplainRow] = &[
    ExplainRow {
        equation: "kᵢ = Nᵢ (1 − s)",
        code: "dsd::survivors",
        shape: "a number",
        section: "3, Algorithm 1",
    },
    ExplainRow {
        equation: "Mᵢ = 1(|Wᵢ| among the kᵢ largest)",
        code: "dsd::mask_of",
        shape: "that of Wᵢ",
        section: "3, Algorithm 1",
    },
    ExplainRow {
        equation: "W ← (W − η ∇f) ⊙ M",
        code: "shared::optim::Optimizer::set_mask",
        shape: "that of W",
        section: "3, Algorithm 1",
    },
    ExplainRow {
        equation: "D: η, S: η/10 with M, D: η/100 without",
        code: "dsd::DsdConfig::paper",
        shape: "phases",
        section: "3; tables of section 4",
    },
    ExplainRow {
        equation: "wⱼ = 0 where Mⱼ = 0, at the start of the last phase",
        code: "dsd::Restore",
        shape: "that of W",
        section: "3",
    },
    ExplainRow {
        equation: "error(control) − error(DSD), seed by seed",
        code: "dsd::experiment::Lab",
        shape: "(seeds,)",
        section: "4.1, appendix",
    },
    ExplainRow {
        equation: "histograms of W through the phases",
        code: "dsd::diagnostics::Progression",
        shape: "5 x 61 bins",
        section: "3, Figure 2",
    },
];
