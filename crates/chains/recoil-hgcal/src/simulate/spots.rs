//! Geometry of energy spots: the axis of a particle and the scatter around it.

use crate::geometry::Point;
use rand::Rng as _;
use recoil_stage::seed::Rng;

/// Straight line from the interaction point, in the frame of the endcap at positive z.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// x/z
    x_over_z: f64,
    /// y/z
    y_over_z: f64,
}

impl Axis {
    /// The direction of a particle; `eta` is positive.
    pub fn new(eta: f64, phi: f64) -> Self {
        let tangent = 1.0 / eta.sinh();
        Self { x_over_z: tangent * phi.cos(), y_over_z: tangent * phi.sin() }
    }

    /// Where the line crosses the plane at `z` \[cm\].
    pub fn at(self, z: f64) -> Point {
        Point { x: self.x_over_z * z, y: self.y_over_z * z }
    }
}

const RADII: usize = 4096;
const DIRECTIONS: usize = 1024;

/// Displacements with uniform azimuth and exponentially distributed length, drawn from 4096 quantiles of the length and 1024
/// directions: one logarithm and one angle per spot would cost as much as everything else.
#[derive(Clone, Debug)]
pub(super) struct Scatter {
    /// Quantiles (i + 1/2) / 4096 of the exponential distribution with mean 1.
    radii: Box<[f32; RADII]>,
    directions: Box<[(f32, f32); DIRECTIONS]>,
}

impl Scatter {
    pub fn new() -> Self {
        let radius = |i: usize| -((i as f32 + 0.5) / RADII as f32).ln();
        let direction = |i: usize| {
            let angle = (i as f64 + 0.5) / DIRECTIONS as f64 * std::f64::consts::TAU;
            (angle.cos() as f32, angle.sin() as f32)
        };
        Self { radii: Box::new(std::array::from_fn(radius)), directions: Box::new(std::array::from_fn(direction)) }
    }

    /// A displacement whose length has the mean `mean_radius`, in its unit.
    #[inline]
    pub fn sample(&self, rng: &mut Rng, mean_radius: f64) -> (f64, f64) {
        let bits = rng.next_u32() as usize;
        let radius = f64::from(self.radii[bits % RADII]) * mean_radius;
        let (x, y) = self.directions[bits / RADII % DIRECTIONS];
        (f64::from(x) * radius, f64::from(y) * radius)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use recoil_stage::seed::Seed;

    #[test]
    fn scatter_is_exponential_in_radius_and_uniform_in_azimuth() {
        let (mut rng, scatter) = (Seed::new(1).named("scatter").rng(), Scatter::new());
        let n = 100_000;
        let (mut radius, mut square, mut inside, mut quadrant) = (0.0, 0.0, 0, 0);
        for _ in 0..n {
            let (x, y) = scatter.sample(&mut rng, 2.0);
            let r = x.hypot(y);
            radius += r;
            square += r * r;
            inside += usize::from(r < 2.0 * std::f64::consts::LN_10);
            quadrant += usize::from(x > 0.0 && y > 0.0);
        }
        let n = f64::from(n);
        // mean 2, mean square 8, 90 % inside ln 10 means; five standard deviations
        assert!((radius / n - 2.0).abs() < 5.0 * 2.0 / n.sqrt());
        assert!((square / n - 8.0).abs() < 5.0 * 18.0 / n.sqrt());
        assert!((inside as f64 / n - 0.9).abs() < 5.0 * 0.3 / n.sqrt());
        assert!((quadrant as f64 / n - 0.25).abs() < 5.0 * 0.44 / n.sqrt());
    }

    #[test]
    fn an_axis_keeps_its_pseudorapidity() {
        let p = Axis::new(2.0, 1.0).at(350.0);
        assert!(((350.0 / p.x.hypot(p.y)).asinh() - 2.0).abs() < 1e-12);
        assert!((p.y.atan2(p.x) - 1.0).abs() < 1e-12);
    }
}
