//! The paper's claims, each with the function that measures it.

mod accuracy;
mod capsules;
mod routing;

use shared::{
    claims::{Budget, Claim, ClaimError, Context, Deviation, Direction, Measured, PaperValue, Protocol, Row},
    ops::routing::{Coupling, RoutingGradient},
};

use crate::{
    config::{Config, Init, PrimaryScale},
    data::SYNTHETIC,
    experiment::Lab,
};

/// The weight of the reconstruction loss that the authors' code comes to: its margin loss is divided by 20.
const RECONSTRUCTION_OF_CODE: f64 = 0.01;

const SMALLER: &str =
    "a network with a quarter of the maps and kinds of capsules, on a part of the training set, for \
                       few epochs: minutes on two cores and not days on a GPU";

const SCALED: Protocol = Protocol::Scaled { why: SMALLER };

/// What the paper says, in its order, then what its code and public versions do otherwise.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "reconstruction",
        section: "5, Table 1",
        statement: "Decoding the image from the capsule of its class, as a second loss, lowers the test error.",
        paper: PaperValue::Numbers(&[("with reconstruction", 0.0025), ("without", 0.0035)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 20, full_s: 600 },
        measure: accuracy::reconstruction,
    },
    Claim {
        id: "routing",
        section: "5, Table 1",
        statement: "Three passes of routing have a lower test error than one, which is no routing.",
        paper: PaperValue::Numbers(&accuracy::PAPER_DIGITS),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 20, full_s: 600 },
        measure: accuracy::routing,
    },
    Claim {
        id: "routing-overlap",
        section: "6, Table 1",
        statement: "Routing helps more where digits overlap.",
        paper: PaperValue::Numbers(&[("pairs, r = 3", 0.052), ("pairs, r = 1", 0.075)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 40, full_s: 1200 },
        measure: accuracy::overlap,
    },
    Claim {
        id: "multi-mnist",
        section: "6, Table 1",
        statement: "A CapsNet reads overlapping digits better than a convolutional network with as many weights.",
        paper: PaperValue::Numbers(&[("CapsNet", 0.052), ("convolutional network", 0.081)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 30, full_s: 900 },
        measure: accuracy::multi_mnist,
    },
    Claim {
        id: "affine-robustness",
        section: "5.2",
        statement: "A CapsNet that never saw turned, sheared or scaled digits loses less on them than a convolutional network.",
        paper: PaperValue::Numbers(&[("CapsNet", 0.79), ("convolutional network", 0.66)]),
        direction: Direction::Above { margin: 0.03 },
        protocol: SCALED,
        budget: Budget { quick_s: 40, full_s: 900 },
        measure: accuracy::affine,
    },
    Claim {
        id: "coupling-entropy",
        section: "2 and appendix A",
        statement: "Routing makes the coupling coefficients of a child peaked: it chooses a parent.",
        paper: PaperValue::Text("\"routing by agreement\"; no number"),
        direction: Direction::AtMost,
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 300 },
        measure: routing::entropy,
    },
    Claim {
        id: "routing-convergence",
        section: "appendix A, figure A.1",
        statement: "The change of the logits falls steeply from pass to pass.",
        paper: PaperValue::Numbers(&[("pass 2", 0.007), ("pass 5", 1e-5)]),
        direction: Direction::AtMost,
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 300 },
        measure: routing::changes,
    },
    Claim {
        id: "presence",
        section: "3 and 6",
        statement: "The length of a capsule says whether its class is present, for two digits at once.",
        paper: PaperValue::Text("length as probability; no number"),
        direction: Direction::AtLeast,
        protocol: SCALED,
        budget: Budget { quick_s: 20, full_s: 600 },
        measure: capsules::presence,
    },
    Claim {
        id: "dimensions",
        section: "5.1, figure 4",
        statement: "Single numbers of a capsule stand for thickness, skew, width and other factors of a digit.",
        paper: PaperValue::Text("six factors shown for several digits"),
        direction: Direction::AtLeast,
        protocol: SCALED,
        budget: Budget { quick_s: 15, full_s: 300 },
        measure: capsules::dimensions,
    },
    Claim {
        id: "decomposition",
        section: "6.1, figure 5",
        statement: "Each of two overlapping digits is decoded from its own capsule.",
        paper: PaperValue::Text("shown for a few pairs"),
        direction: Direction::AtLeast,
        protocol: SCALED,
        budget: Budget { quick_s: 20, full_s: 600 },
        measure: capsules::decomposition,
    },
    Claim {
        id: "fewer-weights",
        section: "5, Table 1",
        statement: "A CapsNet has no larger error than a convolutional network with at least as many weights.",
        paper: PaperValue::Numbers(&[("CapsNet", 0.0025), ("convolutional network", 0.0039)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 15, full_s: 300 },
        measure: accuracy::fewer_weights,
    },
    Claim {
        id: "convergence-speed",
        section: "appendix A, figure A.2",
        statement: "With three passes of routing the training loss is lower than with one after as many steps.",
        paper: PaperValue::Text("shown for CIFAR-10"),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 20, full_s: 900 },
        measure: accuracy::convergence,
    },
    Claim {
        id: "authors-code",
        section: "the authors' code",
        statement: "Doing as the paper's text says, and not as the authors' code does, costs no accuracy.",
        paper: PaperValue::Text("not said; its tables were made with the code"),
        direction: Direction::Above { margin: -0.003 },
        protocol: SCALED,
        budget: Budget { quick_s: 30, full_s: 900 },
        measure: authors_code,
    },
    Claim {
        id: "mistakes",
        section: "public versions",
        statement: "Mistakes that many public versions share cost accuracy.",
        paper: PaperValue::Text("not the paper's"),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 20, full_s: 600 },
        measure: mistakes,
    },
];

