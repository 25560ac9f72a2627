use super::*;
pub(super) fn better(_: &Sizes, _: f64) -> bool {
    false
}
pub(super) fn spread(
    _: &Sizes,
    _: &Width,
    _: &[f32],
    _: &[f32],
    _: Option<&[f32]>,
    _: bool,
    _: Store,
    _: &mut [f32],
) {
}
