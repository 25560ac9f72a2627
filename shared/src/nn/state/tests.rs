use dfdx::nn::modules::{BatchNorm2D, Linear, Repeated};
use dfdx::prelude::*;
use proptest::prelude::*;

use super::*;
use crate::files::FileError;

type Net = (Linear<3, 4, f32, Cpu>, ReLU, Repeated<Linear<4, 4, f32, Cpu>, 2>, BatchNorm2D<2, f32, Cpu>);

fn net(seed: u64) -> Net {
    Net::build(&Cpu::seed_from_u64(seed))
}

/// A model of one matrix whose memory may lie in any order.
struct Matrix<E: Dtype, D: Device<E>> {
    weight: Tensor<Rank2<3, 2>, E, D>,
}

impl<E: Dtype, D: Device<E>> TensorCollection<E, D> for Matrix<E, D> {
    type To<E2: Dtype, D2: Device<E2>> = Matrix<E2, D2>;

    fn iter_tensors<V: ModuleVisitor<Self, E, D>>(
        visitor: &mut V,
    ) -> Result<Option<Self::To<V::E2, V::D2>>, V::Err> {
        visitor.visit_fields(
            Self::tensor("weight", |s| &s.weight, |s| &mut s.weight, TensorOptions::reset_to_zeros()),
            |weight| Matrix { weight },
        )
    }
}

fn sample_file() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    save_safetensors(&path, &state_dict(&net(1)), Some("{\"epoch\":3}")).unwrap();
    std::fs::read(&path).unwrap()
}

#[test]
fn names_shapes_and_counts_are_pytorchs() {
    let model = net(1);
    let outline: Vec<_> = parameters(&model).into_iter().map(|p| (p.name, p.shape, p.trainable)).collect();
    let expected = [
        ("0.weight", vec![4, 3], true),
        ("0.bias", vec![4], true),
        ("2.0.weight", vec![4, 4], true),
        ("2.0.bias", vec![4], true),
        ("2.1.weight", vec![4, 4], true),
        ("2.1.bias", vec![4], true),
        ("3.scale", vec![2], true),
        ("3.bias", vec![2], true),
        ("3.running_mean", vec![2], false),
        ("3.running_var", vec![2], false),
    ];
    assert_eq!(outline, expected.map(|(n, s, t)| (n.to_string(), s, t)));
    assert_eq!(parameter_count(&model), 12 + 4 + 2 * (16 + 4) + 4);
    let mut seen = 0;
    visit_parameters(&model, |p| seen += p.values.len());
    assert_eq!(seen, parameter_count(&model) + 4);
}

#[test]
fn a_file_brings_every_bit_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    let (saved, mut loaded) = (net(1), net(2));
    assert_ne!(state_dict(&saved), state_dict(&loaded));
    save_model(&path, &saved).unwrap();
    load_model(&path, &mut loaded).unwrap();
    assert_eq!(state_dict(&saved), state_dict(&loaded));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    assert_eq!(sample_file(), sample_file(), "equal states give equal files");
    assert_eq!(parse_safetensors(&sample_file(), "net").unwrap().note.as_deref(), Some("{\"epoch\":3}"));
}

#[test]
fn the_file_is_what_another_writer_makes_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("one.safetensors");
    save_safetensors(&path, &[NamedTensor::new("w", vec![2], vec![1.0, -2.5]).unwrap()], None).unwrap();
    // Header and data by hand, from the format's specification.
    let mut expected = b"\x40\0\0\0\0\0\0\0".to_vec();
    expected.extend(br#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}          "#);
    expected.extend([0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0]);
    let found = std::fs::read(&path).unwrap();
    assert_eq!(found[found.len() - 8..], expected[expected.len() - 8..]);
    assert_eq!(
        parse_safetensors(&expected, "by hand").unwrap().tensors,
        parse_safetensors(&found, "ours").unwrap().tensors
    );
}

/// `make_network.py` beside the files wrote them.
#[test]
fn pytorchs_weights_load_and_compute_the_same() {
    let weights = include_bytes!("../../../tests/goldens/optim/network.safetensors");
    let io = include_bytes!("../../../tests/goldens/optim/network_io.safetensors");
    let dev = Cpu::default();
    let mut model = <(Linear<3, 4, f32, Cpu>, Tanh, Linear<4, 2, f32, Cpu>)>::build(&dev);
    load_state_dict(&mut model, &parse_safetensors(weights, "network").unwrap().tensors).unwrap();

    let [x, y] = &parse_safetensors(io, "network_io").unwrap().tensors[..] else { panic!("x and y") };
    let x: Tensor<Rank2<5, 3>, f32, Cpu> = dev.tensor(x.values().to_vec());
    for (found, expected) in model.forward(x).as_vec().iter().zip(y.values()) {
        approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-6);
    }
}

#[test]
fn a_permuted_tensor_is_saved_and_loaded_in_logical_order() {
    let dev = Cpu::default();
    let transposed: Tensor<Rank2<2, 3>, f32, Cpu> = dev.tensor([[1., 2., 3.], [4., 5., 6.]]);
    let mut model = Matrix { weight: transposed.permute() };
    let state = state_dict(&model);
    assert_eq!(state[0].values(), [1., 4., 2., 5., 3., 6.]);

    let other = NamedTensor::new("weight", vec![3, 2], vec![10., 11., 12., 13., 14., 15.]).unwrap();
    load_state_dict(&mut model, &[other]).unwrap();
    assert_eq!(model.weight.array(), [[10., 11.], [12., 13.], [14., 15.]]);
}

