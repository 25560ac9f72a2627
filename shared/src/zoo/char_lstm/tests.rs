use dfdx::prelude::*;

use super::*;
use crate::{
    nn::state::{load_state_dict, state_dict, NamedTensor},
    ops::{cross_entropy::softmax_cross_entropy, targets::Targets},
    optim::{Adam, AdamConfig},
    testing::{assert_close, Golden},
};

type Small = CharLstm<f32, Cpu, 5, 3, 4>;

fn golden() -> (Golden, Small) {
    let g = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/ops/char_lstm.json"));
    assert_eq!(g.get("sizes"), [5.0, 3.0, 4.0, 6.0, 2.0]);
    let mut model: Small = BuildModule::build(&Cpu::default());
    let tensors: Vec<NamedTensor> = state_dict(&model)
        .into_iter()
        .map(|t| NamedTensor::new(t.name(), t.shape().to_vec(), g.get_f32(t.name())).unwrap())
        .collect();
    load_state_dict(&mut model, &tensors).unwrap();
    (g, model)
}

fn indices(g: &Golden, name: &str, piece: usize) -> Vec<usize> {
    g.get(name)[piece * 12..][..12].iter().map(|s| *s as usize).collect()
}

/// Two pieces of a text with the state handed over, against PyTorch: names, losses and gradients.
#[test]
fn two_pieces_of_truncated_backpropagation_are_pytorchs() {
    let (g, model) = golden();
    let mut state = model.start(2).unwrap();
    for piece in 0..2 {
        let targets = Targets::new(indices(&g, "targets", piece), 5).unwrap();
        let (logits, next) =
            model.forward(&indices(&g, "text", piece), &state, model.tape(model.alloc_grads())).unwrap();
        state = next;
        let loss = softmax_cross_entropy(logits, &targets).unwrap();
        assert_close("loss", &[loss.array()], &g.get("losses")[piece..=piece], 1e-6);
        let grads = loss.backward();
        if piece == 1 {
            let (lstm, output) = (&model.lstm, &model.output);
            for (name, ours) in [
                ("embedding.weight", grads.get(&model.embedding.weight).as_vec()),
                ("lstm.weight_ih_l0", grads.get(&lstm.weight_ih_l0).as_vec()),
                ("lstm.weight_hh_l0", grads.get(&lstm.weight_hh_l0).as_vec()),
                ("lstm.bias_ih_l0", grads.get(&lstm.bias_ih_l0).as_vec()),
                ("lstm.bias_hh_l0", grads.get(&lstm.bias_hh_l0).as_vec()),
                ("output.weight", grads.get(&output.weight).as_vec()),
                ("output.bias", grads.get(&output.bias).as_vec()),
            ] {
                assert_close(name, &ours, g.get(&format!("grad.{name}")), 1e-6);
            }
        }
    }
}

/// Trains on `text` in two streams by pieces of 10 symbols; gives the losses of the pieces and the weights.
fn train(text: &[usize], steps: usize) -> (Vec<f32>, Vec<NamedTensor>) {
    let dev = Cpu::seed_from_u64(7);
    let mut model: CharLstm<f32, Cpu, 4, 8, 24> = BuildModule::build(&dev);
    let mut adam = Adam::new(AdamConfig { lr: 0.02, ..AdamConfig::default() }).unwrap();
    let half = text.len() / 2;
    let mut losses = Vec::new();
    let mut state = model.start(2).unwrap();
    for step in 0..steps {
        let at = step * 10 % (half - 10);
        if at == 0 {
            state = model.start(2).unwrap();
        }
        let piece = |shift: usize| -> Vec<usize> {
            (0..20).map(|i| text[i % 2 * half + at + i / 2 + shift]).collect()
        };
        let targets = Targets::new(piece(1), 4).unwrap();
        let (logits, next) = model.forward(&piece(0), &state, model.tape(model.alloc_grads())).unwrap();
        state = next;
        let loss = softmax_cross_entropy(logits, &targets).unwrap();
        losses.push(loss.array());
        adam.step(&mut model, &mut loss.backward()).unwrap();
    }
    (losses, state_dict(&model))
}

/// 0 0 0 0 1 2 2 2 2 3, again and again: what follows a symbol depends on what stood four symbols before it.
fn periodic(len: usize) -> Vec<usize> {
    [0, 0, 0, 0, 1, 2, 2, 2, 2, 3].into_iter().cycle().take(len).collect()
}

#[test]
fn it_learns_what_needs_memory_and_the_same_bits_with_any_number_of_threads() {
    let text = periodic(442);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| train(&text, 150))
    };
    let (one, two) = (with(1), with(2));
    assert_eq!(one, two);
    // Who knows the last symbol alone pays 0.8 of H(1/4) a symbol, 0.450 nats.
    let last = one.0[140..].iter().sum::<f32>() / 10.0;
    assert!(one.0[0] > 1.0 && last < 0.05, "from {} to {last}", one.0[0]);
}

#[test]
fn what_does_not_fit_is_an_error_of_a_sentence() {
    let (_, model) = golden();
    let start = model.start(2).unwrap();
    let unknown = model.forward(&[0, 5], &start, NoneTape).unwrap_err();
    assert_eq!(unknown, CharLstmError::Symbol(SymbolError { at: 1, symbol: 5, vocabulary: 5 }));
    let ragged = model.forward(&[0, 1, 2], &start, NoneTape).unwrap_err();
    assert!(ragged.to_string().starts_with("3 symbols do not make whole steps of 2 streams"));
    assert!(model.forward(&[], &model.start(0).unwrap(), NoneTape).is_err());
    let (none, same) = model.forward(&[], &start, NoneTape).unwrap();
    assert_eq!((none.shape().0, same.cell.as_vec()), (0, vec![0.0; 8]));
}
