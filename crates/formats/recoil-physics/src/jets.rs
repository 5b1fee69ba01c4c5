//! Jets by sequential recombination, and which jets of two sets belong together.
//!
//! The pair of objects with the smallest distance is merged into one (four-momenta are added), or the object whose
//! distance to the beam is smaller still becomes a jet, until nothing is left. For each object only its nearest
//! neighbour is kept, so that `n` particles take about `n^2` steps (Cacciari and Salam, Phys. Lett. B 641 (2006) 57).
//!
//! ```
//! use recoil_physics::jets::{Algorithm, Definition};
//! use recoil_physics::momentum::FourMomentum;
//!
//! let particle = |pt, eta, phi| FourMomentum::from_pt_eta_phi_mass(pt, eta, phi, 0.0);
//! let particles = [particle(20.0, 0.0, 0.0), particle(5.0, 0.2, 0.1), particle(10.0, 0.0, 3.0)];
//! let jets = Definition::new(Algorithm::AntiKt, 0.4)?.cluster(&particles, 1.0);
//! assert_eq!(jets.len(), 2);
//! assert_eq!(jets[0].constituents, [0, 1]);
//! # Ok::<(), recoil_physics::Error>(())
//! ```

mod distance;
mod matching;
mod recombine;

pub use matching::{Pair, nearest_within};
pub use recombine::{Definition, Jet};

/// Distance by which objects are recombined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Algorithm {
    /// `min(kt_i^-2, kt_j^-2) dR^2 / R^2` (Cacciari, Salam, Soyez, JHEP 04 (2008) 063).
    AntiKt,
    /// `min(kt_i^2, kt_j^2) dR^2 / R^2` (Catani et al., Nucl. Phys. B 406 (1993) 187).
    Kt,
    /// `dR^2 / R^2` (Dokshitzer et al., JHEP 08 (1997) 001).
    CambridgeAachen,
    /// `min(E_i^2p, E_j^2p) (1 - cos theta) / (1 - cos R)`, beam distance `E_i^2p`; for R above pi the denominator is
    /// `3 + cos R`. The generalised kT algorithm of e+e- collisions.
    GeneralisedKtEe {
        /// the exponent p
        power: f64,
    },
}
