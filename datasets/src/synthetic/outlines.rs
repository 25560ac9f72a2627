//! The outlines that the drawn sets fill with textures, as signed distances.

use super::drawing::length;

/// A closed outline of radius about 1 around the origin; x points right and y down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outline {
    Disc,
    Ring,
    Crescent,
    HalfDisc,
    Square,
    Triangle,
    Hourglass,
    Diamond,
    Bar,
    Corner,
    Cross,
    Horseshoe,
    Tee,
    Star,
    Heart,
    Drop,
    Arrow,
    Frame,
    Dumbbell,
    Pair,
}

impl Outline {
    /// No point of any outline is farther from the origin along either axis, whatever its turn.
    pub(super) const REACH: f32 = 1.15;

    /// The signed distance to the outline, negative inside.
    ///
    /// It is exact on the outline, where its slope is 1 but for corners, and only a bound elsewhere.
    pub(super) fn distance(self, at: [f32; 2]) -> f32 {
        self.visit(at)
    }

    /// Hands the distance on as a function that the compiler knows, so that a loop over pixels chooses once.
    pub(super) fn visit<V: Visit>(self, visit: V) -> V::Output {
        match self {
            Self::Disc => visit.with(disc),
            Self::Ring => visit.with(ring),
            Self::Crescent => visit.with(crescent),
            Self::HalfDisc => visit.with(half_disc),
            Self::Square => visit.with(square),
            Self::Triangle => visit.with(triangle),
            Self::Hourglass => visit.with(hourglass),
            Self::Diamond => visit.with(diamond),
            Self::Bar => visit.with(bar),
            Self::Corner => visit.with(corner),
            Self::Cross => visit.with(cross),
            Self::Horseshoe => visit.with(horseshoe),
            Self::Tee => visit.with(tee),
            Self::Star => visit.with(star),
            Self::Heart => visit.with(heart),
            Self::Drop => visit.with(drop),
            Self::Arrow => visit.with(arrow),
            Self::Frame => visit.with(frame),
            Self::Dumbbell => visit.with(dumbbell),
            Self::Pair => visit.with(pair),
        }
    }
}

/// What [`Outline::visit`] calls.
pub(super) trait Visit {
    /// What comes out.
    type Output;

    /// Goes over the pixels with the distance of one outline.
    fn with(self, distance: impl Fn([f32; 2]) -> f32) -> Self::Output;
}

/// A single point.
impl Visit for [f32; 2] {
    type Output = f32;

    fn with(self, distance: impl Fn([f32; 2]) -> f32) -> f32 {
        distance(self)
    }
}

/// A rectangle with sides along the axes.
#[inline(always)]
fn rectangle([x, y]: [f32; 2], [right, down]: [f32; 2], [half_width, half_height]: [f32; 2]) -> f32 {
    ((x - right).abs() - half_width).max((y - down).abs() - half_height)
}

#[inline(always)]
fn disc(at: [f32; 2]) -> f32 {
    length(at) - 0.85
}

#[inline(always)]
fn ring(at: [f32; 2]) -> f32 {
    (length(at) - 0.7).abs() - 0.25
}

#[inline(always)]
fn crescent([x, y]: [f32; 2]) -> f32 {
    (length([x + 0.1, y]) - 0.9).max(0.72 - length([x - 0.4, y]))
}

#[inline(always)]
fn half_disc([x, y]: [f32; 2]) -> f32 {
    let below = y + 0.45;
    (length([x, below]) - 0.95).max(-below)
}

#[inline(always)]
fn square([x, y]: [f32; 2]) -> f32 {
    x.abs().max(y.abs()) - 0.72
}

/// Three sides at a distance of 0.5 from the centre.
#[inline(always)]
fn triangle([x, y]: [f32; 2]) -> f32 {
    y.max(0.866 * x.abs() - 0.5 * y) - 0.5
}

/// Two triangles that touch at the centre, where they are 0.12 wide.
#[inline(always)]
fn hourglass([x, y]: [f32; 2]) -> f32 {
    (y.abs() - 0.82).max(0.743 * (x.abs() - 0.9 * y.abs() - 0.06))
}

/// Diagonals of 1.1 and 2.
#[inline(always)]
fn diamond([x, y]: [f32; 2]) -> f32 {
    0.876 * (x.abs() + 0.55 * y.abs() - 0.55)
}

#[inline(always)]
fn bar(at: [f32; 2]) -> f32 {
    rectangle(at, [0.0; 2], [0.98, 0.28])
}

#[inline(always)]
fn corner(at: [f32; 2]) -> f32 {
    rectangle(at, [-0.45, 0.0], [0.27, 0.8]).min(rectangle(at, [0.05, 0.53], [0.77, 0.27]))
}

#[inline(always)]
fn cross([x, y]: [f32; 2]) -> f32 {
    let (along, across) = (x.abs(), y.abs());
    (along - 0.95).max(across - 0.32).min((along - 0.32).max(across - 0.95))
}

/// A U: a square without a slot from above.
#[inline(always)]
fn horseshoe([x, y]: [f32; 2]) -> f32 {
    (x.abs().max(y.abs()) - 0.76).max((0.28 - x.abs()).min(0.3 - y))
}

#[inline(always)]
fn tee(at: [f32; 2]) -> f32 {
    rectangle(at, [0.0, -0.52], [0.85, 0.26]).min(rectangle(at, [0.0, 0.05], [0.26, 0.83]))
}

