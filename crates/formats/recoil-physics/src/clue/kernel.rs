//! How much a neighbour counts for the local density.

use crate::error::{Error, Result};

/// Weight of a neighbour at distance d; a point counts for itself with 1 under every kernel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kernel {
    /// the same for every neighbour, 0.5 by default
    Flat {
        /// the value, above zero
        value: f32,
    },
    /// `amplitude exp(-(d - mean)^2 / (2 sigma^2))`
    Gaussian {
        /// distance of the maximum
        mean: f32,
        /// width, above zero
        sigma: f32,
        /// height, above zero
        amplitude: f32,
    },
    /// `amplitude exp(-slope d)`
    Exponential {
        /// inverse length, above zero
        slope: f32,
        /// height, above zero
        amplitude: f32,
    },
}

impl Default for Kernel {
    fn default() -> Self {
        Kernel::Flat { value: 0.5 }
    }
}

impl Kernel {
    /// The kernel's value for a neighbour at a distance.
    pub fn value(&self, distance: f32) -> f64 {
        let distance = f64::from(distance);
        match *self {
            Kernel::Flat { value } => f64::from(value),
            Kernel::Gaussian { mean, sigma, amplitude } => {
                let pull = (distance - f64::from(mean)) / f64::from(sigma);
                f64::from(amplitude) * (-0.5 * pull * pull).exp()
            }
            Kernel::Exponential { slope, amplitude } => f64::from(amplitude) * (-f64::from(slope) * distance).exp(),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let positive = |name: &str, value: f32| {
            if value.is_finite() && value > 0.0 {
                return Ok(());
            }
            Err(Error::Parameter { name: name.into(), value: value.into(), wanted: "finite and above zero" })
        };
        match *self {
            Kernel::Flat { value } => positive("flat kernel value", value),
            Kernel::Gaussian { mean, .. } if !mean.is_finite() => {
                Err(Error::Parameter { name: "gaussian kernel mean".into(), value: mean.into(), wanted: "finite" })
            }
            Kernel::Gaussian { sigma, amplitude, .. } => {
                positive("gaussian kernel sigma", sigma)?;
                positive("gaussian kernel amplitude", amplitude)
            }
            Kernel::Exponential { slope, amplitude } => {
                positive("exponential kernel slope", slope)?;
                positive("exponential kernel amplitude", amplitude)
            }
        }
    }
}
