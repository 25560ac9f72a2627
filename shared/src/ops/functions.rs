//! The functions of [`Activation`] as types, so that a fused loop is compiled once for each with it inside.

use dfdx::{
    tensor::WithEmptyTape,
    tensor_ops::{TryAdd, TryMul},
};

use super::{
    linear::{Activation, LEAK},
    math::{sigmoid, tanh},
};

/// f and f' of a layer, as code that inlines into a SIMD loop.
pub(crate) trait Function: Copy + Send + Sync {
    /// f(a).
    fn value(a: f32) -> f32;
    /// f'(a), given y = f(a).
    fn slope(y: f32) -> f32;
}

/// Writes a [`Function`] for a variant of [`Activation`].
macro_rules! function {
    ($(#[$doc:meta])* $Name:ident, $a:ident => $value:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $Name;
        impl Function for $Name {
            #[inline(always)]
            fn value($a: f32) -> f32 {
                $value
            }
            #[inline(always)]
            fn slope(y: f32) -> f32 {
                Activation::$Name.derivative_from_output(y)
            }
        }
    };
}

function!(
    /// f(a) = a.
    Identity, a => a
);
function!(
    /// f(a) = max(0, a). Not `max`, which would turn a NaN into a 0 and hide it from the loss.
    Relu, a => if a < 0.0 { 0.0 } else { a }
);
function!(
    /// f(a) = a above 0, a part of it elsewhere.
    LeakyRelu, a => if a > 0.0 { a } else { LEAK * a }
);
function!(
    /// f(a) = tanh a.
    Tanh, a => tanh(a)
);
function!(
    /// f(a) = 1 / (1 + e⁻ᵃ).
    Sigmoid, a => sigmoid(a)
);

/// Evaluates an expression with a type standing for the chosen function: `with_function!(f, F => pass::<F>(..))`.
macro_rules! with_function {
    ($activation:expr, $F:ident => $body:expr) => {
        match $activation {
            $crate::ops::linear::Activation::Identity => {
                type $F = $crate::ops::functions::Identity;
                $body
            }
            $crate::ops::linear::Activation::Relu => {
                type $F = $crate::ops::functions::Relu;
                $body
            }
            $crate::ops::linear::Activation::LeakyRelu => {
                type $F = $crate::ops::functions::LeakyRelu;
                $body
            }
            $crate::ops::linear::Activation::Tanh => {
                type $F = $crate::ops::functions::Tanh;
                $body
            }
            $crate::ops::linear::Activation::Sigmoid => {
                type $F = $crate::ops::functions::Sigmoid;
                $body
            }
        }
    };
}
pub(crate) use with_function;

/// f on a tensor, from dfdx's own ops: the oracle's half.
pub(crate) fn composed<S, E, D, T>(
    a: dfdx::tensor::Tensor<S, E, D, T>,
    activation: Activation,
) -> Result<dfdx::tensor::Tensor<S, E, D, T>, D::Err>
where
    S: dfdx::shapes::Shape,
    E: dfdx::shapes::Dtype,
    D: dfdx::tensor_ops::Device<E>,
    T: dfdx::tensor::Tape<E, D>,
{
    match activation {
        Activation::Identity => Ok(a),
        Activation::Relu => a.try_relu(),
        Activation::LeakyRelu => {
            let leak = E::from_f64(f64::from(LEAK)).unwrap_or_default();
            let through = a.with_empty_tape().try_mul(leak)?;
            a.try_relu()?.try_mul(E::ONE - leak)?.try_add(through)
        }
        Activation::Tanh => a.try_tanh(),
        Activation::Sigmoid => a.try_sigmoid(),
    }
}
