//! Particles by their Particle Data Group number: name, charge and mass of the common ones.
//!
//! Numbers follow the PDG Monte Carlo numbering scheme. Masses are rounded; charges agree with the
//! table that ROOT ships, masses too within 2e-4, except quarks, Higgs boson and charged rho, which
//! newer reviews moved.

/// A particle or antiparticle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Particle {
    /// PDG number, negative for antiparticles
    pub id: i32,
    /// name in plain letters, such as `pi+`
    pub name: &'static str,
    /// charge in thirds of the elementary charge
    pub charge_thirds: i32,
    /// mass in GeV
    pub mass_gev: f64,
}

impl Particle {
    /// Charge in units of the elementary charge.
    pub fn charge(&self) -> f64 {
        f64::from(self.charge_thirds) / 3.0
    }
}

/// The particle with this PDG number, if it is a common one.
///
/// ```
/// let muon = recoil_physics::particle::by_id(-13).unwrap();
/// assert_eq!((muon.name, muon.charge()), ("mu+", 1.0));
/// ```
pub fn by_id(id: i32) -> Option<Particle> {
    all().find(|particle| particle.id == id)
}

/// The particle with this name.
pub fn by_name(name: &str) -> Option<Particle> {
    all().find(|particle| particle.name == name)
}

/// Every particle of the table, each followed by its antiparticle where that is another one.
pub fn all() -> impl Iterator<Item = Particle> {
    TABLE.iter().flat_map(|&(id, name, anti, charge_thirds, mass_gev)| {
        let particle = Particle { id, name, charge_thirds, mass_gev };
        let anti =
            (!anti.is_empty()).then_some(Particle { id: -id, name: anti, charge_thirds: -charge_thirds, mass_gev });
        std::iter::once(particle).chain(anti)
    })
}

/// Number, name, name of the antiparticle (empty: its own), charge in thirds, mass in GeV.
const TABLE: &[(i32, &str, &str, i32, f64)] = &[
    (1, "d", "dbar", -1, 0.0047),
    (2, "u", "ubar", 2, 0.00216),
    (3, "s", "sbar", -1, 0.0935),
    (4, "c", "cbar", 2, 1.273),
    (5, "b", "bbar", -1, 4.183),
    (6, "t", "tbar", 2, 172.57),
    (11, "e-", "e+", -3, 0.000_510_999),
    (12, "nu_e", "nubar_e", 0, 0.0),
    (13, "mu-", "mu+", -3, 0.105_658),
    (14, "nu_mu", "nubar_mu", 0, 0.0),
    (15, "tau-", "tau+", -3, 1.776_93),
    (16, "nu_tau", "nubar_tau", 0, 0.0),
    (21, "g", "", 0, 0.0),
    (22, "gamma", "", 0, 0.0),
    (23, "Z0", "", 0, 91.188),
    (24, "W+", "W-", 3, 80.369),
    (25, "H0", "", 0, 125.2),
    (111, "pi0", "", 0, 0.134_977),
    (211, "pi+", "pi-", 3, 0.139_570),
    (221, "eta", "", 0, 0.547_862),
    (113, "rho0", "", 0, 0.775_26),
    (213, "rho+", "rho-", 3, 0.775_11),
    (223, "omega", "", 0, 0.782_66),
    (331, "eta'", "", 0, 0.957_78),
    (333, "phi", "", 0, 1.019_461),
    (130, "K_L0", "", 0, 0.497_611),
    (310, "K_S0", "", 0, 0.497_611),
    (311, "K0", "K0bar", 0, 0.497_611),
    (321, "K+", "K-", 3, 0.493_677),
    (313, "K*0", "K*0bar", 0, 0.895_55),
    (323, "K*+", "K*-", 3, 0.891_67),
    (411, "D+", "D-", 3, 1.869_66),
    (421, "D0", "D0bar", 0, 1.864_84),
    (413, "D*+", "D*-", 3, 2.010_26),
    (431, "D_s+", "D_s-", 3, 1.968_35),
    (443, "J/psi", "", 0, 3.096_9),
    (511, "B0", "B0bar", 0, 5.279_7),
    (521, "B+", "B-", 3, 5.279_4),
    (531, "B_s0", "B_s0bar", 0, 5.366_9),
    (553, "Upsilon", "", 0, 9.460_4),
    (2112, "n", "nbar", 0, 0.939_565),
    (2212, "p", "pbar", 3, 0.938_272),
    (3122, "Lambda", "Lambdabar", 0, 1.115_683),
    (3222, "Sigma+", "Sigmabar-", 3, 1.189_37),
    (3212, "Sigma0", "Sigmabar0", 0, 1.192_642),
    (3112, "Sigma-", "Sigmabar+", -3, 1.197_449),
    (3322, "Xi0", "Xibar0", 0, 1.314_86),
    (3312, "Xi-", "Xibar+", -3, 1.321_71),
    (3334, "Omega-", "Omegabar+", -3, 1.672_45),
    (4122, "Lambda_c+", "Lambda_cbar-", 3, 2.286_46),
    (5122, "Lambda_b0", "Lambda_bbar0", 0, 5.619_6),
    (1_000_010_020, "deuteron", "antideuteron", 3, 1.875_613),
    (1_000_020_040, "alpha", "antialpha", 6, 3.727_379),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn antiparticles_mirror() {
        let (plus, minus) = (by_id(211).unwrap(), by_id(-211).unwrap());
        assert_eq!((plus.name, minus.name), ("pi+", "pi-"));
        assert_eq!((plus.charge(), minus.charge()), (1.0, -1.0));
        assert_eq!(plus.mass_gev, minus.mass_gev);
        assert_eq!(by_id(-22), None);
        assert_eq!(by_id(99), None);
    }

    #[test]
    fn numbers_and_names_are_unique_and_signs_match_charges() {
        let all: Vec<Particle> = all().collect();
        for particle in &all {
            assert_eq!(by_name(particle.name), Some(*particle));
            assert_eq!(by_id(particle.id), Some(*particle));
            if particle.name.ends_with('+') {
                assert_eq!(particle.charge(), 1.0, "{}", particle.name);
            }
            if particle.name.ends_with('-') {
                assert_eq!(particle.charge(), -1.0, "{}", particle.name);
            }
        }
    }

    #[test]
    fn quarks_add_up_to_hadrons() {
        let charge = |ids: &[i32]| ids.iter().map(|&id| by_id(id).unwrap().charge_thirds).sum::<i32>();
        assert_eq!(charge(&[2, 2, 1]), charge(&[2212]));
        assert_eq!(charge(&[2, -1]), charge(&[211]));
        assert_eq!(charge(&[3, 3, 3]), charge(&[3334]));
    }
}
