//! The diffusion-convolution as one layer of a dfdx model of your own: static hops and features, two dense layers
//! on top, trained with Adam. `cargo run --release -p dcnn --example dcnn_own_model`
#![allow(clippy::print_stdout)]

use dcnn::{slices, DiffusionConv};
use shared::{
    device::Backend,
    dfdx::{
        prelude::*,
        tensor::{Storage, Tape},
    },
    graph::{adjacency, diffuse, transition_matrix, BlockModel, Csr, Normalization, ParallelEdges},
    nn::{Activation, Linear},
    ops::{cross_entropy::softmax_cross_entropy, targets::Targets},
    optim::{Adam, AdamConfig},
};

const HOPS: usize = 2;
const FEATURES: usize = 8;
const WIDTH: usize = slices(HOPS) * FEATURES;

shared::module! {
    /// Two hops of eight features to two classes.
    struct Model<E, D> {
        conv: DiffusionConv<{ slices(HOPS) }, Const<FEATURES>, E, D>,
        hidden: Linear<WIDTH, 16, E, D>,
        output: Linear<16, 2, E, D>,
    }
}

type Scores<D, T> = Tensor<(usize, Const<2>), f32, D, T>;
type Diffused<D, T> = Tensor<(usize, Const<{ slices(HOPS) }>, Const<FEATURES>), f32, D, T>;

impl<D: Backend + Storage<f32>> Model<f32, D> {
    fn forward<T: Tape<f32, D>>(&self, s: Diffused<D, T>) -> Result<Scores<D, T>, D::Err> {
        let nodes = s.shape().0;
        let z = self.conv.forward(s)?.try_reshape_like(&(nodes, Const::<WIDTH>))?;
        self.output.forward(self.hidden.forward(z, Activation::Relu)?, Activation::Identity)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Two communities; every node holds one of eight words, four of them used by each community.
    let (graph, labels) = BlockModel::planted(&[150, 150], 6.0, 0.85, None).generate(1)?;
    let words =
        (0..300).map(|i| if i % 2 == 0 { labels[i] * 4 + i / 2 % 4 } else { i / 2 % 8 } as u32).collect();
    let features = Csr::new((300, FEATURES), (0..=300).collect(), words, vec![1.0; 300]);
    let p = transition_matrix(&adjacency(&graph, ParallelEdges::Merge)?, Normalization::RANDOM_WALK)?;
    let s = diffuse(&p, &features, HOPS)?; // P*X: computed once, since nothing in it is learned

    let dev = Cpu::seed_from_u64(7);
    let batch = |nodes: &[usize]| -> Result<Diffused<Cpu, NoneTape>, Box<dyn std::error::Error>> {
        Ok(dev.try_tensor_from_vec(s.to_dense_rows(nodes)?, (nodes.len(), Const, Const))?)
    };
    let (train, test): (Vec<usize>, Vec<usize>) = (0..300).partition(|i| i % 3 == 1);
    let (x, y) = (batch(&train)?, Targets::new(train.iter().map(|i| labels[*i]).collect(), 2)?);

    let mut model: Model<f32, Cpu> = BuildModule::try_build(&dev)?;
    let mut adam = Adam::new(AdamConfig { lr: 0.02, ..AdamConfig::default() })?;
    let mut grads = model.try_alloc_grads()?;
    for step in 0..=100 {
        let loss = softmax_cross_entropy(model.forward(x.clone().traced(grads))?, &y)?;
        if step % 25 == 0 {
            println!("step {step}: loss {:.4}", loss.array());
        }
        grads = loss.try_backward()?;
        adam.step(&mut model, &mut grads)?;
    }
    let scores = model.forward(batch(&test)?)?.as_vec();
    let right = scores.chunks(2).zip(&test).filter(|(o, i)| usize::from(o[1] > o[0]) == labels[**i]).count();
    println!("{right} of {} nodes that were not trained on have their class", test.len());
    Ok(())
}