#[test]
fn a_broadcast_tensor_is_refused_and_left_alone() {
    let dev = Cpu::default();
    let row: Tensor<Rank1<2>, f32, Cpu> = dev.tensor([1., 2.]);
    let mut model = Matrix { weight: row.broadcast() };
    let state = state_dict(&model);
    assert_eq!(state[0].values(), [1., 2., 1., 2., 1., 2.]);
    let message = load_state_dict(&mut model, &state).unwrap_err().to_string();
    assert!(message.starts_with("tensor `weight` cannot be written: it is a broadcast view"), "{message}");
}

#[test]
fn loading_is_strict_and_all_or_nothing() {
    let mut model = net(1);
    let before = state_dict(&model);
    let other = state_dict(&net(2));

    let cases: [(Vec<NamedTensor>, &str); 4] = [
        (other[..9].to_vec(), "tensor `3.running_var` of shape [2] is missing from the state"),
        (
            [other.clone(), vec![NamedTensor::new("4.weight", vec![1], vec![0.0]).unwrap()]].concat(),
            "the state holds tensor `4.weight` of shape [1], which the model does not have",
        ),
        (
            [other[..9].to_vec(), vec![NamedTensor::new("3.running_var", vec![1, 2], vec![0.0; 2]).unwrap()]]
                .concat(),
            "tensor `3.running_var` has shape [1, 2] in the state but [2] in the model",
        ),
        ([other.clone(), other[..1].to_vec()].concat(), "the name `0.weight` stands for two tensors"),
    ];
    for (tensors, expected) in cases {
        let message = load_state_dict(&mut model, &tensors).unwrap_err().to_string();
        assert!(message.starts_with(expected), "{message}");
        assert_eq!(state_dict(&model), before);
    }
    assert!(matches!(NamedTensor::new("w", vec![usize::MAX, 2], vec![]), Err(StateError::Length { .. })));
}

#[test]
fn wrong_files_are_named_in_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("net.safetensors");
    let whole = sample_file();

    std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let message = load_safetensors(&path).unwrap_err().to_string();
    let expected = format!(
        "{}: the file has {} bytes but its header speaks of {}",
        path.display(),
        whole.len() - 5,
        whole.len()
    );
    assert!(message.starts_with(&expected), "{message}");

    std::fs::write(&path, [&whole[..], b"tail"].concat()).unwrap();
    assert!(matches!(load_safetensors(&path), Err(StateError::Cut { .. })));
    assert!(matches!(
        load_safetensors(dir.path().join("absent")),
        Err(StateError::File(FileError::Read { .. }))
    ));
    let under_a_file = save_safetensors(path.join("x"), &[], None);
    assert!(matches!(under_a_file, Err(StateError::File(FileError::Write { .. }))));

    let header = br#"{"w":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}"#;
    let file = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 8]].concat();
    let message = parse_safetensors(&file, "x").unwrap_err().to_string();
    assert!(message.starts_with("x: tensor `w` is of type F64"), "{message}");
}

/// Eight tensors whose sizes add up past u64: the safetensors crate alone would overflow.
#[test]
fn a_header_of_absurd_sizes_is_refused() {
    let each = u64::MAX / 8 / 8;
    let entries: Vec<String> = (0..8)
        .map(|i| {
            let (from, to) = (i * each * 8, (i + 1) * each * 8);
            format!(r#""t{i}":{{"dtype":"F64","shape":[{each}],"data_offsets":[{from},{to}]}}"#)
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let file = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    assert!(matches!(parse_safetensors(&file, "x"), Err(StateError::Cut { .. })));
    let huge = u64::MAX.to_le_bytes();
    assert!(matches!(parse_safetensors(&huge, "x"), Err(StateError::Format { .. })));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256), header in ".{0,64}") {
        let _ = parse_safetensors(&bytes, "x");
        let framed = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes].concat();
        let _ = parse_safetensors(&framed, "x");
    }

    #[test]
    fn a_damaged_byte_never_panics(at in 0usize..1000, byte in any::<u8>()) {
        let mut file = sample_file();
        let at = at % file.len();
        file[at] = byte;
        let _ = parse_safetensors(&file, "x");
    }

    #[test]
    fn a_cut_file_is_an_error(keep in 0.0f64..1.0) {
        let file = sample_file();
        let keep = (keep * file.len() as f64) as usize;
        prop_assert!(parse_safetensors(&file[..keep], "x").is_err());
    }

    #[test]
    fn tensors_survive_the_file(values in proptest::collection::vec(any::<f32>(), 0..40), note in proptest::option::of(".{0,20}")) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let tensor = NamedTensor::new("a.b", vec![values.len(), 1], values.clone()).unwrap();
        save_safetensors(&path, &[tensor], note.as_deref()).unwrap();
        let back = load_safetensors(&path).unwrap();
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(back.tensors[0].values()), bits(&values));
        prop_assert_eq!(back.note, note);
    }
}
