//! DSD on a model of dfdx's own layers; the lines marked + are all that plain training lacks.
#![allow(clippy::print_stdout)]

use dsd::{Dsd, DsdConfig}; // +
use shared::dfdx::{
    nn::builders::{Linear, ReLU},
    prelude::*,
};
use shared::optim::{HeavyBallForm, Momentum, Sgd, SgdConfig};

type Model = (Linear<8, 64>, ReLU, Linear<64, 1>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let dev = Cpu::seed_from_u64(1);
    let x = dev.sample_normal::<Rank2<512, 8>>();
    let y = (x.clone().slice((.., 0..1)) * x.clone().slice((.., 1..2))).realize::<Rank2<512, 1>>();
    let mut model = dev.build_module::<Model, f32>();
    let momentum = Momentum::HeavyBall { mu: 0.9, form: HeavyBallForm::RateOutside };
    let mut sgd = Sgd::new(SgdConfig { lr: 0.05, momentum, ..SgdConfig::default() })?;
    let mut grads = model.alloc_grads();
    let mut dsd = Dsd::new(DsdConfig::paper(0.05, [100, 50, 50], 0.5))?; // +
    for epoch in 0..dsd.epochs() {
        dsd.begin_epoch(&mut model, &mut sgd)?; // +
        let loss = mse_loss(model.forward(x.trace(grads)), y.clone());
        let value = loss.array();
        grads = loss.backward();
        sgd.step(&mut model, &mut grads)?;
        let sparsity = dsd.end_epoch(&mut model, &mut sgd)?.sparsity(); // +
        if epoch % 25 == 24 {
            println!("epoch {}: loss {value:.4}, {:.0} % of weights 0", epoch + 1, 100.0 * sparsity);
        }
    }
    Ok(())
}
