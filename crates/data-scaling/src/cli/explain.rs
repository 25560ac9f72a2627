//! Equations beside the code that computes them.

use shared::cli::ExplainRow;

pub(super) const ROWS: &[ExplainRow] = &[
    ExplainRow {
        equation: "L = −(1/B) Σᵢ Σ꜀ [y꜀ log σ(z꜀) + (1 − y꜀) log(1 − σ(z꜀))]",
        code: "shared::ops::logistic::multi_label_logistic_loss",
        shape: "a number, of (B, C) scores",
        section: "3.1",
    },
    ExplainRow {
        equation: "ỹ꜀ = 1 if c ∈ Y or c ∈ anc(c′) for a c′ ∈ Y",
        code: "datasets::labels::Hierarchy::closure",
        shape: "a set of labels an image",
        section: "3.1",
    },
    ExplainRow {
        equation: "b꜀ = log(π꜀ / (1 − π꜀))",
        code: "data_scaling::Head::new",
        shape: "(C)",
        section: "not in the paper",
    },
    ExplainRow {
        equation: "frozen: only the last layer is trained on the task",
        code: "data_scaling::frozen",
        shape: "an accuracy",
        section: "4.2",
    },
    ExplainRow {
        equation: "fine-tuned: everything is, from the pre-trained weights on",
        code: "data_scaling::fine_tuned",
        shape: "an accuracy",
        section: "4.2",
    },
    ExplainRow {
        equation: "score(N) = a + b log₁₀ N",
        code: "data_scaling::curve::Law::LogLinear",
        shape: "a number",
        section: "5.2, Figure 4",
    },
    ExplainRow {
        equation: "score(N) = a + b N^−c,  a + b N / (N + h),  b N^c",
        code: "data_scaling::curve::CurveStudy",
        shape: "parameters with intervals",
        section: "not in the paper",
    },
    ExplainRow {
        equation: "mAP@100, weighted by the labels' frequencies",
        code: "data_scaling::measures::multi_label_scores",
        shape: "a number",
        section: "4.1",
    },
];
