use datasets::synthetic::{digits, DigitConfig};
use shared::{
    nn::state::{load_state_dict, state_dict},
    train::RunRng,
};

use super::*;
use crate::{
    adam,
    applications::{edges, UNet28},
    nets::{dcgan_init, DcganDiscriminator28, MlpDiscriminator, MlpGenerator},
};

type Small = Translation<MlpGenerator<f32, Cpu, 3, 16, 2>, MlpDiscriminator<f32, Cpu, 5, 8>, Cpu, 3, 2, 5, 8>;

fn small(adversarial: f64) -> Small {
    let dev = Cpu::seed_from_u64(1);
    let recipe = Recipe { instance_noise: 0.1, ..Recipe::default() };
    let config = TranslationConfig { recipe, adversarial, ..TranslationConfig::default() };
    Translation::new((BuildModule::build(&dev), BuildModule::build(&dev)), dev, &config, 2).unwrap()
}

fn pairs(count: usize) -> Vec<f32> {
    (0..count * 5).map(|i| ((i * 7 % 11) as f32) / 11.0 - 0.5).collect()
}

#[test]
fn weights_move_where_they_should() {
    let pairs = pairs(6);
    for (adversarial, moves) in [(0.0, false), (1.0, true)] {
        let mut game = small(adversarial);
        let before = (state_dict(&game.generator.net), state_dict(&game.critic.player.net));
        let report = game.step(&[&pairs, &pairs]).unwrap();
        assert_ne!(before.0, state_dict(&game.generator.net));
        assert_eq!(before.1 != state_dict(&game.critic.player.net), moves);
        assert_eq!(report.critic.loss > 0.0, moves);
    }
}

#[test]
fn the_difference_is_a_mean_over_pixels_times_its_weight() {
    let (mut game, pairs) = (small(0.0), pairs(6));
    let (x, y): (Vec<f32>, Vec<f32>) = (
        pairs.chunks(5).flat_map(|p| &p[..3]).copied().collect(),
        pairs.chunks(5).flat_map(|p| &p[3..]).copied().collect(),
    );
    let found = game.translate(&x).unwrap();
    let mean = found.iter().zip(&y).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / 12.0;
    let loss = game.step(&[&pairs]).unwrap().generator_loss;
    assert!((loss - 100.0 * mean).abs() < 1e-4 * loss, "{loss} {mean}");
}

#[test]
fn saved_and_loaded_it_goes_on_with_the_same_bits() {
    let (mut one, mut other, pairs) = (small(1.0), small(1.0), pairs(6));
    one.step(&[&pairs]).unwrap();
    other.load(&one.save().unwrap()).unwrap();
    for _ in 0..3 {
        assert_eq!(one.step(&[&pairs]).unwrap(), other.step(&[&pairs]).unwrap());
    }
    assert_eq!(state_dict(&one.generator.net), state_dict(&other.generator.net));
}

#[test]
fn wrong_sizes_are_refused() {
    let mut game = small(1.0);
    assert!(matches!(game.step(&[&[0.0; 7]]), Err(GanError::Values { .. })));
    assert!(matches!(game.draw(1, &[], 0), Err(GanError::Unsupported { .. })));
    let dev = Cpu::default();
    let nets: (MlpGenerator<f32, Cpu, 3, 4, 2>, MlpDiscriminator<f32, Cpu, 4, 8>) =
        (BuildModule::build(&dev), BuildModule::build(&dev));
    let wrong = Translation::<_, _, _, 3, 2, 4, 8>::new(nets, dev, &TranslationConfig::default(), 0);
    assert!(matches!(wrong, Err(GanError::Unsupported { .. })));
}

/// Edges to digits: after a few steps the translation is nearer to new digits than their edges are.
#[test]
fn a_u_net_fills_outlines() {
    let dev = Cpu::seed_from_u64(3);
    let digits = digits(&DigitConfig::default(), 2).unwrap().set(0..96).unwrap();
    let images: Vec<f32> = digits.pixels().iter().map(|p| f32::from(*p) / 127.5 - 1.0).collect();
    let outlines: Vec<f32> = images.chunks(784).flat_map(|image| edges(image, 28, 0.4)).collect();
    let pairs: Vec<f32> =
        outlines.chunks(784).zip(images.chunks(784)).flat_map(|(x, y)| [x, y].concat()).collect();
    let mut nets: (UNet28<f32, Cpu, 8, 16, 16>, DcganDiscriminator28<f32, Cpu, 2, 1568, 8, 8, 392>) =
        (BuildModule::build(&dev), BuildModule::build(&dev));
    let mut rng = RunRng::new(0, 0);
    let weights = dcgan_init(state_dict(&nets.0), &mut rng);
    load_state_dict(&mut nets.0, &weights).unwrap();
    let recipe = Recipe { generator: adam(2e-3, 0.5, 0.999), ..Recipe::default() };
    let config = TranslationConfig { recipe, ..TranslationConfig::default() };
    let mut game: Translation<_, _, _, 784, 784, 1568, 392> =
        Translation::new(nets, dev, &config, 0).unwrap();
    for _ in 0..15 {
        for batch in pairs[..64 * 1568].chunks(16 * 1568) {
            game.step(&[batch]).unwrap();
        }
    }
    let far = |found: &[f32]| {
        found.iter().zip(&images[64 * 784..]).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>()
            / found.len() as f64
    };
    let ours = far(&game.translate(&outlines[64 * 784..]).unwrap());
    let theirs = far(&outlines[64 * 784..]);
    assert!(ours < 0.6 * theirs, "{ours} {theirs}");
}
