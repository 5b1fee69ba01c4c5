//! Everything that is measured of an algorithm.

use std::collections::BTreeMap;

use recoil_physics::jets::Definition;
use recoil_physics::momentum::FourMomentum;
use recoil_stats::{Axis, Efficiency1};

use super::confusion::Confusion;
use super::jets::{JET_ETA_EDGES, JET_PT_EDGES, JetMeasures, MET_EDGES, MET_MIN, Ratio, Response, missing_pt};
use super::matching::{Cuts, matches};
use super::spread::Spread;
use crate::data::{Event, Layout, Particle, classes};
use crate::error::Result;

/// Quantities of particles whose relative or absolute errors are measured.
pub const QUANTITIES: [&str; 4] = ["energy", "pt", "eta", "phi"];

/// Largest error that counts; larger ones count as this.
const CLIP: f64 = 10.0;

/// How to cluster and match.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// features of the elements, and classes
    pub layout: Layout,
    /// jets
    pub jets: Definition,
    /// least transverse momentum of jets \[GeV\]
    pub jet_min_pt: f64,
    /// matching of particles by direction
    pub cuts: Cuts,
}

/// Sums over events.
#[derive(Clone, Debug)]
pub struct Performance {
    settings: Settings,
    /// classes of elements
    pub confusion: Confusion,
    /// errors by class, for each of [`QUANTITIES`]; relative for energy and transverse momentum
    pub errors: BTreeMap<i32, [Vec<f64>; 4]>,
    /// efficiencies of classes in a variable of the true particle
    pub efficiencies: Vec<(Binned, Efficiency1)>,
    /// shares of fakes of classes in the same variable of the candidate
    pub fakes: Vec<(Binned, Efficiency1)>,
    /// true and reconstructed numbers of particles, one pair per event; of all classes, then of each
    pub numbers: Vec<Vec<(f64, f64)>>,
    /// reconstructed over true sum of energies, one per event
    pub energy_ratios: Vec<f64>,
    /// jets of candidates against generated ones
    pub generated_jets: JetMeasures,
    /// jets of candidates against those of targets
    pub target_jets: JetMeasures,
    /// missing transverse momenta against generated ones
    pub met: Vec<Ratio>,
    /// efficiency in transverse momentum of true particles matched by direction
    pub matched: Efficiency1,
    /// share of candidates that match none, in their transverse momentum
    pub unmatched: Efficiency1,
}

/// A class and the variable in which it is binned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Binned {
    /// the class
    pub class: i32,
    /// name of the variable, as in [`QUANTITIES`]
    pub variable: &'static str,
}

const fn binned(class: i32, variable: &'static str) -> Binned {
    Binned { class, variable }
}

/// Classes and variables with bins: number, low, high.
const BINS: [(Binned, (usize, f64, f64)); 6] = [
    (binned(211, "pt"), (60, 0.0, 3.0)),
    (binned(211, "eta"), (30, -3.0, 3.0)),
    (binned(130, "energy"), (25, 5.0, 55.0)),
    (binned(130, "eta"), (30, -6.0, 6.0)),
    (binned(22, "energy"), (30, 0.0, 15.0)),
    (binned(22, "eta"), (30, -3.0, 3.0)),
];

fn value(particle: &Particle, variable: &str) -> f64 {
    match variable {
        "pt" => particle.pt.into(),
        "eta" => particle.eta.into(),
        _ => particle.energy.into(),
    }
}

impl Performance {
    /// Nothing measured yet.
    ///
    /// # Errors
    /// None for the bins that are built in.
    pub fn new(settings: Settings) -> Result<Self> {
        let mut efficiencies = Vec::new();
        for (binned, (bins, low, high)) in BINS {
            efficiencies.push((binned, Efficiency1::new(Axis::uniform(bins, low, high)?)));
        }
        let matching = Axis::variable(vec![1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0, 50.0, 100.0])?;
        Ok(Self {
            settings,
            confusion: Confusion::new(settings.layout.classes().len()),
            errors: BTreeMap::new(),
            fakes: efficiencies.clone(),
            efficiencies,
            numbers: vec![Vec::new(); settings.layout.classes().len()],
            energy_ratios: Vec::new(),
            generated_jets: JetMeasures::default(),
            target_jets: JetMeasures::default(),
            met: Vec::new(),
            matched: Efficiency1::new(matching.clone()),
            unmatched: Efficiency1::new(matching),
        })
    }

