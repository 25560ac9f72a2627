use dfdx::{
    prelude::*,
    shapes::Dim,
    tensor::{Cpu, CpuError, Tape, Tensor},
};

use super::{
    kernel::{backward, forward, RoutingSizes},
    Routing, RoutingKernel,
};
use crate::device::{host_op, HostTensor};

impl RoutingKernel for Cpu {
    fn route<B: Dim, I: Dim, M: Dim, J: Dim, N: Dim, T: Tape<f32, Self>>(
        u: Tensor<(B, I, M), f32, Self, T>,
        weight: &Tensor<(I, J, N, M), f32, Self>,
        bias: Option<&Tensor<(J, N), f32, Self>>,
        routing: Routing,
    ) -> Result<Tensor<(B, J, N), f32, Self, T>, CpuError> {
        let device = u.device().clone();
        let ((b, i, m), (_, j, n, _)) = (*u.shape(), *weight.shape());
        let sizes = RoutingSizes {
            batch: b.size(),
            children: i.size(),
            length: m.size(),
            parents: j.size(),
            width: n.size(),
        };
        let (u, tape) = HostTensor::read(u)?;
        let (weight, tape_w) = HostTensor::read_param::<_, T>(weight)?;
        let (tape, shape, keep) = (tape.merge(tape_w), (b, j, n), T::OWNS_TAPE);
        match bias {
            Some(bias) => {
                let (bias, tape_b) = HostTensor::read_param::<_, T>(bias)?;
                host_op(
                    &device,
                    tape.merge(tape_b),
                    [u, weight, bias],
                    shape,
                    move |[u, w, bias]| forward(&sizes, u, w, Some(bias), routing, keep),
                    move |[u, w, _], _, routed, dv, [du, dw, dbias]| {
                        backward(&sizes, [u, w, dv], routing, routed, [du, dw], Some(dbias));
                    },
                )
            }
            None => host_op(
                &device,
                tape,
                [u, weight],
                shape,
                move |[u, w]| forward(&sizes, u, w, None, routing, keep),
                move |[u, w], _, routed, dv, [du, dw]| {
                    backward(&sizes, [u, w, dv], routing, routed, [du, dw], None);
                },
            ),
        }
    }
}
