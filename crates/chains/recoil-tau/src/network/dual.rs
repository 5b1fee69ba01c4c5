//! Numbers that carry their derivatives by the four outputs of a network.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A value and its derivatives by the outputs for electron, muon, tau and jet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual {
    /// The value.
    pub value: f64,
    /// The derivatives.
    pub slope: [f64; 4],
}

impl Dual {
    /// A number that depends on no output.
    pub fn constant(value: f64) -> Self {
        Self { value, slope: [0.0; 4] }
    }

    /// Output `index` itself.
    pub fn output(value: f64, index: usize) -> Self {
        Self { value, slope: std::array::from_fn(|i| if i == index { 1.0 } else { 0.0 }) }
    }

    fn chain(self, value: f64, derivative: f64) -> Self {
        Self { value, slope: self.slope.map(|slope| slope * derivative) }
    }

    /// Natural logarithm.
    pub fn ln(self) -> Self {
        self.chain(self.value.ln(), 1.0 / self.value)
    }

    /// Hyperbolic tangent.
    pub fn tanh(self) -> Self {
        let value = self.value.tanh();
        self.chain(value, 1.0 - value * value)
    }

    /// Square.
    pub fn square(self) -> Self {
        self.chain(self.value * self.value, 2.0 * self.value)
    }

    /// Square root.
    pub fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.chain(root, 0.5 / root)
    }

    /// The nearest number from `low` to `high`; beyond them the derivative vanishes.
    pub fn clamp(self, low: f64, high: f64) -> Self {
        if (low..=high).contains(&self.value) { self } else { Self::constant(self.value.clamp(low, high)) }
    }

    /// The value in single precision, as a training computes it.
    pub fn single(self) -> Self {
        Self { value: f64::from(self.value as f32), ..self }
    }
}

impl Add for Dual {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let slope = std::array::from_fn(|i| self.slope[i] + other.slope[i]);
        Self { value: self.value + other.value, slope }
    }
}

impl Neg for Dual {
    type Output = Self;

    fn neg(self) -> Self {
        self.chain(-self.value, -1.0)
    }
}

impl Sub for Dual {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

// the rules of products and quotients mix operations
#[allow(clippy::suspicious_arithmetic_impl)]
impl Mul for Dual {
    type Output = Self;

    fn mul(self, other: Self) -> Self {
        let slope = std::array::from_fn(|i| self.slope[i] * other.value + self.value * other.slope[i]);
        Self { value: self.value * other.value, slope }
    }
}

#[allow(clippy::suspicious_arithmetic_impl)]
impl Div for Dual {
    type Output = Self;

    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        let slope = std::array::from_fn(|i| (self.slope[i] - value * other.slope[i]) / other.value);
        Self { value, slope }
    }
}

impl Mul<Dual> for f64 {
    type Output = Dual;

    fn mul(self, other: Dual) -> Dual {
        other.chain(self * other.value, self)
    }
}

impl Sub<Dual> for f64 {
    type Output = Dual;

    fn sub(self, other: Dual) -> Dual {
        other.chain(self - other.value, -1.0)
    }
}
