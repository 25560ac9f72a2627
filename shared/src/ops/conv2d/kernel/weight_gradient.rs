pub(crate) fn weight_gradient(_: &super::Sizes, _: &[f32], _: &[f32], _: super::Store, _: &mut [f32], _: Option<&mut [f32]>) {}
