use dfdx::prelude::*;
use proptest::prelude::*;

use super::*;
use crate::testing::{assert_close, Golden};

type Table = Tensor<(usize, usize), f32, Cpu>;

fn run(table: &Table, symbols: &Symbols, dy: Vec<f32>, ours: bool) -> (Vec<f32>, Vec<f32>) {
    let tape = OwnedTape::default();
    let y = if ours { embedding(table, symbols, tape) } else { composed(table, symbols, tape) }.unwrap();
    let dy = Cpu::default().tensor_from_vec(dy, *y.shape());
    let values = y.as_vec();
    (values, (y * dy).sum::<Rank0, _>().backward().get(table).as_vec())
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let g = Golden::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/ops/embedding.json"));
    let sizes = (g.get("sizes")[0] as usize, g.get("sizes")[1] as usize);
    let table: Table = Cpu::default().tensor_from_vec(g.get_f32("table"), sizes);
    let symbols: Vec<usize> = g.get("symbols").iter().map(|s| *s as usize).collect();
    let symbols = Symbols::new(symbols, sizes.0).unwrap();
    for ours in [true, false] {
        let (y, dtable) = run(&table, &symbols, g.get_f32("dy"), ours);
        assert_close("y", &y, g.get("y"), 0.0);
        assert_close("dtable", &dtable, g.get("dtable"), 1e-6);
    }
}

#[test]
fn a_permuted_table_gets_its_gradient() {
    let dev = Cpu::seed_from_u64(1);
    let upright: Tensor<Rank2<3, 4>, f32, _> = dev.sample_normal();
    let table = upright.clone().permute::<Rank2<4, 3>, _>();
    let symbols = Symbols::new(vec![3, 0, 3], 4).unwrap();
    let rows = embedding(&table, &symbols, OwnedTape::default()).unwrap();
    assert_eq!(rows.as_vec()[..3], table.array()[3]);
    let grads = rows.sum::<Rank0, _>().backward();
    assert_eq!(grads.get(&table).array(), [[1.0; 3], [0.0; 3], [0.0; 3], [2.0; 3]]);
}

#[test]
fn no_symbols_are_no_rows() {
    let table: Table = Cpu::default().ones_like(&(2, 3));
    let none = Symbols::new(vec![], 2).unwrap();
    assert_eq!(embedding(&table, &none, OwnedTape::default()).unwrap().shape(), &(0, 3));
}

#[test]
#[should_panic(expected = "vocabulary against the table's rows")]
fn symbols_of_another_vocabulary_are_refused() {
    let table: Table = Cpu::default().ones_like(&(2, 3));
    let _ = embedding(&table, &Symbols::new(vec![0], 3).unwrap(), NoneTape);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_kernel_is_the_composition(symbols in prop::collection::vec(0usize..7, 1..40), width in 1usize..5, seed: u64) {
        let dev = Cpu::seed_from_u64(seed);
        let table: Table = dev.sample_normal_like(&(7, width));
        let dy: Tensor<(usize,), f32, _> = dev.sample_normal_like(&(symbols.len() * width,));
        let symbols = Symbols::new(symbols, 7).unwrap();
        let (ours, theirs) =
            (run(&table, &symbols, dy.as_vec(), true), run(&table, &symbols, dy.as_vec(), false));
        prop_assert_eq!(ours.0, theirs.0);
        for (ours, theirs) in ours.1.iter().zip(&theirs.1) {
            prop_assert!((ours - theirs).abs() < 1e-4);
        }
    }
}
