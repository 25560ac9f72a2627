use dfdx::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

type Mat = Tensor<(usize, usize), f32, Cpu>;

fn golden(name: &str) -> Golden {
    Golden::read(format!("{}/tests/goldens/ops/{name}.json", env!("CARGO_MANIFEST_DIR")))
}

fn sparse(dense: &[f32], cols: usize) -> SparseRows {
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for row in dense.chunks_exact(cols) {
        for (k, v) in row.iter().enumerate().filter(|(_, v)| **v != 0.0) {
            indices.push(k as u32);
            values.push(*v);
        }
        indptr.push(indices.len());
    }
    SparseRows::new(cols, indptr, indices, values).unwrap()
}

struct Case {
    rows: SparseRows,
    conv: Mat,
    weight: Mat,
    bias: Tensor<(usize,), f32, Cpu>,
}

fn case(g: &Golden) -> Case {
    let dev = Cpu::default();
    Case {
        rows: sparse(&g.get_f32("s"), 21),
        conv: dev.tensor_from_vec(g.get_f32("wc"), (3, 7)),
        weight: dev.tensor_from_vec(g.get_f32("wd"), (4, 21)),
        bias: dev.tensor_from_vec(g.get_f32("b"), (4,)),
    }
}

#[test]
fn values_and_gradients_are_pytorchs_and_the_oracles() {
    let g = golden("diffusion");
    let dy: Mat = Cpu::default().tensor_from_vec(g.get_f32("dy"), (6, 4));
    for ours in [true, false] {
        let c = case(&g);
        let (traced, f) = (c.conv.leaky_trace(), Activation::Tanh);
        let y = if ours {
            diffusion_classifier(&c.rows, traced, &c.weight, &c.bias, f)
        } else {
            composed_classifier(&c.rows, traced, &c.weight, &c.bias, f)
        }
        .unwrap();
        assert_close("y", &y.as_vec(), g.get("y"), 2e-6);
        let grads = (y * dy.clone()).sum::<Rank0, _>().backward();
        assert_close("dwc", &grads.get(&c.conv).as_vec(), g.get("dwc"), 2e-6);
        assert_close("dwd", &grads.get(&c.weight).as_vec(), g.get("dwd"), 2e-6);
        assert_close("db", &grads.get(&c.bias).as_vec(), g.get("db"), 2e-6);
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let g = golden("diffusion");
    let c = case(&g);
    let dev = Cpu::default();
    let rows = c.rows.clone();
    let loss = |v: &[Vec<f64>]| {
        let conv = dev.tensor_from_vec(v[0].clone(), (3usize, 7usize));
        let weight = dev.tensor_from_vec(v[1].clone(), (4usize, 21usize));
        let bias = dev.tensor_from_vec(v[2].clone(), (4usize,));
        composed_classifier(&rows, conv, &weight, &bias, Activation::Identity)
            .unwrap()
            .square()
            .sum::<Rank0, _>()
            .array()
    };
    let inputs: Vec<Vec<f64>> = ["wc", "wd", "b"].map(|k| g.get(k).to_vec()).into();
    let expected = finite_differences(loss, &inputs, 1e-5);
    let y = diffusion_classifier(&c.rows, c.conv.leaky_trace(), &c.weight, &c.bias, Activation::Identity)
        .unwrap();
    let grads = y.square().sum::<Rank0, _>().backward();
    assert_close("dwc", &grads.get(&c.conv).as_vec(), &expected[0], 1e-5);
    assert_close("dwd", &grads.get(&c.weight).as_vec(), &expected[1], 1e-5);
    assert_close("db", &grads.get(&c.bias).as_vec(), &expected[2], 1e-5);
}

#[test]
fn the_dense_layer_is_pytorchs_and_takes_permuted_input() {
    let (g, gc) = (golden("diffusion"), golden("diffusion_conv"));
    let dev = Cpu::default();
    let w: Mat = dev.tensor_from_vec(g.get_f32("wc"), (3, 7));
    let s: Tensor<(usize, usize, usize), f32, _> = dev.tensor_from_vec(g.get_f32("s"), (6, 3, 7));
    let dz: Tensor<(usize, usize, usize), f32, _> = dev.tensor_from_vec(gc.get_f32("dz"), (6, 3, 7));
    let twice = |t: Tensor<(usize, usize, usize), f32, Cpu>| {
        // the same values under other strides
        t.permute::<_, Axes3<2, 0, 1>>().contiguous().leaky_trace().permute::<_, Axes3<1, 2, 0>>()
    };
    for ours in [true, false] {
        let s = twice(s.clone());
        let z = if ours { diffusion_conv(s, &w) } else { composed_conv(s, &w) }.unwrap();
        assert_close("z", &z.as_vec(), gc.get("z"), 1e-6);
        let grads = (z * dz.clone()).sum::<Rank0, _>().backward();
        assert_close("dwc", &grads.get(&w).as_vec(), gc.get("dwc"), 2e-6);
    }
}

#[test]
fn more_classes_than_lanes_and_many_chunks() {
    use rand::{Rng, SeedableRng};
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(2);
    let dense: Vec<f32> =
        (0..900 * 300).map(|_| if rng.gen_bool(0.6) { rng.gen_range(-1.0..1.0) } else { 0.0 }).collect();
    let rows = sparse(&dense, 300);
    assert!(rows.nnz() > 2 * (1 << 16), "more than one chunk");
    let dev = Cpu::seed_from_u64(4);
    let conv: Mat = dev.sample_like(&(3, 100), rand_distr::StandardNormal);
    let weight: Mat = dev.sample_like(&(11, 300), rand_distr::StandardNormal);
    let bias: Tensor<(usize,), f32, _> = dev.sample_like(&(11,), rand_distr::StandardNormal);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let f = Activation::Identity;
            let y = diffusion_classifier(&rows, conv.leaky_trace(), &weight, &bias, f).unwrap();
            let values = y.as_vec();
            let grads = y.square().mean::<Rank0, _>().backward();
            (values, grads.get(&conv).as_vec(), grads.get(&weight).as_vec(), grads.get(&bias).as_vec())
        })
    };
    let one = run(1);
    assert!([2, 3, 4].iter().all(|threads| run(*threads) == one), "bits depend on the number of threads");
    let y = composed_classifier(&rows, conv.leaky_trace(), &weight, &bias, Activation::Identity).unwrap();
    let wide = |v: Vec<f32>| v.into_iter().map(f64::from).collect::<Vec<_>>();
    assert_close("y", &one.0, &wide(y.as_vec()), 2e-5);
    let grads = y.square().mean::<Rank0, _>().backward();
    assert_close("dwc", &one.1, &wide(grads.get(&conv).as_vec()), 1e-4);
    assert_close("dwd", &one.2, &wide(grads.get(&weight).as_vec()), 1e-4);
    assert_close("db", &one.3, &wide(grads.get(&bias).as_vec()), 1e-4);
}

#[test]
fn no_rows_give_no_scores() {
    let c = case(&golden("diffusion"));
    let none = SparseRows::new(21, vec![0], vec![], vec![]).unwrap();
    let y = diffusion_classifier(&none, c.conv.leaky_trace(), &c.weight, &c.bias, Activation::Tanh).unwrap();
    assert_eq!(y.shape().0, 0);
}
