use super::*;

#[test]
fn the_kernel_is_the_oracle_and_bits_depend_on_the_generator_alone() {
    let rate = DropRate::new(0.3).unwrap();
    let run = |threads, ours: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let dev = Cpu::seed_from_u64(1);
            // more than two chunks, and permuted
            let x: Tensor<(usize, usize), f32, _> = dev.sample_like(&(200, 211), rand_distr::StandardNormal);
            let mut rng = RunRng::new(3, 9);
            rng.next_u32();
            let x_t = x.leaky_trace().permute::<(usize, usize), Axes2<1, 0>>();
            let y = if ours { dropout(x_t, rate, &mut rng) } else { composed(x_t, rate, &mut rng) }.unwrap();
            let values = y.as_vec();
            (values, y.square().sum::<Rank0, _>().backward().get(&x).as_vec(), rng.position())
        })
    };
    let oracle = run(1, false);
    for threads in [1, 2, 4] {
        assert_eq!(run(threads, true), oracle, "{threads} threads");
    }
    let dropped = oracle.0.iter().filter(|y| **y == 0.0).count() as f64;
    assert!((dropped / 42_200.0 - 0.3).abs() < 0.01, "{dropped}");
}

#[test]
fn a_generator_kept_between_two_draws_goes_on_the_same() {
    let dev = Cpu::default();
    let rate = DropRate::new(0.5).unwrap();
    let x: Tensor<Rank1<999>, f32, _> = dev.ones();
    let mut rng = RunRng::new(1, 2);
    let first = dropout(x.clone(), rate, &mut rng).unwrap().array();
    let kept = rng.position();
    let second = dropout(x.clone(), rate, &mut rng).unwrap().array();
    assert_ne!(first, second);
    assert_eq!(dropout(x, rate, &mut RunRng::at(kept)).unwrap().array(), second);
}

#[test]
fn rates_outside_the_range_are_refused() {
    for p in [-0.1, 1.0, 1.5, f64::NAN, f64::INFINITY] {
        let text = DropRate::new(p).unwrap_err().to_string();
        assert!(text.contains("at least 0 and below 1"), "{text}");
    }
    let dev = Cpu::default();
    let mut rng = RunRng::new(0, 0);
    let y = dropout(dev.tensor([1.0, f32::NAN]), DropRate::NONE, &mut rng).unwrap().array();
    assert!(y[0] == 1.0 && y[1].is_nan());
    assert_eq!(rng.position(), [0, 0, 0]);
    let x = dev.tensor([f32::NAN; 100]);
    let y = dropout(x, DropRate::new(0.5).unwrap(), &mut rng).unwrap();
    assert!(y.array().iter().all(|y| y.is_nan()), "a mask hides no NaN");
}

#[test]
fn nothing_is_dropped_from_nothing() {
    let dev = Cpu::default();
    let x: Tensor<(usize, Const<3>), f32, _> = dev.zeros_like(&(0, Const));
    let y = dropout(x.leaky_trace(), DropRate::new(0.5).unwrap(), &mut RunRng::new(0, 0)).unwrap();
    assert_eq!(y.shape().0, 0);
}
