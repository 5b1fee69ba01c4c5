//! Fluxes of gammas and cosmic rays.

/// A differential flux over energy in TeV; in 1/(TeV s cm²), for cosmic rays per steradian.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spectrum {
    /// The Crab nebula after HEGRA (Aharonian et al., ApJ 614, 897): a power law.
    CrabHegra,
    /// The Crab nebula after MAGIC (Aleksic et al., JHEAp 5-6, 30): a curved power law.
    CrabMagic,
    /// Protons of the CTA prod3b responses.
    Proton,
    /// Electrons of the CTA prod3b responses: a power law with a bump.
    Electron,
    /// All cosmic rays (Particle Data Group, review of cosmic rays 2020).
    AllParticle,
}

impl Spectrum {
    /// The flux at an energy in TeV.
    pub fn at(self, energy: f64) -> f64 {
        let power = |normalisation: f64, index: f64| normalisation * energy.powf(index);
        match self {
            Self::CrabHegra => power(2.83e-11, -2.62),
            Self::CrabMagic => power(3.23e-11, -2.47 - 0.24 * energy.log10()),
            Self::Proton => power(9.8e-6, -2.62),
            Self::Electron => {
                let distance = (energy.log10() - -0.101) / 0.741;
                let bump = (-0.5 * distance * distance).exp();
                power(2.385e-9, -3.43) * (1.0 + 1.95 * (bump.exp() - 1.0))
            }
            // 1.8e4 per GeV, m² and sr at 1 GeV
            Self::AllParticle => 1.8e4 * 1e3 * 1e-4 * (energy * 1e3).powf(-2.7),
        }
    }

    /// Whether it is a flux per solid angle.
    pub fn is_diffuse(self) -> bool {
        matches!(self, Self::Proton | Self::Electron | Self::AllParticle)
    }
}
