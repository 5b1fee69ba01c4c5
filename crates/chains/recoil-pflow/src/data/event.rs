//! An event in memory.

use recoil_physics::angle;
use recoil_physics::momentum::FourMomentum;

use super::layout::{COS_PHI, ENERGY, ETA, Layout, PT, SIN_PHI, TYPE};

/// A particle that an element stands for, true or reconstructed. PDG number 0: no particle, all else 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Particle {
    /// one of the PDG numbers of [`super::classes`], without sign
    pub pdg: i32,
    /// charge in units of the elementary charge
    pub charge: f32,
    /// transverse momentum \[GeV\]
    pub pt: f32,
    /// pseudorapidity
    pub eta: f32,
    /// sine of the azimuth
    pub sin_phi: f32,
    /// cosine of the azimuth
    pub cos_phi: f32,
    /// energy \[GeV\]
    pub energy: f32,
}

impl Particle {
    /// A particle of this four-momentum.
    pub fn of(pdg: i32, charge: f64, p: &FourMomentum) -> Self {
        let pt = p.pt();
        let (sin_phi, cos_phi) = if pt > 0.0 { (p.py / pt, p.px / pt) } else { (0.0, 1.0) };
        Self {
            pdg,
            charge: charge as f32,
            pt: pt as f32,
            eta: p.eta().clamp(-1e3, 1e3) as f32,
            sin_phi: sin_phi as f32,
            cos_phi: cos_phi as f32,
            energy: p.energy as f32,
        }
    }

    /// Whether there is a particle.
    pub fn is_present(&self) -> bool {
        self.pdg != 0
    }

    /// Azimuth in (-pi, pi].
    pub fn phi(&self) -> f64 {
        angle::wrap(f64::from(self.sin_phi).atan2(f64::from(self.cos_phi)))
    }

    /// Four-momentum from transverse momentum, direction and energy \[GeV\]. A sine and cosine that an algorithm predicted
    /// on their own give a direction only.
    pub fn momentum(&self) -> FourMomentum {
        FourMomentum::from_pt_eta_phi_energy(self.pt.into(), self.eta.into(), self.phi(), self.energy.into())
    }
}

/// The true particle of an element, and how it came to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Target {
    /// the particle
    pub particle: Particle,
    /// share of its energy that is from pile-up
    pub pileup: f32,
    /// status in the event generator
    pub generator_status: f32,
    /// status in the detector simulation
    pub simulator_status: f32,
    /// weight of its link to the track
    pub to_track: f32,
    /// weight of its link to the cluster
    pub to_cluster: f32,
    /// jet of true particles that it is in, -1 for none
    pub jet: f32,
    /// number of the particle in its event from 1, 0 for none; also set on other elements that it left
    pub number: f32,
}

/// A stable particle of the event generator.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Generated {
    /// PDG number with sign
    pub pdg: i32,
    /// charge in units of the elementary charge
    pub charge: f32,
    /// transverse momentum \[GeV\]
    pub pt: f32,
    /// pseudorapidity
    pub eta: f32,
    /// azimuth in (-pi, pi]
    pub phi: f32,
    /// energy \[GeV\]
    pub energy: f32,
    /// 1 for particles of another collision of the same bunch crossing
    pub pileup: f32,
}

impl Generated {
    /// Four-momentum \[GeV\].
    pub fn momentum(&self) -> FourMomentum {
        let [pt, eta, phi, energy] = [self.pt, self.eta, self.phi, self.energy].map(f64::from);
        FourMomentum::from_pt_eta_phi_energy(pt, eta, phi, energy)
    }
}

/// A particle of the detector simulation, before it is given to elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simulated {
    /// 0 a particle of a decay tree, 1 a CMS tracking particle, 2 calorimeter particle, 3 simulated cluster
    pub kind: i32,
    /// PDG number with sign
    pub pdg: i32,
    /// charge in units of the elementary charge
    pub charge: f32,
    /// momentum along x \[GeV\]
    pub px: f32,
    /// momentum along y \[GeV\]
    pub py: f32,
    /// momentum along z \[GeV\]
    pub pz: f32,
    /// energy \[GeV\]
    pub energy: f32,
    /// status in the event generator
    pub generator_status: i32,
    /// status in the detector simulation
    pub simulator_status: i32,
    /// 1 for particles of another collision
    pub pileup: f32,
    /// place of the mother, -1 for none
    pub mother: i32,
    /// place among the tracking particles, -1 for none
    pub tracking: i32,
    /// place among the calorimeter particles, -1 for none
    pub calo: i32,
    /// energy in all hits of calorimeters, clustered or not \[GeV\]; -1 where only links tell
    pub hit_energy: f32,
}

impl Default for Simulated {
    /// A particle without relatives and without a known energy in hits.
    fn default() -> Self {
        Self {
            kind: 0,
            pdg: 0,
            charge: 0.0,
            px: 0.0,
            py: 0.0,
            pz: 0.0,
            energy: 0.0,
            generator_status: 0,
            simulator_status: 0,
            pileup: 0.0,
            mother: -1,
            tracking: -1,
            calo: -1,
            hit_energy: -1.0,
        }
    }
}

/// That a simulated particle left something in an element.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SimulationLink {
    /// place of the particle
    pub particle: i32,
    /// place of the element
    pub element: i32,
    /// quality for tracks, energy \[GeV\] for clusters
    pub weight: f32,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// number of the event
    pub number: i64,
    /// features of the elements, one element after the other, as many per element as the layout has
    pub features: Vec<f32>,
    /// one per element; empty where nothing is known
    pub targets: Vec<Target>,
    /// one per element; empty where no algorithm has run
    pub candidates: Vec<Particle>,
    /// probability of each candidate to be from the collision of interest; empty where it was not asked for
    pub puppi: Vec<f32>,
    /// stable particles of the generator; any number
    pub generated: Vec<Generated>,
    /// particles of the detector simulation; any number
    pub simulated: Vec<Simulated>,
    /// their links to elements; any number
    pub links: Vec<SimulationLink>,
}

impl Event {
    /// Number of elements.
    pub fn elements(&self, layout: Layout) -> usize {
        self.features.len() / layout.features().len()
    }

    /// The elements.
    pub fn rows(&self, layout: Layout) -> impl ExactSizeIterator<Item = Element<'_>> {
        self.features.chunks_exact(layout.features().len()).map(Element)
    }

    /// The true particles without their bookkeeping.
    pub fn target_particles(&self) -> Vec<Particle> {
        self.targets.iter().map(|target| target.particle).collect()
    }
}

/// The features of one element.
#[derive(Clone, Copy, Debug)]
pub struct Element<'a>(pub &'a [f32]);

impl Element<'_> {
    /// Feature `index`; 0 for one that the layout does not have.
    pub fn at(&self, index: usize) -> f64 {
        self.0.get(index).copied().unwrap_or(0.0).into()
    }

    /// Type of the element.
    pub fn kind(&self) -> i32 {
        self.at(TYPE) as i32
    }

    /// Transverse momentum or energy \[GeV\].
    pub fn pt(&self) -> f64 {
        self.at(PT)
    }

    /// Pseudorapidity.
    pub fn eta(&self) -> f64 {
        self.at(ETA)
    }

    /// Azimuth in (-pi, pi].
    pub fn phi(&self) -> f64 {
        angle::wrap(self.at(SIN_PHI).atan2(self.at(COS_PHI)))
    }

    /// Energy of a cluster, momentum of a track \[GeV\].
    pub fn energy(&self) -> f64 {
        self.at(ENERGY)
    }
}
