use super::*;

type Game2 = CodedGan<Net<8, 2>, Judge<2>, Cpu, 8, 2, 16, 4, 1>;
type Classes2<const H: usize> = CodedGan<Net<8, 2, H>, Judge<2, H>, Cpu, 8, 2, H, 4, 0>;

const BOTH: Coding = Coding::Information { weight_classes: 1.0, weight_values: 0.5 };

fn coded(recipe: &Recipe, coding: Coding, seed: u64) -> Game2 {
    let dev = Cpu::seed_from_u64(seed);
    let nets = (BuildModule::build(&dev), Coded::new(BuildModule::build(&dev), &dev).unwrap());
    CodedGan::new(nets, dev, recipe, coding, seed).unwrap()
}

fn classes<const H: usize>(recipe: &Recipe, coding: Coding, seed: u64) -> Classes2<H> {
    let dev = Cpu::seed_from_u64(seed);
    let nets = (BuildModule::build(&dev), Coded::new(BuildModule::build(&dev), &dev).unwrap());
    CodedGan::new(nets, dev, recipe, coding, seed).unwrap()
}

#[test]
fn each_phase_moves_its_own() {
    let (values, labels) = corners(32, 1);
    let batch = Batch { values: &values, labels: &labels };
    let (g, d) = (&["generator"][..], &["discriminator"][..]);
    moves(&mut coded(&recipe(0.1, 0.1), BOTH, 1), batch, &["generator", "discriminator"], &[]);
    moves(&mut coded(&recipe(0.1, STILL), BOTH, 1), batch, g, d);
    moves(&mut coded(&recipe(STILL, 0.1), BOTH, 1), batch, d, g);
    moves(&mut classes::<16>(&recipe(0.1, STILL), Coding::AuxiliaryClassifier, 1), batch, g, d);
    moves(&mut classes::<16>(&recipe(STILL, 0.1), Coding::AuxiliaryClassifier, 1), batch, d, g);
}

#[test]
fn without_weights_the_heads_stay_and_the_game_is_the_plain_one() {
    let (values, labels) = corners(32, 1);
    let none = Coding::Information { weight_classes: 0.0, weight_values: 0.0 };
    let mut game = coded(&recipe(0.1, 0.1), none, 1);
    let heads = |game: &Game2| {
        let net = &game.critic.player.net;
        (net.classes.weight.as_vec(), net.values.weight.as_vec(), net.base.last.weight.as_vec())
    };
    let before = heads(&game);
    game.turn(&[Batch { values: &values, labels: &labels }]).unwrap();
    let after = heads(&game);
    assert_eq!((&after.0, &after.1), (&before.0, &before.1));
    assert_ne!(after.2, before.2);
}

#[test]
fn the_generators_step_is_down_its_loss() {
    let (values, labels) = corners(32, 1);
    let batch = Batch { values: &values, labels: &labels };
    descends(&mut coded(&recipe(0.1, STILL), BOTH, 1), batch, 0.1);
    descends(&mut classes::<16>(&recipe(0.1, STILL), Coding::AuxiliaryClassifier, 1), batch, 0.1);
}

#[test]
fn it_resumes_with_the_same_bits() {
    let (values, labels) = corners(16, 1);
    let settings = Recipe { critic_steps: 2, average: 0.9, instance_noise: 0.1, ..Recipe::default() };
    resumes(&|| Box::new(coded(&settings, BOTH, 5)), &values, &labels);
    resumes(&|| Box::new(classes::<16>(&settings, Coding::AuxiliaryClassifier, 5)), &values, &labels);
}

#[test]
fn the_loss_of_codes_is_the_formula() {
    let dev = Cpu::seed_from_u64(2);
    let net: Coded<_, f32, Cpu, 16, 4, 1> = Coded::new(BuildModule::<Cpu, f32>::build(&dev), &dev).unwrap();
    let _: &Judge<2> = &net.base;
    let features: Vectors<16, Cpu> = dev.sample_normal_like(&(3, Const));
    let u: Vectors<1, Cpu> = dev.sample_normal_like(&(3, Const));
    let (codes, weights) = ([2, 0, 3], (0.7, 0.3));
    let wanted = targets(&codes, 4, 3).unwrap();
    let found = net.code_loss(features.leaky_trace(), &wanted, &u, weights).unwrap().unwrap().array();
    let layer = |w: Vec<f32>, b: Vec<f32>| -> Vec<Vec<f64>> {
        let dot = |f: &[f32], w: &[f32]| f.iter().zip(w).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let row = |f: &[f32]| w.chunks(16).zip(&b).map(|(w, b)| dot(f, w) + f64::from(*b)).collect();
        features.as_vec().chunks(16).map(row).collect()
    };
    let logits = layer(net.classes.weight.as_vec(), net.classes.bias.as_vec());
    let means = layer(net.values.weight.as_vec(), net.values.bias.as_vec());
    let mut expected = 0.0;
    for (row, code) in codes.iter().enumerate() {
        let total: f64 = logits[row].iter().map(|l| l.exp()).sum();
        expected += 0.7 * (total.ln() - logits[row][*code]) / 3.0;
        expected += 0.3 * 0.5 * (means[row][0] - f64::from(u.as_vec()[row])).powi(2) / 3.0;
    }
    assert!((f64::from(found) - expected).abs() < 1e-5, "{found} for {expected}");
}

