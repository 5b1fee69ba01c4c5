//! The flat CMS ntuple, `ana/pftree` (first data sets) or `pfana/pftree`.

use recoil_physics::momentum::FourMomentum;
use recoil_table::{Batch, BatchReader};

use super::Source;
use super::branches::{Branches, list, mend, place};
use crate::data::columns::Parts;
use crate::data::layout::{COS_PHI, ENERGY, ETA, PT, SIN_PHI, TYPE};
use crate::data::{Event, Generated, Layout, Particle, Simulated, SimulationLink};
use crate::error::{PflowError, Result};
use crate::truth::Link;
use crate::truth::cms::{Element, attach};
use crate::truth::cms_2020;

/// Names of the tree, the present one first.
pub const TREES: [&str; 2] = ["pfana/pftree", "ana/pftree"];

/// Kinds of simulated particles: prefix of branches, number, whether there are links to elements.
const KINDS: [(&str, i32); 3] = [("trackingparticle", 1), ("caloparticle", 2), ("simcluster", 3)];

/// A CMS ntuple.
pub struct CmsNtuple {
    reader: Box<dyn BatchReader>,
    /// branch of each feature, where the file has it
    features: Vec<Option<String>>,
    kinds: Vec<(&'static str, i32)>,
    is_2020: bool,
    has_generated: bool,
    mended: u64,
}

impl CmsNtuple {
    /// Whether the tree is such an ntuple.
    pub fn fits(branches: &Branches) -> bool {
        branches.has("element_pt") && branches.has("element_type")
    }