    /// A measurement of the same kind without entries.
    ///
    /// # Errors
    /// As [`Performance::new`].
    pub fn empty(&self) -> Result<Self> {
        Self::new(self.settings)
    }

    /// Adds an event with the candidates of the algorithm.
    pub fn add(&mut self, event: &Event, candidates: &[Particle]) {
        let targets = event.target_particles();
        self.add_elements(&targets, candidates);
        let momenta = |particles: &[Particle]| -> Vec<FourMomentum> {
            particles.iter().filter(|p| p.is_present()).map(Particle::momentum).collect()
        };
        let (target_momenta, found_momenta) = (momenta(&targets), momenta(candidates));
        let energy = |momenta: &[FourMomentum]| momenta.iter().map(|p| p.energy).sum::<f64>();
        if energy(&target_momenta) > 0.0 {
            self.energy_ratios.push(energy(&found_momenta) / energy(&target_momenta));
        }
        let settings = self.settings;
        let cluster = |momenta: &[FourMomentum]| settings.jets.cluster(momenta, settings.jet_min_pt);
        let (target_jets, found_jets) = (cluster(&target_momenta), cluster(&found_momenta));
        self.target_jets.add(&target_jets, &found_jets);
        // what is from other collisions has no place in the reference
        let generated: Vec<FourMomentum> =
            event.generated.iter().filter(|p| p.pileup == 0.0).map(crate::data::Generated::momentum).collect();
        if !generated.is_empty() {
            self.generated_jets.add(&cluster(&generated), &found_jets);
            let reference = missing_pt(&generated);
            if reference > MET_MIN {
                self.met.push(Ratio { reference, eta: 0.0, ratio: missing_pt(&found_momenta) / reference });
            }
        }
        let pairs = matches(&targets, candidates, &self.settings.cuts);
        let mut is_matched = vec![false; candidates.len()];
        for (target, pair) in targets.iter().zip(&pairs) {
            if self.takes_part(target) {
                self.matched.fill(target.pt.into(), pair.is_some());
            }
            if let Some(slot) = pair.and_then(|place| is_matched.get_mut(place)) {
                *slot = true;
            }
        }
        for (candidate, is_matched) in candidates.iter().zip(is_matched) {
            if self.takes_part(candidate) {
                self.unmatched.fill(candidate.pt.into(), !is_matched);
            }
        }
    }

    fn takes_part(&self, particle: &Particle) -> bool {
        let cuts = &self.settings.cuts;
        particle.is_present() && f64::from(particle.pt) > cuts.min_pt && f64::from(particle.eta).abs() < cuts.max_eta
    }

    fn add_elements(&mut self, targets: &[Particle], candidates: &[Particle]) {
        let classes = self.settings.layout.classes();
        let index = |pdg: i32| classes.iter().position(|class| *class == pdg).unwrap_or(usize::MAX);
        let mut numbers = vec![(0.0, 0.0); classes.len()];
        let mut count = |place: usize, is_true: bool| {
            // place 0 counts all classes
            for place in [0, place] {
                if let Some((truth, found)) = numbers.get_mut(place) {
                    *(if is_true { truth } else { found }) += 1.0;
                }
            }
        };
        for (target, candidate) in targets.iter().zip(candidates) {
            self.confusion.fill(index(target.pdg), index(candidate.pdg));
            if target.is_present() {
                count(index(target.pdg), true);
            }
            if candidate.is_present() {
                count(index(candidate.pdg), false);
            }
            for (binned, efficiency) in &mut self.efficiencies {
                if target.pdg == binned.class {
                    efficiency.fill(value(target, binned.variable), candidate.pdg == binned.class);
                }
            }
            for (binned, fakes) in &mut self.fakes {
                if candidate.pdg == binned.class {
                    fakes.fill(value(candidate, binned.variable), target.pdg != binned.class);
                }
            }
            if target.is_present() && target.pdg == candidate.pdg {
                let relative = |a: f32, b: f32| f64::from((a - b) / b).clamp(-CLIP, CLIP);
                let errors = [
                    relative(candidate.energy, target.energy),
                    relative(candidate.pt, target.pt),
                    f64::from(candidate.eta - target.eta).clamp(-CLIP, CLIP),
                    recoil_physics::angle::delta_phi(candidate.phi(), target.phi()),
                ];
                let of_class = self.errors.entry(target.pdg).or_default();
                for (list, error) in of_class.iter_mut().zip(errors) {
                    list.push(error);
                }
            }
        }
        for (list, pair) in self.numbers.iter_mut().zip(numbers) {
            list.push(pair);
        }
    }