/// Five tips at a distance of 1 and five dents at 0.45.
#[inline(always)]
fn star([x, y]: [f32; 2]) -> f32 {
    // Mirrored at the lines through a tip and through a dent until within 36 degrees of the upper tip.
    let mirror = |[x, y]: [f32; 2]| {
        let past = (0.809 * x - 0.588 * y).max(0.0);
        [(x - 1.618 * past).abs(), y + 1.176 * past]
    };
    let [x, y] = mirror(mirror([x.abs(), -y]));
    // From the tip (0, 1) to the dent (0.2645, 0.364) the outline runs along (0.2645, -0.636).
    0.923 * x + 0.384 * (y - 1.0)
}

/// A square on its tip with a disc on each of the upper sides.
#[inline(always)]
fn heart([x, y]: [f32; 2]) -> f32 {
    let x = x.abs();
    let tip = 0.707 * (x + (y - 0.15).abs() - 0.75);
    tip.min(length([x - 0.375, y + 0.225]) - 0.53)
}

/// A disc and the tangents from a point above it.
#[inline(always)]
fn drop([x, y]: [f32; 2]) -> f32 {
    let tangents = 0.876 * x.abs() - 0.483 * (y + 0.95);
    (length([x, y - 0.25]) - 0.58).min(tangents.max(y + 0.03))
}

#[inline(always)]
fn arrow([x, y]: [f32; 2]) -> f32 {
    let head = y.max(0.759 * x.abs() - 0.651 * (y + 0.95));
    head.min(rectangle([x, y], [0.0, 0.37], [0.24, 0.5]))
}

#[inline(always)]
fn frame([x, y]: [f32; 2]) -> f32 {
    (x.abs().max(y.abs()) - 0.57).abs() - 0.21
}

#[inline(always)]
fn dumbbell([x, y]: [f32; 2]) -> f32 {
    (length([x.abs() - 0.56, y]) - 0.42).min(rectangle([x, y], [0.0; 2], [0.5, 0.16]))
}

#[inline(always)]
fn pair([x, y]: [f32; 2]) -> f32 {
    (x.abs() - 0.85).max((y.abs() - 0.5).abs() - 0.25)
}

#[cfg(test)]
pub(super) const ALL: [Outline; 20] = {
    use Outline::*;
    [
        Disc, Ring, Crescent, HalfDisc, Square, Triangle, Hourglass, Diamond, Bar, Corner, Cross, Horseshoe,
        Tee, Star, Heart, Drop, Arrow, Frame, Dumbbell, Pair,
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: f32 = 0.01;

    /// The middles of small squares that tile [-1.5, 1.5]².
    fn grid() -> impl Iterator<Item = [f32; 2]> {
        (0..300 * 300).map(|i| [(i % 300) as f32, (i / 300) as f32].map(|at| (at + 0.5) * STEP - 1.5))
    }

    fn area(inside: impl Fn([f32; 2]) -> bool) -> f64 {
        grid().filter(|&at| inside(at)).count() as f64 * f64::from(STEP * STEP)
    }

    #[test]
    fn outlines_have_their_areas() {
        let pi = std::f64::consts::PI;
        for (outline, wanted) in [
            (Outline::Disc, pi * 0.85 * 0.85),
            (Outline::Square, 1.44 * 1.44),
            (Outline::Triangle, 3.0 * 3f64.sqrt() * 0.25),
            (Outline::Cross, 2.0 * 1.9 * 0.64 - 0.64 * 0.64),
            (Outline::Ring, pi * (0.95 * 0.95 - 0.45 * 0.45)),
            (Outline::HalfDisc, pi * 0.95 * 0.95 / 2.0),
            (Outline::Diamond, 1.1),
            (Outline::Bar, 1.96 * 0.56),
            (Outline::Star, 5.0 * 0.45 * 36f64.to_radians().sin()),
            (Outline::Heart, 2.0 * 0.75 * 0.75 + pi * 0.53 * 0.53),
            (Outline::Frame, 1.56 * 1.56 - 0.72 * 0.72),
            (Outline::Pair, 4.0 * 0.85 * 0.5),
            (Outline::Hourglass, 4.0 * (0.06 * 0.82 + 0.45 * 0.82 * 0.82)),
        ] {
            let found = area(|at| outline.distance(at) < 0.0);
            assert!((found / wanted - 1.0).abs() < 0.01, "{outline:?}: {found}, not {wanted}");
        }
    }

    #[test]
    fn outlines_stay_within_reach_and_are_not_thin() {
        for outline in ALL {
            let covered = area(|at| outline.distance(at) < 0.0);
            assert!((0.7..2.5).contains(&covered), "{outline:?} covers {covered}");
            let outside = grid().filter(|&at| length(at) > Outline::REACH);
            assert!(outside.fold(1.0, |least, at| outline.distance(at).min(least)) > 0.0, "{outline:?}");
            // What is seen is the distance, so its slope must be near 1 where it changes sign.
            let edge: Vec<f32> = grid()
                .filter(|&at| outline.distance(at).abs() < 0.02)
                .map(|[x, y]| {
                    let slope = |a: [f32; 2], b: [f32; 2]| (outline.distance(a) - outline.distance(b)) / STEP;
                    let half = STEP / 2.0;
                    length([slope([x + half, y], [x - half, y]), slope([x, y + half], [x, y - half])])
                })
                .collect();
            let mean = edge.iter().sum::<f32>() / edge.len() as f32;
            assert!((mean - 1.0).abs() < 0.03, "{outline:?}: slope {mean}");
        }
    }

    #[test]
    fn no_two_outlines_cover_the_same() {
        for (i, a) in ALL.into_iter().enumerate() {
            for b in ALL.into_iter().skip(i + 1) {
                let both = area(|at| a.distance(at).max(b.distance(at)) < 0.0);
                let either = area(|at| a.distance(at).min(b.distance(at)) < 0.0);
                assert!(both / either < 0.85, "{a:?} and {b:?} share {}", both / either);
            }
        }
    }
}
