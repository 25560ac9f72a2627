//! The paper's claims, each with the function that measures it.

mod design;
mod labels;
mod real;
mod training;
mod trend;

use shared::claims::{Budget, Claim, Deviation, Direction, PaperValue, Protocol};

const SCALED: Protocol = Protocol::Scaled {
    why: "a network of four convolutions on drawn scenes of 32 x 32 with 520 labels, 96 to 96,000 of them; the paper's ResNet-101 \
          saw 10 to 300 million photographs for two months on 50 GPUs",
};

/// What the paper says, and what its users ask.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "trend",
        section: "5.2, Figure 4",
        statement: "Transfer gets better with every increase of the pre-training set, with frozen features and with fine-tuning.",
        paper: PaperValue::Text("COCO AP and VOC07 mAP rise from 10M to 300M images without a plateau"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 30, full_s: 1800 },
        measure: trend::trend,
    },
    Claim {
        id: "law",
        section: "5.2, Figure 4",
        statement: "Performance grows with the logarithm of the number of images.",
        paper: PaperValue::Text("straight lines on a logarithmic axis, four points, no fit"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 30, full_s: 1800 },
        measure: trend::law,
    },
    Claim {
        id: "no-saturation",
        section: "5.2, Figure 4",
        statement: "There is no sign of a plateau: the last increase gains at least half of what the mean one does.",
        paper: PaperValue::Text("no saturation at 300M"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 30, full_s: 1800 },
        measure: trend::no_saturation,
    },
    Claim {
        id: "frozen-and-tuned",
        section: "4.2, Figure 4",
        statement: "Both ways of transfer gain from data, and fine-tuning is above frozen features at every size.",
        paper: PaperValue::Text("fine-tuned above frozen"),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 30, full_s: 1800 },
        measure: trend::frozen_and_tuned,
    },
    Claim {
        id: "real-images",
        section: "5.2, Figure 4",
        statement: "The same holds of photographs: transfer gets better with every increase, and the points support a law.",
        paper: PaperValue::Text("as `trend` and `law`"),
        direction: Direction::Qualitative,
        protocol: Protocol::Scaled {
            why: "six classes of CIFAR-10 to pre-train on and four to transfer to, 30 to 30,000 images",
        },
        budget: Budget { quick_s: 8, full_s: 900 },
        measure: real::real_images,
    },
    Claim {
        id: "capacity",
        section: "5.3, Figure 6",
        statement: "A larger network gains more from the same increase of data.",
        paper: PaperValue::Text("COCO gain of JFT-300M: ResNet-50 1.87, ResNet-152 3.0 points of AP"),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 10, full_s: 900 },
        measure: training::capacity,
    },
    Claim {
        id: "classes",
        section: "5.3, Figure 5",
        statement: "More classes on the same images barely help, and do no harm.",
        paper: PaperValue::Numbers(&[("1,000 classes", 0.312), ("18,291 classes", 0.319)]),
        direction: Direction::AtLeast,
        protocol: SCALED,
        budget: Budget { quick_s: 6, full_s: 400 },
        measure: labels::classes,
    },
    Claim {
        id: "label-noise",
        section: "3, and 5.2",
        statement: "A fifth of wrong labels costs less than half of the images would.",
        paper: PaperValue::Text("20 % of JFT-300M's labels are wrong"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 8, full_s: 500 },
        measure: labels::label_noise,
    },
    Claim {
        id: "closure",
        section: "3.1",
        statement: "Where labels above the recorded ones are missing, adding them from the hierarchy helps.",
        paper: PaperValue::Text("done, not measured"),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 6, full_s: 400 },
        measure: labels::closure,
    },
    Claim {
        id: "logistic",
        section: "3.1",
        statement: "A logistic loss for each label does as well as softmax on one label, and better where images carry several.",
        paper: PaperValue::Text("no softmax, because labels are not exclusive"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 8, full_s: 600 },
        measure: labels::logistic,
    },
    Claim {
        id: "long-tail",
        section: "3, 5.1",
        statement: "A long tail of rare labels does not keep the network from learning.",
        paper: PaperValue::Text("3,000 classes with fewer than 100 images; convergence unhurt"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 6, full_s: 400 },
        measure: labels::long_tail,
    },
    Claim {
        id: "longer",
        section: "5.1, Table 2",
        statement: "Training on the same data for longer keeps helping.",
        paper: PaperValue::Numbers(&[("12M iterations", 0.350), ("24M", 0.361), ("36M", 0.368)]),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 5, full_s: 300 },
        measure: training::longer,
    },
    Claim {
        id: "clean-first",
        section: "4.1, Table 2",
        statement: "A pre-training on few clean images before the many noisy ones is no loss.",
        paper: PaperValue::Text("COCO AP: 300M 36.7, ImageNet+300M 37.4; VOC07 mAP: 81.4 and 81.3"),
        direction: Direction::AtLeast,
        protocol: SCALED,
        budget: Budget { quick_s: 6, full_s: 500 },
        measure: training::clean_first,
    },
    Claim {
        id: "head-start",
        section: "4.1, Figure 3",
        statement: "A good initialisation leads early and is caught up with late.",
        paper: PaperValue::Text("ImageNet initialisation leads for 15M iterations, then ties"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 6, full_s: 500 },
        measure: training::head_start,
    },
    Claim {
        id: "all-labels",
        section: "4.2, Table 1",
        statement: "With all labels of the task, pre-training still gains over training from scratch, though less.",
        paper: PaperValue::Numbers(&[("from scratch", 0.775), ("pre-trained on JFT-300M", 0.792)]),
        direction: Direction::Above { margin: 0.0 },
        protocol: SCALED,
        budget: Budget { quick_s: 6, full_s: 600 },
        measure: training::all_labels,
    },
    Claim {
        id: "duplicates",
        section: "5.2",
        statement: "Near-duplicates between pre-training and test images do not explain the gain.",
        paper: PaperValue::Text("removing 5,536 of 50,000 and 1,648 of 8,000 changed nothing"),
        direction: Direction::Qualitative,
        protocol: SCALED,
        budget: Budget { quick_s: 6, full_s: 300 },
        measure: real::duplicates,
    },
];

/// Where this code departs from the paper.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        id: "images",
        what: "Pre-training is on drawn scenes, without end, and on photographs of six classes.",
        why: "JFT-300M is not public. Scenes can be drawn at any size, with any hierarchy, and with errors that are known.",
        flag: Some("--dataset"),
        effect: None,
    },
    Deviation {
        id: "optimiser",
        what: "Adam with a cosine schedule in place of asynchronous RMSProp.",
        why: "It needs no tuning between Ns, and its steps do not depend on whether losses are summed or averaged over labels, \
              which the paper does not say.",
        flag: Some("--lr"),
        effect: None,
    },
    Deviation {
        id: "prior",
        what: "Biases of the last layer begin at the labels' log-odds.",
        why: "Else the first steps learn only that most labels are absent.",
        flag: Some("--zero-bias"),
        effect: None,
    },
    Deviation {
        id: "nested-subsets",
        what: "Every subset contains the smaller ones.",
        why: "The paper draws its subsets at random; nested ones differ by what was added alone.",
        flag: None,
        effect: None,
    },
];