    /// Adds the measurements of other events.
    ///
    /// # Errors
    /// None between measurements with the same settings.
    pub fn merge(&mut self, other: Self) -> Result<()> {
        self.confusion.add(&other.confusion);
        for (class, lists) in other.errors {
            for (mine, more) in self.errors.entry(class).or_default().iter_mut().zip(lists) {
                mine.extend(more);
            }
        }
        let mine = self.efficiencies.iter_mut().chain(&mut self.fakes);
        for ((_, mine), (_, more)) in mine.zip(other.efficiencies.iter().chain(&other.fakes)) {
            mine.add(more)?;
        }
        for (mine, more) in self.numbers.iter_mut().zip(other.numbers) {
            mine.extend(more);
        }
        self.energy_ratios.extend(other.energy_ratios);
        self.generated_jets.merge(other.generated_jets);
        self.target_jets.merge(other.target_jets);
        self.met.extend(other.met);
        self.matched.add(&other.matched)?;
        self.unmatched.add(&other.unmatched)?;
        Ok(())
    }

    /// The classes with their index, "none" left out.
    pub fn classes(&self) -> impl Iterator<Item = (usize, i32)> + use<> {
        self.settings.layout.classes().iter().copied().enumerate().skip(1)
    }

    /// Errors of a class and quantity.
    pub fn spread(&self, class: i32, quantity: usize) -> Spread {
        let list = self.errors.get(&class).and_then(|lists| lists.get(quantity));
        Spread::of(list.map_or(&[][..], Vec::as_slice))
    }

    /// Mean and standard deviation of the relative error of the number of particles, and the correlation of both numbers.
    pub fn multiplicity(&self, class: usize) -> Option<(f64, f64, f64)> {
        let pairs = self.numbers.get(class)?;
        let errors: Vec<f64> = pairs.iter().filter(|(n, _)| *n > 0.0).map(|(n, found)| (found - n) / n).collect();
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let centre = mean(&errors);
        let sigma = mean(&errors.iter().map(|error| (error - centre).powi(2)).collect::<Vec<_>>()).sqrt();
        let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let (mean_a, mean_b) = (mean(&a), mean(&b));
        let product =
            |x: &[f64], mx: f64, y: &[f64], my: f64| x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum::<f64>();
        let scale = (product(&a, mean_a, &a, mean_a) * product(&b, mean_b, &b, mean_b)).sqrt();
        (!errors.is_empty()).then_some((centre, sigma, product(&a, mean_a, &b, mean_b) / scale))
    }

    /// Response of jets against generated ones.
    pub fn generated_response(&self) -> Response {
        Response::of(&self.generated_jets.ratios, JET_PT_EDGES, JET_ETA_EDGES)
    }

    /// Response of jets against those of targets.
    pub fn target_response(&self) -> Response {
        Response::of(&self.target_jets.ratios, JET_PT_EDGES, JET_ETA_EDGES)
    }

    /// Response of the missing transverse momentum.
    pub fn met_response(&self) -> Response {
        Response::of(&self.met, MET_EDGES, &[])
    }

    /// Short name of a class by its index.
    pub fn class_short_name(&self, index: usize) -> &'static str {
        classes::short_name(self.settings.layout.classes().get(index).copied().unwrap_or(0))
    }

    /// Name of a class by its index.
    pub fn class_name(&self, index: usize) -> &'static str {
        classes::name(self.settings.layout.classes().get(index).copied().unwrap_or(0))
    }
}