#[test]
fn wrong_codes_and_settings_are_told() {
    let (values, _) = corners(2, 1);
    let mut game = classes::<16>(&Recipe::default(), Coding::AuxiliaryClassifier, 1);
    for labels in [&[][..], &[0], &[0, 4]] {
        let text = game.turn(&[Batch { values: &values, labels }]).unwrap_err().to_string();
        assert!(text.starts_with("classes that there are: there are"), "{text}");
    }
    assert!(game.draw(2, &[0], 1).is_err() && game.draw(1, &[4], 1).is_err());
    assert!(game.classes_of(&[0.0]).is_err());
    let dev = Cpu::seed_from_u64(1);
    let nets: (Net<8, 2>, Coded<Judge<2>, f32, Cpu, 16, 4, 1>) =
        (BuildModule::build(&dev), Coded::new(BuildModule::build(&dev), &dev).unwrap());
    let new = |coding| Game2::new(nets.clone(), dev.clone(), &Recipe::default(), coding, 1);
    let text = new(Coding::AuxiliaryClassifier).unwrap_err().to_string();
    assert!(text.starts_with("an AC-GAN with U = 1 has no"), "{text}");
    let negative = Coding::Information { weight_classes: -1.0, weight_values: 0.1 };
    assert!(new(negative).unwrap_err().to_string().starts_with("the weight of a code is -1:"));
}

fn quick() -> Recipe {
    Recipe { generator: adam(2e-3, 0.5, 0.999), discriminator: adam(2e-3, 0.5, 0.999), ..Recipe::default() }
}

/// The share of samples that lie in the quarter of the plane that their class names.
fn obeyed<const H: usize>(game: &Classes2<H>) -> f64 {
    let wanted: Vec<usize> = (0..200).map(|i| i % 4).collect();
    let x = game.draw(200, &wanted, 9).unwrap();
    let corner = |x: &[f32]| usize::from(x[0] > 0.0) + 2 * usize::from(x[1] > 0.0);
    x.chunks_exact(2).zip(&wanted).filter(|(x, wanted)| corner(x) == **wanted).count() as f64 / 200.0
}

#[test]
fn an_ac_gan_makes_the_class_that_is_asked_for() {
    let (values, labels) = corners(512, 1);
    let mut game = classes::<32>(&quick(), Coding::AuxiliaryClassifier, 1);
    let untrained = obeyed(&game);
    train(&mut game, &values, &labels, 400);
    let told = game.classes_of(&values).unwrap();
    let right = told.iter().zip(&labels).filter(|(a, b)| a == b).count() as f64 / 512.0;
    assert!(right > 0.95, "{right}");
    assert!(untrained < 0.6 && obeyed(&game) > 0.9, "{untrained} {}", obeyed(&game));
}

#[test]
fn an_info_gans_code_finds_the_corners() {
    let (values, labels) = corners(512, 1);
    let accuracy = |weight_classes: f64, seed: u64| {
        let coding = Coding::Information { weight_classes, weight_values: 0.0 };
        let mut game = classes::<32>(&quick(), coding, seed);
        train(&mut game, &values, &[], 600);
        best_matching(&game.classes_of(&values).unwrap(), &labels, 4).unwrap().accuracy
    };
    let (found, control) = (accuracy(1.0, 1), accuracy(0.0, 1));
    assert!(found > 0.9 && control < 0.75, "{found} {control}");
}

#[test]
fn an_info_gans_values_can_be_read_off_its_samples() {
    let (values, _) = corners(512, 1);
    let mut game = coded(&quick(), Coding::Information { weight_classes: 1.0, weight_values: 2.0 }, 1);
    let error = |game: &Game2| {
        let z = game.latents(&[0; 200], 4).unwrap();
        let wanted: Vec<f32> = z.chunks_exact(8).map(|z| z[7]).collect();
        mean_square(&game.values_of(&game.generate(&z).unwrap()).unwrap(), &wanted) / power(&wanted)
    };
    let untrained = error(&game);
    train(&mut game, &values, &[], 600);
    assert!(untrained > 0.9 && error(&game) < 0.3, "{untrained} {}", error(&game));
    assert!(game.code_loss() < 0.3, "{}", game.code_loss());
}
