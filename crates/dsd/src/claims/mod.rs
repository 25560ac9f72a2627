//! The paper's claims, each with the function that measures it.

mod choices;
mod design;
mod gains;
mod weights;

use shared::claims::{Budget, Claim, Deviation, Direction, PaperValue, Protocol};

const SCALED: Protocol = Protocol::Scaled {
    why: "networks and sets that two cores train in minutes, each with ten seeds; the paper's take weeks",
};

/// What the paper says and, where it says nothing, what its users ask.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "baseline",
        section: "4, Tables 1 to 5",
        statement: "DSD ends with a lower error than the converged dense network that it began with.",
        paper: PaperValue::Numbers(&[("GoogLeNet, top-1 error", 0.0112), ("VGG-16", 0.0431), ("ResNet-50", 0.0112)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 20, full_s: 1200 },
        measure: gains::baseline,
    },
    Claim {
        id: "control",
        section: "4.1, LLR rows; appendix",
        statement: "DSD ends with a lower error than the same dense network trained on for the same epochs at the same rates \
                    without a mask.",
        paper: PaperValue::Numbers(&[("GoogLeNet, gain over the LLR row", 0.0018), ("ResNet-50", 0.0069)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 20, full_s: 1200 },
        measure: gains::control,
    },
    Claim {
        id: "resnet20",
        section: "appendix",
        statement: "The same with ResNet-20 on CIFAR-10, the one network for which the paper has the matched control.",
        paper: PaperValue::Numbers(&[("gain over fine-tuning", 0.0008)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 15, full_s: 1800 },
        measure: gains::resnet20,
    },
    Claim {
        id: "sparse",
        section: "4, rows 'Sparse'",
        statement: "The sparse phase alone helps already: it ends below the dense network, and below one trained on as long.",
        paper: PaperValue::Numbers(&[("GoogLeNet, gain of the sparse phase", 0.0056), ("VGG-16", 0.0331)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 5, full_s: 60 },
        measure: gains::sparse,
    },
    Claim {
        id: "redense",
        section: "4, rows 'DSD'",
        statement: "Letting the pruned weights go improves on training on with the mask.",
        paper: PaperValue::Numbers(&[("GoogLeNet, gain of the dense phase", 0.0056), ("VGG-16", 0.0100)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 5, full_s: 120 },
        measure: gains::redense,
    },
    Claim {
        id: "sparsity",
        section: "3",
        statement: "A sparsity of 25 to 50 % is best, and one of 0 is training on.",
        paper: PaperValue::Text("25 to 50 %"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 600 },
        measure: choices::sparsity,
    },
    Claim {
        id: "selection",
        section: "3, Algorithm 1",
        statement: "Pruning the weights of least magnitude is better than pruning any.",
        paper: PaperValue::Text("an argument by Taylor's formula"),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 400 },
        measure: choices::selection,
    },
    Claim {
        id: "restore",
        section: "3, 6",
        statement: "Pruned weights may come back as 0: their old values or fresh ones are no better.",
        paper: PaperValue::Text("others are 'worth trying'"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 300 },
        measure: choices::restore,
    },
    Claim {
        id: "redense-rate",
        section: "3",
        statement: "The last phase wants a rate far below the first one's.",
        paper: PaperValue::Text("a tenth"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 300 },
        measure: choices::redense_rate,
    },
    Claim {
        id: "iterated",
        section: "4.5, Tables 7 and 9",
        statement: "A second round of sparse and dense training improves again.",
        paper: PaperValue::Numbers(&[("Deep Speech 1, WSJ '92, gain of the second round", 0.0045), ("WSJ '93", 0.0061)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 300 },
        measure: gains::iterated,
    },
    Claim {
        id: "both-losses",
        section: "5",
        statement: "Training and test loss both fall, so DSD optimises better and does not only regularise.",
        paper: PaperValue::Text("both fall"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 5, full_s: 60 },
        measure: gains::both_losses,
    },
    Claim {
        id: "first-layer",
        section: "4.1",
        statement: "The first convolution minds being pruned more than any other layer, for a weight.",
        paper: PaperValue::Text("it is left out"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 5, full_s: 120 },
        measure: weights::first_layer,
    },
    Claim {
        id: "distribution",
        section: "3, Figure 2",
        statement: "Sparse training leaves two humps, re-dense training leaves the survivors where they are, and the reborn stay \
                    around 0, so that the mean magnitude falls.",
        paper: PaperValue::Text("histograms of one layer"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 5, full_s: 60 },
        measure: weights::distribution,
    },
    Claim {
        id: "cost",
        section: "1",
        statement: "The network costs in use what it did before: parameters, shapes and arithmetic are the same.",
        paper: PaperValue::Text("no change"),
        direction: Direction::Qualitative,
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 5, full_s: 30 },
        measure: weights::cost,
    },
    Claim {
        id: "buffers",
        section: "public versions",
        statement: "What becomes of the optimiser's state under the mask makes no difference to the error.",
        paper: PaperValue::Text("not told"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 200 },
        measure: choices::buffers,
    },
];

/// Where this code departs from the paper.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        id: "exact-k",
        what: "Exactly k weights of a layer survive, ties by index; Algorithm 1 keeps those strictly above the k-th largest.",
        why: "The k-th itself, and all that are equal to it, would go too: the sparsity would not be the one asked for.",
        flag: Some("train --selection strict-magnitude"),
        effect: Some("selection"),
    },
    Deviation {
        id: "biases",
        what: "Biases, scales and shifts of norms are never pruned.",
        why: "The paper does not say; they are few, and every public version leaves them out.",
        flag: None,
        effect: None,
    },
    Deviation {
        id: "buffers",
        what: "Velocities of pruned weights are held at 0 through the sparse phase.",
        why: "The paper does not say; gradients are dense, so they would grow under the mask and jump when it goes.",
        flag: Some("train --optimizer-state keep"),
        effect: Some("buffers"),
    },
    Deviation {
        id: "dense-rate",
        what: "The dense phase ends with a quarter of its epochs at a tenth of its rate.",
        why: "It has to be converged when the sparse phase begins; the paper begins with published networks, which are.",
        flag: None,
        effect: None,
    },
];
