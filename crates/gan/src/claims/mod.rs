//! The survey's claims, each with the function that measures it.

mod digits;
mod families;
mod few_labels;
mod recipes;
mod theory;
mod toy;

use shared::claims::{Budget, Claim, Deviation, Direction, PaperValue, Protocol};

/// The survey has no experiments of its own.
const SURVEY: PaperValue = PaperValue::Text("said, not measured: a survey");
const TOY: Protocol = Protocol::Scaled {
    why: "networks of two hidden layers on points of the plane, where modes can be counted",
};
const DIGITS: Protocol = Protocol::Scaled {
    why: "DCGAN at half its width on 28 x 28 digits for a few passes: minutes on two cores, and our own classifier in place \
          of Inception",
};
const SMALL: Protocol =
    Protocol::Scaled { why: "fully connected and small convolutional networks on 28 x 28 digits" };

/// What the survey says, in its order, and what its recipes come to here.
pub const CLAIMS: &[Claim] = &[
    Claim {
        id: "optimal-discriminator",
        section: "III.B",
        statement: "For a fixed generator the discriminator tends to p_data / (p_data + p_g).",
        paper: PaperValue::Text("a theorem"),
        direction: Direction::AtMost,
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 5, full_s: 30 },
        measure: theory::optimal_discriminator,
    },
    Claim {
        id: "value",
        section: "III.B, IV.C",
        statement: "Against that discriminator the game's value is 2 JSD − log 4, and every f-divergence is the best value of its \
                    own game.",
        paper: PaperValue::Text("a theorem"),
        direction: Direction::AtMost,
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 3, full_s: 30 },
        measure: theory::value,
    },
    Claim {
        id: "saturation",
        section: "IV.A",
        statement: "The minimax generator's gradient fades against a good discriminator; the non-saturating one's does not, and it \
                    gets further.",
        paper: SURVEY,
        direction: Direction::Above { margin: 0.0 },
        protocol: TOY,
        budget: Budget { quick_s: 6, full_s: 120 },
        measure: toy::saturation,
    },
    Claim {
        id: "density-ratio",
        section: "III.B",
        statement: "The discriminator's logit estimates the logarithm of the ratio of the densities.",
        paper: PaperValue::Text("a theorem"),
        direction: Direction::AtLeast,
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 2, full_s: 10 },
        measure: theory::density_ratio,
    },
    Claim {
        id: "mode-collapse",
        section: "IV.B, VII.A",
        statement: "The plain game loses modes of the ring; minibatch discrimination, unrolling and noise keep more.",
        paper: PaperValue::Text("modes of 8, VEEGAN paper: GAN 1, unrolled 7.6; PacGAN paper: GAN 6.3, minibatch discrimination 4.3"),
        direction: Direction::Above { margin: 0.0 },
        protocol: TOY,
        budget: Budget { quick_s: 30, full_s: 1800 },
        measure: toy::collapse,
    },
    Claim {
        id: "coverage",
        section: "VII.A",
        statement: "There is a recipe that covers all 8 modes of the ring and all 25 of the grid with good samples, where the plain \
                    one does not.",
        paper: PaperValue::Text("VEEGAN paper: 8 and 24.6 modes, 0.529 and 0.40 of high quality"),
        direction: Direction::AtLeast,
        protocol: TOY,
        budget: Budget { quick_s: 10, full_s: 1200 },
        measure: toy::covered,
    },
    Claim {
        id: "stabilisers",
        section: "IV.B",
        statement: "Instance noise and one-sided label smoothing make fewer seeds fail at a hot learning rate; smoothing both \
                    labels is worse than smoothing one.",
        paper: SURVEY,
        direction: Direction::Above { margin: 0.0 },
        protocol: TOY,
        budget: Budget { quick_s: 10, full_s: 300 },
        measure: toy::stabilisers,
    },
    Claim {
        id: "tracks-quality",
        section: "IV.C",
        statement: "The loss of a Wasserstein critic follows the quality of samples; that of the usual discriminator does not.",
        paper: SURVEY,
        direction: Direction::AtLeast,
        protocol: TOY,
        budget: Budget { quick_s: 8, full_s: 200 },
        measure: toy::tracks_quality,
    },
    Claim {
        id: "robust",
        section: "IV.C",
        statement: "A Wasserstein game works with activations and rates where the plain one fails.",
        paper: SURVEY,
        direction: Direction::Above { margin: 0.0 },
        protocol: TOY,
        budget: Budget { quick_s: 10, full_s: 600 },
        measure: toy::robust,
    },
    Claim {
        id: "clipping",
        section: "IV.C",
        statement: "Clipping drives the critic's weights to their bounds; a gradient penalty does not.",
        paper: SURVEY,
        direction: Direction::AtLeast,
        protocol: TOY,
        budget: Budget { quick_s: 6, full_s: 120 },
        measure: toy::extremes,
    },
    Claim {
        id: "dcgan",
        section: "III.C",
        statement: "A convolutional pair by DCGAN's rules makes recognisable digits of every class.",
        paper: SURVEY,
        direction: Direction::AtMost,
        protocol: DIGITS,
        budget: Budget { quick_s: 15, full_s: 900 },
        measure: digits::dcgan,
    },
    Claim {
        id: "dcgan-rules",
        section: "III.C",
        statement: "Each rule of DCGAN helps: batch normalisation, leaky ReLU, strides in place of pooling.",
        paper: SURVEY,
        direction: Direction::Above { margin: 0.0 },
        protocol: DIGITS,
        budget: Budget { quick_s: 20, full_s: 1200 },
        measure: digits::rules,
    },
    Claim {
        id: "conditional",
        section: "III.D",
        statement: "A conditional generator makes the class that it is asked for.",
        paper: SURVEY,
        direction: Direction::AtLeast,
        protocol: DIGITS,
        budget: Budget { quick_s: 15, full_s: 900 },
        measure: digits::conditional,
    },
    Claim {
        id: "bigan",
        section: "III.E",
        statement: "An encoder that is trained against a generator inverts it loosely: worse reconstructions than an autoencoder's, \
                    codes that know the class.",
        paper: PaperValue::Text("BiGAN paper: nearest neighbours 97.4 % on MNIST"),
        direction: Direction::AtLeast,
        protocol: SMALL,
        budget: Budget { quick_s: 10, full_s: 900 },
        measure: families::bigan,
    },
    Claim {
        id: "aae",
        section: "III.F",
        statement: "An adversarial autoencoder's codes follow the prior.",
        paper: SURVEY,
        direction: Direction::AtMost,
        protocol: SMALL,
        budget: Budget { quick_s: 10, full_s: 600 },
        measure: families::aae,
    },
    Claim {
        id: "infogan",
        section: "III.D",
        statement: "A ten-way code that the generator must keep recoverable sorts digits without labels.",
        paper: PaperValue::Text("InfoGAN paper: 5 % error by the code on MNIST"),
        direction: Direction::AtLeast,
        protocol: DIGITS,
        budget: Budget { quick_s: 15, full_s: 900 },
        measure: families::infogan,
    },
    Claim {
        id: "semi-supervised",
        section: "VI.A",
        statement: "With 100 labels a classifier that also plays the game errs less than half as often as one that has the labels \
                    alone.",
        paper: PaperValue::Text("Salimans et al.: 93 ± 6.5 of 10,000 wrong with 100 labels"),
        direction: Direction::Above { margin: 0.0 },
        protocol: SMALL,
        budget: Budget { quick_s: 10, full_s: 1800 },
        measure: few_labels::semi_supervised,
    },
    Claim {
        id: "bilinear",
        section: "VII.B",
        statement: "On min max x y simultaneous steps spiral out, alternating ones circle, averaged and unrolled ones come in.",
        paper: PaperValue::Number(1.004_987_562_112_089),
        direction: Direction::Within { margin: 1e-12 },
        protocol: Protocol::Exact,
        budget: Budget { quick_s: 1, full_s: 1 },
        measure: theory::bilinear,
    },
    Claim {
        id: "latent-space",
        section: "V",
        statement: "Ways through the latent space change images without jumps, and arithmetic on mean vectors moves classes.",
        paper: SURVEY,
        direction: Direction::AtMost,
        protocol: DIGITS,
        budget: Budget { quick_s: 15, full_s: 600 },
        measure: digits::latent_space,
    },
    Claim {
        id: "measures-disagree",
        section: "VII.C",
        statement: "Measures disagree: ten images repeated have a perfect classifier score, and centres of k means a better Parzen \
                    likelihood than real images.",
        paper: SURVEY,
        direction: Direction::Qualitative,
        protocol: DIGITS,
        budget: Budget { quick_s: 10, full_s: 120 },
        measure: digits::disagree,
    },
];

/// Where this code departs from the survey or from what it surveys.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        id: "penalty",
        what: "The gradient penalty is differentiated along the gradient by a central difference, and not by a second backward \
               pass.",
        why: "dfdx has no second derivatives. The two agree to 0.2 % of the gradient with PyTorch's double backward.",
        flag: None,
        effect: None,
    },
    Deviation {
        id: "unrolling",
        what: "Unrolling is of first order: the generator sees the discriminator K steps ahead, and no gradient goes through those \
               steps.",
        why: "dfdx has no second derivatives.",
        flag: Some("train --unroll K"),
        effect: Some("mode-collapse"),
    },
    Deviation {
        id: "inception",
        what: "Fréchet distance, kernel distance and classifier score use features of a classifier trained here on the same digits.",
        why: "Inception's weights are 90 MB, for photographs, and mean nothing on digits.",
        flag: None,
        effect: Some("dcgan"),
    },
    Deviation {
        id: "same-noise",
        what: "Both players see the same generated batch in a turn, so the generator runs once; the algorithm draws twice.",
        why: "A third of the work less. PyTorch's DCGAN example does the same.",
        flag: None,
        effect: None,
    },
];
