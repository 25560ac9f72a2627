//! Models as named fields.

/// A layer whose sizes are checked at compile time.
///
/// [`module!`](crate::module) evaluates `FITS` of every field, so a model with sizes that do not fit fails in
/// `cargo check`, with the message of the layer's assertion. A layer with nothing to assert takes the default.
///
/// ```compile_fail,E0080
/// # use shared::{dfdx::prelude::*, nn::Checked};
/// struct Halve<const IN: usize, const OUT: usize>;
/// impl<const IN: usize, const OUT: usize> Checked for Halve<IN, OUT> {
///     const FITS: () = assert!(IN == 2 * OUT, "Halve<IN, OUT> needs IN = 2 OUT");
/// }
/// const _: () = Halve::<6, 2>::FITS; // what `module!` writes for each field
/// ```
pub trait Checked {
    /// Asserts that the layer's sizes fit together.
    const FITS: () = ();
}

impl<S: dfdx::shapes::Shape, E, D: dfdx::tensor::Storage<E>> Checked for dfdx::tensor::Tensor<S, E, D> {}

impl<M: Checked, const N: usize> Checked for dfdx::nn::modules::Repeated<M, N> {
    const FITS: () = M::FITS;
}

/// Declares a model: a struct of layers, with dfdx's `TensorCollection` and the compile-time checks.
///
/// The two parameters stand for the float type and the device, in this order; sizes may follow them, each with the
/// value that it has where none is given (`struct Net<E, D, const CLASSES: usize = 10>`), which is also the value that
/// the checks are made for where the model is declared. Tensors are named after the fields, joined by dots
/// (`hidden.weight`), as PyTorch names them. See [`nn`](crate::nn) for an example.
#[macro_export]
macro_rules! module {
    (
        $(#[$meta:meta])*
        $vis:vis struct $Name:ident<$E:ident, $D:ident $(, const $P:ident: usize = $default:literal)*> {
            $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $Layer:ty),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $vis struct $Name<
            $E: $crate::dfdx::shapes::Dtype,
            $D: $crate::dfdx::tensor::Storage<$E>,
            $(const $P: usize = $default,)*
        > {
            $($(#[$field_meta])* $field_vis $field: $Layer,)+
        }

        impl<$E, $D, $(const $P: usize),*> $crate::dfdx::nn::tensor_collection::TensorCollection<$E, $D>
            for $Name<$E, $D, $($P),*>
        where
            $E: $crate::dfdx::shapes::Dtype
                + $crate::num_traits::Float
                + $crate::rand_distr::uniform::SampleUniform,
            $D: $crate::dfdx::tensor_ops::Device<$E>,
        {
            type To<E2: $crate::dfdx::shapes::Dtype, D2: $crate::dfdx::tensor_ops::Device<E2>> =
                $Name<E2, D2, $($P),*>;

            fn iter_tensors<Walk: $crate::dfdx::nn::tensor_collection::ModuleVisitor<Self, $E, $D>>(
                visitor: &mut Walk,
            ) -> ::core::result::Result<::core::option::Option<Self::To<Walk::E2, Walk::D2>>, Walk::Err> {
                visitor.visit_fields(
                    $crate::nested!($((Self::module(stringify!($field), |s| &s.$field, |s| &mut s.$field)))+),
                    |$crate::nested!($($field)+)| $Name { $($field),+ },
                )
            }
        }

        impl<$E: $crate::dfdx::shapes::Dtype, $D: $crate::dfdx::tensor::Storage<$E>, $(const $P: usize),*>
            $crate::nn::Checked for $Name<$E, $D, $($P),*>
        {
            const FITS: () = { $(let () = <$Layer as $crate::nn::Checked>::FITS;)+ };
        }

        // Evaluated here, where the model is declared, not where it is first used.
        const _: () = <$Name<f32, $crate::dfdx::tensor::Cpu> as $crate::nn::Checked>::FITS;
    };
}

/// Pairs in pairs, `(a, (b, ()))`, as an expression or a pattern: dfdx takes at most six fields in one tuple.
#[doc(hidden)]
#[macro_export]
macro_rules! nested {
    () => { () };
    ($first:tt $($rest:tt)*) => { ($first, $crate::nested!($($rest)*)) };
}

#[cfg(test)]
mod tests {
    use crate::nn::{Activation, Linear};
    use dfdx::prelude::*;

    crate::module! {
        /// A part.
        struct Inner<E, D> {
            a: Linear<4, 3, E, D>,
        }
    }
    crate::module! {
        /// A whole.
        struct Outer<E, D> {
            first: Inner<E, D>,
            scale: Tensor<Rank1<3>, E, D>,
            last: Linear<3, 2, E, D>,
        }
    }

    #[test]
    fn models_nest_count_and_train() {
        let dev = Cpu::seed_from_u64(1);
        let model: Outer<f32, Cpu> = BuildModule::build(&dev);
        assert_eq!(model.num_trainable_params(), 4 * 3 + 3 + 3 + 3 * 2 + 2);
        let x: Tensor<Rank2<5, 4>, f32, _> = dev.sample_normal();
        let grads = model.alloc_grads();
        let hidden = model.first.a.forward(x.traced(grads), Activation::Tanh).unwrap();
        let loss = model.last.forward(hidden, Activation::Identity).unwrap().square().sum();
        let grads = loss.backward();
        assert!(grads.get(&model.last.weight).as_vec().iter().any(|g| *g != 0.0));
        assert_eq!(grads.get(&model.scale).array(), [0.0; 3]);
    }
}
