use dfdx::prelude::*;
use proptest::prelude::*;

use super::*;
use crate::testing::{assert_close, finite_differences, Golden};

use {Coupling::*, RoutingGradient::*};

const fn with(iterations: usize, gradient: RoutingGradient, coupling: Coupling) -> Routing {
    Routing { iterations, gradient, coupling }
}

/// PyTorch's files, and what they were made with.
const GOLDENS: [(&str, Routing); 11] = [
    ("uniform", with(1, Last, Parents)),
    ("last", with(3, Last, Parents)),
    ("all", with(3, All, Parents)),
    ("paper_last", with(3, Last, Parents)),
    ("paper_all", with(3, All, Parents)),
    ("bias_last", with(3, Last, Parents)),
    ("bias_all", with(3, All, Parents)),
    ("leaky_last", with(3, Last, Leaky)),
    ("leaky_all", with(3, All, Leaky)),
    ("children_last", with(2, Last, Children)),
    ("children_all", with(2, All, Children)),
];

type Children3<E> = Tensor<(usize, usize, usize), E, Cpu>;
type Weights<E> = Tensor<(usize, usize, usize, usize), E, Cpu>;
type Bias<E> = Tensor<(usize, usize), E, Cpu>;

fn golden(name: &str) -> (Golden, RoutingSizes) {
    let g = Golden::read(format!("{}/tests/goldens/ops/routing_{name}.json", env!("CARGO_MANIFEST_DIR")));
    let s: Vec<usize> = g.get("sizes").iter().map(|s| *s as usize).collect();
    let sizes = RoutingSizes { batch: s[0], children: s[1], parents: s[2], length: s[3], width: s[4] };
    assert_eq!(g.get("w").len(), s[1] * s[2] * s[3] * s[4]);
    (g, sizes)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}

/// Inputs on a device.
struct Case {
    u: Children3<f32>,
    w: Weights<f32>,
    bias: Option<Bias<f32>>,
    dv: Children3<f32>,
}

impl Case {
    fn of(dev: &Cpu, s: &RoutingSizes, [u, w, dv]: [Vec<f32>; 3], bias: Option<Vec<f32>>) -> Self {
        Case {
            u: dev.tensor_from_vec(u, (s.batch, s.children, s.length)),
            w: dev.tensor_from_vec(w, (s.children, s.parents, s.width, s.length)),
            bias: bias.map(|b| dev.tensor_from_vec(b, (s.parents, s.width))),
            dv: dev.tensor_from_vec(dv, (s.batch, s.parents, s.width)),
        }
    }

    fn random(dev: &Cpu, s: &RoutingSizes, bias: bool) -> Self {
        let draw = |n: usize, scale: f32| {
            let t: Tensor<(usize,), f32, Cpu> = dev.sample_normal_like(&(n,)) * scale;
            t.as_vec()
        };
        let outputs = s.parents * s.width;
        let parts = [
            draw(s.batch * s.children * s.length, 0.8),
            draw(s.children * outputs * s.length, 0.7),
            draw(s.batch * outputs, 1.0),
        ];
        Self::of(dev, s, parts, bias.then(|| draw(outputs, 0.3)))
    }

    /// v, du, dw, dbias.
    fn run(&self, routing: Routing, ours: bool) -> [Vec<f32>; 4] {
        let u = self.u.leaky_trace();
        let op = if ours { route } else { composed };
        let v = op(u, &self.w, self.bias.as_ref(), routing).unwrap();
        let values = v.as_vec();
        let grads = (v * self.dv.clone()).sum::<Rank0, _>().backward();
        let dbias = self.bias.as_ref().map_or(vec![], |b| grads.get(b).as_vec());
        [values, grads.get(&self.u).as_vec(), grads.get(&self.w).as_vec(), dbias]
    }
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let dev = Cpu::default();
    for (name, routing) in GOLDENS {
        let (g, sizes) = golden(name);
        let bias = name.starts_with("bias").then(|| g.get_f32("bias"));
        let case = Case::of(&dev, &sizes, ["u", "w", "dv"].map(|k| g.get_f32(k)), bias.clone());
        for ours in [true, false] {
            let [v, du, dw, dbias] = case.run(routing, ours);
            assert_close(&format!("{name} v, kernel {ours}"), &v, g.get("v"), 2e-6);
            assert_close(&format!("{name} du, kernel {ours}"), &du, g.get("du"), 1e-5);
            assert_close(&format!("{name} dw, kernel {ours}"), &dw, g.get("dw"), 1e-5);
            if bias.is_some() {
                assert_close(&format!("{name} dbias, kernel {ours}"), &dbias, g.get("dbias"), 1e-5);
            }
        }
        let trace = RoutingTrace::of(&sizes, &g.get_f32("u"), &g.get_f32("w"), bias.as_deref(), routing);
        let c: Vec<f32> = trace.couplings.last().unwrap().iter().map(|c| *c as f32).collect();
        assert_close(&format!("{name} c, trace"), &c, g.get("c"), 1e-6);
        let v: Vec<f32> = trace.capsules.last().unwrap().iter().map(|v| *v as f32).collect();
        assert_close(&format!("{name} v, trace"), &v, g.get("v"), 1e-6);
    }
}