/// Where this code departs from the paper, or from the code behind it.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        id: "gradient",
        what: "Gradients go through the last weighted sum of the routing, the coupling coefficients being constants; \
               the authors' code goes back through every pass. The text does not say.",
        why: "Half of the work on the way back, and a third of the memory.",
        flag: Some("train --gradient all"),
        effect: Some("authors-code"),
    },
    Deviation {
        id: "primary-scale",
        what: "The convolution of the first capsules is taken as it is; the authors' code divides it by the number of \
               kinds of capsules, because it sends it through its routing with one pass.",
        why: "The text has no such factor.",
        flag: Some("train --authors-primary"),
        effect: Some("authors-code"),
    },
    Deviation {
        id: "loss-scale",
        what: "The margin loss is the sum over classes, as in the text; the authors' code has a twentieth of it, so \
               that the reconstruction weighs 20 times as much.",
        why: "The text says so.",
        flag: Some("train --authors-loss"),
        effect: Some("authors-code"),
    },
    Deviation {
        id: "routing-bias",
        what: "s has no bias; the authors' code learns one for each class capsule.",
        why: "The text has none.",
        flag: Some("train --routing-bias"),
        effect: Some("authors-code"),
    },
    Deviation {
        id: "initial-weights",
        what: "Convolutions and decoder start uniform within 1 over the root of their inputs, W from N(0, 0.05²); the \
               authors' code has truncated normals and biases of 0.1. The text does not say.",
        why: "The usual start of these layers.",
        flag: Some("train --init authors"),
        effect: Some("authors-code"),
    },
    Deviation {
        id: "affnist",
        what: "The affine test images are made from the test digits; affNIST's own files are not read.",
        why: "They are published as MATLAB files that no mirror of plain files has.",
        flag: None,
        effect: Some("affine-robustness"),
    },
];

fn authors_code(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const VARIANTS: &[(&str, fn(&mut Config))] = &[
        ("gradients through all passes", |c| c.routing.gradient = RoutingGradient::All),
        ("first capsules divided by their kinds", |c| c.primary_scale = PrimaryScale::Types),
        ("margin loss divided by 20", |c| c.margin.scale = 0.05),
        ("a learned bias in s", |c| c.routing_bias = true),
        ("leaky coupling", |c| c.routing.coupling = Coupling::Leaky),
        ("the authors' initial weights", |c| c.init = Init::Authors),
        ("all of it but the leak", |c| {
            c.routing.gradient = RoutingGradient::All;
            c.primary_scale = PrimaryScale::Types;
            c.margin.scale = 0.05;
            c.routing_bias = true;
            c.init = Init::Authors;
        }),
    ];
    let margin = if context.quick { -0.03 } else { -0.003 };
    routing::variants(context, VARIANTS, "its error less ours", margin)
}

fn mistakes(context: &Context<'_>) -> Result<Measured, ClaimError> {
    const VARIANTS: &[(&str, fn(&mut Config))] = &[
        ("margins not squared", |c| c.margin.squared = false),
        ("softmax over the children", |c| c.routing.coupling = Coupling::Children),
        ("reconstruction as the mean over pixels", |c| c.reconstruction_mean = true),
    ];
    routing::variants(context, VARIANTS, "its error less that without the mistake", 0.0)
}

/// Which data a number is of, in words.
fn measured_on(lab: &Lab) -> String {
    let name = &lab.sets().name;
    if name == SYNTHETIC {
        format!("Measured on {name} digits, drawn by code: the paper's numbers are not comparable, its statements are.")
    } else {
        format!("Measured on {name}, all {} test images, read once by each network.", lab.sets().test.len())
    }
}

fn row(label: &str, values: &[f64]) -> Result<Row, ClaimError> {
    Ok(Row::new(label, values.to_vec())?)
}
