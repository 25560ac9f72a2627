//! A language model of characters on a language whose best losses are known.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

use datasets::{
    characters::{Characters, Streams},
    synthetic::Brackets,
};
use shared::{
    dfdx::prelude::*,
    ops::{cross_entropy::softmax_cross_entropy, lstm::LstmState, targets::Targets},
    optim::{Adam, AdamConfig},
    zoo::CharLstm,
};

/// Two kinds of brackets are four symbols.
type Model = CharLstm<f32, Cpu, 4, 8, 48>;
type State = LstmState<usize, Const<48>, f32, Cpu>;

/// The mean loss on a text by pieces of `steps`, with the state carried over from piece to piece, or begun anew.
fn loss(model: &Model, symbols: &[u8], steps: usize, carry: bool) -> f64 {
    let streams = Streams::new(symbols.to_vec(), 10, steps).unwrap();
    let (mut total, predicted) = (0.0, streams.predicted());
    let mut state: State = model.start(10).unwrap();
    for piece in streams {
        let (logits, next) = model.forward(&piece.inputs, &state, NoneTape).unwrap();
        state = if carry { next } else { model.start(10).unwrap() };
        let count = piece.targets.len() as f64;
        let targets = Targets::new(piece.targets, 4).unwrap();
        total += count * f64::from(softmax_cross_entropy(logits, &targets).unwrap().array());
    }
    total / predicted as f64
}

#[test]
fn it_remembers_which_brackets_are_open() {
    let language = Brackets::new(2, 3, 0.5).unwrap();
    let (text, held_out) = (language.text(40_001, 1), language.text(10_001, 2));
    let alphabet = Characters::of(&text).unwrap();
    assert_eq!(alphabet.len(), 4);

    let mut model: Model = BuildModule::build(&Cpu::seed_from_u64(3));
    let mut adam = Adam::new(AdamConfig { lr: 0.01, ..AdamConfig::default() }).unwrap();
    let mut streams = Streams::new(alphabet.encode(&text).unwrap(), 20, 20).unwrap();
    let mut state: State = model.start(20).unwrap();
    let mut grads = model.alloc_grads();
    for _ in 0..4 {
        streams.seek(0).unwrap();
        for piece in streams.by_ref() {
            if piece.first {
                state = model.start(20).unwrap();
            }
            let (logits, next) = model.forward(&piece.inputs, &state, model.tape(grads)).unwrap();
            state = next;
            let targets = Targets::new(piece.targets, 4).unwrap();
            grads = softmax_cross_entropy(logits, &targets).unwrap().backward();
            adam.step(&mut model, &mut grads).unwrap();
        }
    }

    let symbols = alphabet.encode(&held_out).unwrap();
    let floor = language.loss_of(&held_out).unwrap();
    let bounds = (language.entropy_rate(), language.last_symbol_loss(), language.memoryless_loss());
    let learned = loss(&model, &symbols, 100, true);
    // The share that is left of the way from knowing the last symbol alone to knowing the language; 0.05 when measured.
    let way = (learned - bounds.0) / (bounds.1 - bounds.0);
    assert!(way < 0.15, "{learned} of {bounds:?}");
    assert!(learned > floor - 0.02, "{learned} is below what can be known, {floor}");

    // The same in short pieces, because the state carries over; begun anew in each, brackets are forgotten.
    assert!((loss(&model, &symbols, 7, true) - learned).abs() < 1e-3);
    let forgetful = loss(&model, &symbols, 7, false);
    assert!(forgetful > learned + 0.02, "{forgetful} {learned}");
}