    /// Opens the tree at `address`.
    ///
    /// # Errors
    /// A branch that is missing.
    pub fn open(address: &str, branches: &Branches) -> Result<Self> {
        let mut names: Vec<String> =
            ["type", "pt", "eta", "phi", "energy"].iter().map(|name| format!("element_{name}")).collect();
        let feature = |name: &str| Some(format!("element_{name}")).filter(|branch| branches.has(branch));
        let features: Vec<Option<String>> = Layout::Cms.features().iter().map(|f| feature(f.name)).collect();
        names.extend(features.iter().flatten().cloned());
        let candidate = ["pt", "eta", "phi", "energy", "pdgid"];
        names.extend(candidate.iter().map(|name| format!("pfcandidate_{name}")));
        names.extend(["first", "second"].iter().map(|end| format!("element_to_candidate.{end}")));
        let kinds: Vec<(&'static str, i32)> =
            KINDS.into_iter().filter(|(prefix, _)| branches.has(&format!("{prefix}_pt"))).collect();
        let optional = ["charge", "ev", "idx_trackingparticle", "idx_caloparticle"];
        for (prefix, _) in &kinds {
            names.extend(["pt", "eta", "phi", "energy", "pid"].iter().map(|name| format!("{prefix}_{name}")));
            names.extend(optional.iter().map(|name| format!("{prefix}_{name}")).filter(|name| branches.has(name)));
            let links = [".first", ".second", "_cmp"].iter().map(|end| format!("{prefix}_to_element{end}"));
            names.extend(links.filter(|name| branches.has(name)));
        }
        let has_generated = branches.has("gen_status");
        if has_generated {
            names
                .extend(["pt", "eta", "phi", "energy", "charge", "pdgid", "status"].iter().map(|n| format!("gen_{n}")));
        }
        names.extend(branches.first(&["event"]).map(str::to_owned));
        let is_2020 = !branches.has("caloparticle_pt");
        let reader = branches.open(address, &names, 32)?;
        Ok(Self { reader, features, kinds, is_2020, has_generated, mended: 0 })
    }

    fn events(&mut self, batch: &Batch) -> Result<Vec<Event>> {
        let numbers = if batch.has("event") { Some(batch.scalar_as::<i64>("event")?) } else { None };
        (0..batch.rows())
            .map(|row| {
                let number = numbers.as_ref().and_then(|n| n.get(row)).copied();
                let number = number.unwrap_or((batch.first_row() + row as u64) as i64);
                self.event(batch, row, number)
            })
            .collect()
    }

    fn event(&mut self, batch: &Batch, row: usize, number: i64) -> Result<Event> {
        let column = |name: &str| -> Result<Vec<f64>> { Ok(list(batch, name)?.row(row).to_vec()) };
        let fault = |reason: String| PflowError::Event {
            file: batch.file().to_string(),
            event: number,
            row: batch.first_row() + row as u64,
            reason,
        };
        let mut event = Event { number, ..Event::default() };
        let features = self
            .features
            .iter()
            .map(|name| name.as_deref().map_or(Ok(Vec::new()), column))
            .collect::<Result<Vec<_>>>()?;
        let phi = column("element_phi")?;
        let count = phi.len();
        if features.iter().any(|list| !list.is_empty() && list.len() != count) {
            return Err(fault("branches of elements differ in length".to_owned()));
        }
        let mut elements = Vec::with_capacity(count);
        for (index, phi) in phi.iter().enumerate() {
            let mut values: Vec<f64> = features.iter().map(|list| list.get(index).copied().unwrap_or(0.0)).collect();
            for value in &mut values {
                *value = mend(*value, &mut self.mended);
            }
            let phi = mend(*phi, &mut self.mended);
            for (slot, value) in [(SIN_PHI, phi.sin()), (COS_PHI, phi.cos())] {
                if let Some(feature) = values.get_mut(slot) {
                    *feature = value;
                }
            }
            let at = |index: usize| values.get(index).copied().unwrap_or(0.0);
            elements.push(Element { kind: at(TYPE) as i32, pt: at(PT), eta: at(ETA), phi, energy: at(ENERGY) });
            event.features.extend(values.iter().map(|value| *value as f32));
        }
        self.simulation(batch, row, &mut event, count, &fault)?;
        self.candidates(&column, &mut event, &elements, &fault)?;
        if self.has_generated {
            let [pt, eta, phi, energy] = ["pt", "eta", "phi", "energy"].map(|n| column(&format!("gen_{n}")));
            let (pt, eta, phi, energy) = (pt?, eta?, phi?, energy?);
            let (charge, pdg, status) = (column("gen_charge")?, column("gen_pdgid")?, column("gen_status")?);
            for (index, status) in status.iter().enumerate() {
                let at = |list: &[f64]| list.get(index).copied().unwrap_or(0.0) as f32;
                let pdg = at(&pdg) as i32;
                if *status == 1.0 && !crate::truth::visible::is_neutrino(pdg) {
                    let (charge, energy) = (at(&charge), at(&energy));
                    event.generated.push(Generated {
                        pdg,
                        charge,
                        pt: at(&pt),
                        eta: at(&eta),
                        phi: at(&phi),
                        energy,
                        pileup: 0.0,
                    });
                }
            }
        }
        Ok(event)
    }

    fn simulation(
        &self,
        batch: &Batch,
        row: usize,
        event: &mut Event,
        elements: usize,
        fault: &dyn Fn(String) -> PflowError,
    ) -> Result<()> {
        let column = |name: String| -> Result<Vec<f64>> {
            if batch.has(&name) { Ok(list(batch, &name)?.row(row).to_vec()) } else { Ok(Vec::new()) }
        };
        for (prefix, kind) in &self.kinds {
            let get = |name: &str| column(format!("{prefix}_{name}"));
            let (pt, eta, phi, energy, pid) = (get("pt")?, get("eta")?, get("phi")?, get("energy")?, get("pid")?);
            let (charge, other) = (get("charge")?, get("ev")?);
            let (tracking, calo) = (get("idx_trackingparticle")?, get("idx_caloparticle")?);
            let first = event.simulated.len();
            for (index, pt) in pt.iter().enumerate() {
                let at = |list: &[f64], or: f64| list.get(index).copied().unwrap_or(or);
                let p = FourMomentum::from_pt_eta_phi_energy(*pt, at(&eta, 0.0), at(&phi, 0.0), at(&energy, 0.0));
                event.simulated.push(Simulated {
                    kind: *kind,
                    pdg: at(&pid, 0.0) as i32,
                    charge: at(&charge, 0.0) as f32,
                    px: p.px as f32,
                    py: p.py as f32,
                    pz: p.pz as f32,
                    energy: p.energy as f32,
                    generator_status: 1,
                    simulator_status: 0,
                    pileup: f32::from(u8::from(at(&other, 0.0) != 0.0)),
                    tracking: at(&tracking, -1.0) as i32,
                    calo: at(&calo, -1.0) as i32,
                    ..Simulated::default()
                });
            }
            let ends = (get("to_element.first")?, get("to_element.second")?);
            let weights = get("to_element_cmp")?;
            for (index, (particle, element)) in ends.0.iter().zip(&ends.1).enumerate() {
                let known = place(*particle).filter(|p| *p < pt.len()).zip(place(*element).filter(|e| *e < elements));
                let Some((particle, element)) = known else {
                    return Err(fault(format!(
                        "a link of {prefix} {particle} leads to element {element} of {elements}"
                    )));
                };
                let usual = if self.is_2020 && *kind == 1 { cms_2020::TRACKING_WEIGHT } else { 1.0 };
                event.links.push(SimulationLink {
                    particle: (first + particle) as i32,
                    element: element as i32,
                    weight: weights.get(index).copied().unwrap_or(usual) as f32,
                });
            }
        }
        Ok(())
    }

    fn candidates(
        &self,
        column: &dyn Fn(&str) -> Result<Vec<f64>>,
        event: &mut Event,
        elements: &[Element],
        fault: &dyn Fn(String) -> PflowError,
    ) -> Result<()> {
        let (pt, eta) = (column("pfcandidate_pt")?, column("pfcandidate_eta")?);
        let (phi, energy, pdg) =
            (column("pfcandidate_phi")?, column("pfcandidate_energy")?, column("pfcandidate_pdgid")?);
        let mut candidates = Vec::with_capacity(pt.len());
        for (index, pt) in pt.iter().enumerate() {
            let at = |list: &[f64]| list.get(index).copied().unwrap_or(0.0);
            let pdg = at(&pdg) as i32;
            let p = FourMomentum::from_pt_eta_phi_energy(*pt, at(&eta), at(&phi), at(&energy));
            candidates.push(Particle::of(pdg.abs(), cms_2020::charge(pdg), &p));
        }
        let ends = (column("element_to_candidate.first")?, column("element_to_candidate.second")?);
        let mut links = Vec::with_capacity(ends.0.len());
        for (element, candidate) in ends.0.iter().zip(&ends.1) {
            let known = place(*element)
                .filter(|e| *e < elements.len())
                .zip(place(*candidate).filter(|c| *c < candidates.len()));
            let Some((element, candidate)) = known else {
                return Err(fault(format!("a link leads from element {element} to candidate {candidate}")));
            };
            links.push(Link::new(candidate, element, 1.0));
        }
        event.candidates = if self.is_2020 {
            let attached = cms_2020::attach(elements, &candidates, &links);
            let of = |place: &Option<usize>| place.and_then(|p| candidates.get(p).copied()).unwrap_or_default();
            attached.iter().map(of).collect()
        } else {
            attach(elements, &candidates, &links)
        };
        Ok(())
    }
}

impl Source for CmsNtuple {
    fn layout(&self) -> Layout {
        Layout::Cms
    }

    fn parts(&self) -> Parts {
        let simulation = !self.kinds.is_empty();
        Parts { candidates: true, generated: self.has_generated, simulation, ..Parts::default() }
    }

    fn total(&self) -> Option<u64> {
        self.reader.total_rows()
    }

    fn next_events(&mut self) -> Result<Option<Vec<Event>>> {
        match self.reader.next_batch()? {
            Some(batch) => self.events(&batch).map(Some),
            None => Ok(None),
        }
    }

    fn mended(&self) -> u64 {
        self.mended
    }
}
