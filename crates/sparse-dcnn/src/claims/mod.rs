//! The paper's claims, each with the function that measures it.

mod accuracy;
mod scale;
mod theory;

#[cfg(feature = "cli")]
pub(crate) use scale::form_bytes;

use datasets::splits::{random_thirds, Split};
use dcnn::{Source, SYNTHETIC};
use shared::claims::{Budget, Claim, ClaimError, Context, Deviation, Direction, PaperValue, Protocol, Row};

use crate::{
    data::{load_named, GraphData},
    SparseError,
};

/// σ of the sweeps, as far as the authors' program's 0.05 and beyond.
const SIGMAS: [f64; 8] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.5];

const NOT_TABLED: &str = "the paper's tables could not be had; its abstract's statement is tested";

/// What the paper says, then what its code leaves open.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "bounds",
        section: "2, theorem",
        statement: "Thresholding leaves at most N ⌊1/σ⌋^k entries of power k before, and N ⌊1/σ⌋ after.",
        paper: PaperValue::Text("O(N) memory, proven"),
        direction: Direction::AtMost,
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 10, full_s: 60 },
        measure: theory::bounds,
    },
    Claim {
        id: "accuracy",
        section: "abstract",
        statement: "A threshold that drops most of the memory does not significantly affect accuracy.",
        paper: PaperValue::Text("no significant loss; the size of σ is not told"),
        direction: Direction::Within { margin: 0.01 },
        protocol: Protocol::Scaled { why: NOT_TABLED },
        budget: Budget { quick_s: 30, full_s: 300 },
        measure: accuracy::sweep,
    },
    Claim {
        id: "growth",
        section: "abstract, 2",
        statement: "With a threshold the entries grow as N; without one, on scale-free graphs, they grow faster.",
        paper: PaperValue::Text("O(N) against O(N²)"),
        direction: Direction::AtMost,
        protocol: Protocol::Qualitative,
        budget: Budget { quick_s: 20, full_s: 300 },
        measure: scale::growth,
    },
    Claim {
        id: "memory",
        section: "abstract",
        statement: "The dense tensor takes memory as N², the thresholded series as N.",
        paper: PaperValue::Text("O(N²) to O(N)"),
        direction: Direction::AtMost,
        protocol: Protocol::Qualitative,
        budget: Budget { quick_s: 20, full_s: 120 },
        measure: scale::memory,
    },
    Claim {
        id: "no-threshold",
        section: "abstract",
        statement: "On a sparse graph the exact activations come in O(N) memory too: without powers, no threshold is needed.",
        paper: PaperValue::Text("not said: it thresholds to get from O(N²) to O(N)"),
        direction: Direction::AtMost,
        protocol: Protocol::Qualitative,
        budget: Budget { quick_s: 10, full_s: 30 },
        measure: theory::no_threshold,
    },
    Claim {
        id: "pre-post",
        section: "2",
        statement: "At equal σ thresholding before and after are equally accurate.",
        paper: PaperValue::Text("both behave alike"),
        direction: Direction::Within { margin: 0.01 },
        protocol: Protocol::Scaled { why: NOT_TABLED },
        budget: Budget { quick_s: 20, full_s: 120 },
        measure: accuracy::pre_post,
    },
    Claim {
        id: "post-smaller",
        section: "2",
        statement: "At equal σ thresholding after keeps fewer entries of every power beyond the first.",
        paper: PaperValue::Text("not said; follows from no theorem"),
        direction: Direction::AtMost,
        protocol: Protocol::Qualitative,
        budget: Budget { quick_s: 5, full_s: 20 },
        measure: theory::post_smaller,
    },
    Claim {
        id: "large-sigma",
        section: "2",
        statement: "With σ above 1 nothing is left but hop 0, and accuracy is that of a network without a graph.",
        paper: PaperValue::Text("follows from the definition"),
        direction: Direction::Within { margin: 0.01 },
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 10, full_s: 60 },
        measure: accuracy::large_sigma,
    },
    Claim {
        id: "hubs",
        section: "2, pre-thresholding",
        statement: "On an unweighted graph, thresholding before is deleting the rows of nodes of degree above 1/σ.",
        paper: PaperValue::Text("not said; the mechanism of the method"),
        direction: Direction::AtMost,
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 5, full_s: 20 },
        measure: theory::hubs,
    },
    Claim {
        id: "what-to-drop",
        section: "2",
        statement: "Small probabilities are the right thing to drop: dropping as many entries at random costs more.",
        paper: PaperValue::Text("no control is known"),
        direction: Direction::Above { margin: 0.0 },
        protocol: Protocol::Qualitative,
        budget: Budget { quick_s: 20, full_s: 180 },
        measure: accuracy::what_to_drop,
    },
    Claim {
        id: "speed",
        section: "abstract",
        statement: "What takes less memory takes less time: the sparse diffusion overtakes the dense tensor early.",
        paper: PaperValue::Text("not said"),
        direction: Direction::AtMost,
        protocol: Protocol::Qualitative,
        budget: Budget { quick_s: 15, full_s: 60 },
        measure: scale::speed,
    },
    Claim {
        id: "authors-code",
        section: "the authors' code",
        statement: "Taking all powers of the thresholded matrix, and not only the first, costs no accuracy.",
        paper: PaperValue::Text("the text says so, the code does otherwise"),
        direction: Direction::Above { margin: -0.01 },
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 10, full_s: 60 },
        measure: accuracy::authors_code,
    },
];

/// Where this code departs from the paper, or from the program behind it.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        id: "later-powers",
        what: "All powers of pre-thresholding are powers of the thresholded matrix; the authors' code multiplies the \
               first by the unthresholded one.",
        why: "The text says so, and the bound on memory holds only so.",
        flag: None,
        effect: Some("authors-code"),
    },
    Deviation {
        id: "edge",
        what: "An entry is kept if it is at least σ less one part in 10⁶; the authors' code drops entries equal to σ.",
        why: "With P = D⁻¹A and σ = 1/m nodes of degree m lie on the edge, where rounding would decide.",
        flag: None,
        effect: Some("accuracy"),
    },
    Deviation {
        id: "transition-matrix",
        what: "P = D⁻¹A as in the text; the authors' code divides column j by its degree + 1.",
        why: "The theorem speaks of rows that sum to 1. `dcnn reproduce normalization` measures what it costs.",
        flag: None,
        effect: None,
    },
    Deviation {
        id: "no-dense-storage",
        what: "No dense matrix is ever held, and no power unless it is asked for; the authors' code keeps zeros in a \
               dense array.",
        why: "Zeros that are stored save no memory.",
        flag: None,
        effect: Some("memory"),
    },
];

/// The graph asked for: the embedded one for the short form, Cora otherwise.
fn data(context: &Context<'_>) -> Result<GraphData, SparseError> {
    let default = if context.quick { SYNTHETIC } else { "cora" };
    let source = Source::new(context.data_dir.as_deref(), context.offline);
    load_named(context.dataset.as_deref().unwrap_or(default), &source)
}

fn thirds(nodes: usize, seeds: &[u64]) -> Result<Vec<(u64, Split)>, SparseError> {
    seeds.iter().map(|seed| Ok((*seed, random_thirds(nodes, *seed)?))).collect()
}

/// Which data a number is of, in words.
fn measured_on(name: &str) -> String {
    if name.starts_with(SYNTHETIC) {
        format!("Measured on {name}, an embedded twin made by code.")
    } else {
        format!("Measured on {name}.")
    }
}

fn row(label: &str, values: &[f64]) -> Result<Row, ClaimError> {
    Ok(Row::new(label, values.to_vec())?)
}