#[test]
fn gradients_are_finite_differences_of_the_oracle() {
    let dev = Cpu::seed_from_u64(2);
    let s = RoutingSizes { batch: 2, children: 3, length: 2, parents: 3, width: 2 };
    let case = Case::random(&dev, &s, true);
    // "Last" is not the gradient of anything, so it has none of these
    for coupling in [Parents, Leaky, Children] {
        let routing = with(3, All, coupling);
        let dv = wide(&case.dv.as_vec());
        let loss = |x: &[Vec<f64>]| {
            let u: Children3<f64> = dev.tensor_from_vec(x[0].clone(), (s.batch, s.children, s.length));
            let w = dev.tensor_from_vec(x[1].clone(), (s.children, s.parents, s.width, s.length));
            let bias = dev.tensor_from_vec(x[2].clone(), (s.parents, s.width));
            let v = composed(u, &w, Some(&bias), routing).unwrap().as_vec();
            v.iter().zip(&dv).map(|(v, dv)| v * dv).sum()
        };
        let bias = case.bias.as_ref().unwrap().as_vec();
        let inputs = [wide(&case.u.as_vec()), wide(&case.w.as_vec()), wide(&bias)];
        let expected = finite_differences(loss, &inputs, 1e-5);
        let [_, du, dw, dbias] = case.run(routing, true);
        assert_close("du", &du, &expected[0], 2e-5);
        assert_close("dw", &dw, &expected[1], 2e-5);
        assert_close("dbias", &dbias, &expected[2], 2e-5);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_kernel_is_the_composition_at_any_size(
        (batch, children, length) in (1usize..7, 1usize..40, 1usize..6),
        (parents, width) in (1usize..5, 1usize..6),
        (iterations, all, coupling, bias) in (1usize..5, any::<bool>(), 0usize..3, any::<bool>()),
        seed: u64,
    ) {
        let s = RoutingSizes { batch, children, length, parents, width };
        let case = Case::random(&Cpu::seed_from_u64(seed), &s, bias);
        let gradient = if all { All } else { Last };
        let routing = with(iterations, gradient, [Parents, Leaky, Children][coupling]);
        let (ours, theirs) = (case.run(routing, true), case.run(routing, false));
        for (name, (ours, theirs)) in ["v", "du", "dw", "dbias"].iter().zip(ours.iter().zip(&theirs)) {
            assert_close(name, ours, &wide(theirs), 5e-5);
        }
    }

    #[test]
    fn coupling_coefficients_of_a_child_sum_to_one(seed: u64, iterations in 1usize..6) {
        let s = RoutingSizes { batch: 2, children: 5, length: 3, parents: 4, width: 3 };
        let case = Case::random(&Cpu::seed_from_u64(seed), &s, false);
        let routing = Routing { iterations, ..Routing::default() };
        let trace = RoutingTrace::of(&s, &case.u.as_vec(), &case.w.as_vec(), None, routing);
        for c in trace.couplings.iter().flat_map(|c| c.chunks(4)) {
            prop_assert!((c.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}

#[test]
fn inputs_whose_strides_are_not_their_shapes_agree_with_the_oracle() {
    let dev = Cpu::seed_from_u64(4);
    let u: Tensor<Rank3<3, 5, 2>, f32, _> = dev.sample_normal();
    let w: Tensor<Rank4<2, 4, 5, 3>, f32, _> = dev.sample_normal();
    for routing in [with(3, Last, Parents), with(3, All, Parents)] {
        let run = |ours: bool| {
            let u_t = u.leaky_trace().permute::<Rank3<2, 5, 3>, Axes3<2, 1, 0>>();
            let w_t = w.clone().permute::<Rank4<5, 2, 4, 3>, Axes4<2, 0, 1, 3>>();
            let v = if ours { route(u_t, &w_t, None, routing) } else { composed(u_t, &w_t, None, routing) };
            let v = v.unwrap();
            let values = v.as_vec();
            let grads = v.square().sum().backward();
            (values, grads.get(&u).as_vec(), grads.get(&w_t).as_vec())
        };
        let (ours, theirs) = (run(true), run(false));
        assert_close("v", &ours.0, &wide(&theirs.0), 1e-5);
        assert_close("du", &ours.1, &wide(&theirs.1), 1e-5);
        assert_close("dw", &ours.2, &wide(&theirs.2), 1e-5);
    }
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let s = RoutingSizes { batch: 9, children: 70, length: 8, parents: 10, width: 16 };
    let case = Case::random(&Cpu::seed_from_u64(9), &s, true);
    for routing in [with(3, Last, Parents), with(3, All, Parents)] {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| case.run(routing, true))
        };
        let one = run(1);
        for threads in [2, 4] {
            assert_eq!(one, run(threads), "{threads} threads");
        }
    }
}

#[test]
fn nan_reaches_the_result() {
    let dev = Cpu::default();
    let u: Tensor<Rank3<1, 2, 1>, f32, _> = dev.tensor([[[f32::NAN], [1.0]]]);
    let w: Tensor<Rank4<2, 2, 1, 1>, f32, _> = dev.ones();
    let v = route(u, &w, None, Routing::default()).unwrap();
    assert!(v.as_vec().iter().all(|v| v.is_nan()));
}
