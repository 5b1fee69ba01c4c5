//! `iact irfs`: instrument responses as FITS file.

use recoil_fits::{Card, Fits};
use recoil_stage::error::Blame as _;
use recoil_stage::{Description, Flag, InputRole, OutputKind, Report, Run, Stage, StageError};

use super::blame;
use super::dl2_input::{Sample, Selection, read};
use super::irf_keys::IrfKeys;
use crate::error::IactError;
use crate::irf::binning::{linear, logarithmic};
use crate::irf::cuts::PercentileCut;
use crate::irf::gadf::{self, Common};
use crate::irf::response::{background, effective_area, effective_area_by_offset, energy_dispersion, psf_table};
use crate::irf::spectra::Spectrum;
use crate::irf::{CutTable, Events};
use crate::production::SourceKind;

/// Computes responses.
pub struct Irfs;

const GAMMAS: InputRole =
    InputRole::required("input-gamma-dl2", "reconstructed simulated gammas", &["parquet", "h5"]).short('g').many();
const PROTONS: InputRole =
    InputRole::optional("input-proton-dl2", "reconstructed simulated protons", &["parquet", "h5"]).short('p').many();
const ELECTRONS: InputRole =
    InputRole::optional("input-electron-dl2", "reconstructed simulated electrons", &["parquet", "h5"])
        .short('e')
        .many();

impl Stage for Irfs {
    type Config = IrfKeys;

    fn description(&self) -> Description {
        Description {
            name: "iact irfs",
            about: "Compute effective area, energy dispersion, point-spread function and background",
            long: "Writes a FITS file in the gamma-ray astronomers' data format (GADF 0.2): EFFECTIVE AREA, ENERGY DISPERSION, \
                   PSF (unless --point-like), BACKGROUND (if there are protons and electrons), and the cuts that depend on \
                   energy (GH_CUTS, RAD_MAX). The background is written with the energy as the fastest index, as the format \
                   asks for. The configuration may be a file of lstchain.",
            inputs: &[GAMMAS, PROTONS, ELECTRONS],
            output: OutputKind::File { doc: "the responses", formats: &["fits", "gz"] },
            flags: &[
                Flag { name: "point-like", key: "point_like", list: false },
                Flag { name: "energy-dependent-gh", key: "energy_dependent_gh", list: false },
                Flag { name: "energy-dependent-theta", key: "energy_dependent_theta", list: false },
                Flag { name: "energy-dependent-alpha", key: "energy_dependent_alpha", list: false },
                Flag { name: "source-dep", key: "source_dep", list: false },
                Flag { name: "gh-efficiency", key: "DL3Cuts.gh_efficiency", list: false },
                Flag { name: "theta-containment", key: "DL3Cuts.theta_containment", list: false },
                Flag { name: "alpha-containment", key: "DL3Cuts.alpha_containment", list: false },
                Flag { name: "global-gh-cut", key: "DL3Cuts.global_gh_cut", list: false },
                Flag { name: "global-theta-cut", key: "DL3Cuts.global_theta_cut", list: false },
                Flag { name: "global-alpha-cut", key: "DL3Cuts.global_alpha_cut", list: false },
                Flag { name: "allowed-tels", key: "DL3Cuts.allowed_tels", list: true },
                Flag { name: "irf-obs-time", key: "irf_obs_time", list: false },
                Flag { name: "scale-true-energy", key: "DataBinning.scale_true_energy", list: false },
            ],
        }
    }

    fn run(&self, config: &IrfKeys, run: &Run) -> Result<Report, StageError> {
        let selection = Selection {
            filters: &config.selector.filters,
            finite: &config.selector.finite_params,
            telescopes: &config.cuts.allowed_tels,
            source_dependent: config.source_dep,
        };
        let doing = "cannot compute responses";
        let given = &config.simulation;
        let gammas = read(run, GAMMAS.role, &selection, given.gamma.as_ref())?;
        let mut gammas = gammas.ok_or_else(|| StageError::usage("there are no gammas"))?;
        let protons = read(run, PROTONS.role, &selection, given.proton.as_ref())?;
        let electrons = read(run, ELECTRONS.role, &selection, given.electron.as_ref())?;
        let both = protons.zip(electrons);
        scale(&mut gammas, config.binning.scale_true_energy);
        let responses = Responses { config, run };
        let background = match both {
            Some((protons, electrons)) => {
                for other in [&protons, &electrons] {
                    if other.pointing != gammas.pointing {
                        let reason = format!(
                            "its pointing is zenith {} and azimuth {} deg, that of the gammas {} and {}",
                            other.pointing.0, other.pointing.1, gammas.pointing.0, gammas.pointing.1
                        );
                        return Err(blame(doing)(IactError::content(&other.file, reason)));
                    }
                }
                Some(responses.weighted([(protons, Spectrum::Proton), (electrons, Spectrum::Electron)]))
            }
            None => None,
        };
        let (fits, report) = responses.compute(&gammas, background.as_ref()).map_err(blame(doing))?;
        fits.write(&run.output_file()?).output_error("cannot write the responses")?;
        Ok(report)
    }
}

/// Multiplies true energies and the thrown range.
fn scale(sample: &mut Sample, factor: f64) {
    if factor != 1.0 {
        sample.events.true_energy.iter_mut().for_each(|energy| *energy *= factor);
        sample.run.energy_range_min *= factor;
        sample.run.energy_range_max *= factor;
    }
}

struct Responses<'a> {
    config: &'a IrfKeys,
    run: &'a Run<'a>,
}

/// A cut on gammaness.
enum Gammaness {
    Global(f64),
    Table(CutTable),
}

impl Gammaness {
    fn keep(&self, events: &Events) -> Events {
        events.filter(|event| match self {
            Self::Global(cut) => events.gammaness[event] > *cut,
            Self::Table(cuts) => cuts.passes_above(events.gammaness[event], events.reco_energy[event]),
        })
    }
}

impl Responses<'_> {
    fn seconds(&self) -> f64 {
        self.config.irf_obs_time * 3600.0
    }

    /// Events of cosmic rays with the weights of their fluxes.
    fn weighted(&self, samples: [(Sample, Spectrum); 2]) -> Events {
        let mut all = Events::default();
        for (mut sample, spectrum) in samples {
            scale(&mut sample, self.config.binning.scale_true_energy);
            let thrown = sample.run.simulated();
            let weight = |energy: &f64| thrown.weight(spectrum, self.seconds(), *energy);
            sample.events.weight = sample.events.true_energy.iter().map(weight).collect();
            all.append(&sample.events);
        }
        all
    }

    fn compute(&self, gammas: &Sample, cosmic: Option<&Events>) -> crate::error::Result<(Fits, Report)> {
        let (config, binning, cuts) = (self.config, &self.config.binning, &self.config.cuts);
        let (true_energy, reco_energy) = (binning.true_energy(), binning.reco_energy());
        let migration = logarithmic(
            binning.energy_migration_min,
            binning.energy_migration_max,
            binning.energy_migration_n_bins + 1,
        );
        let kind = gammas.run.source_kind(&gammas.file)?;
        let single = kind != SourceKind::Diffuse;
        let offsets = if single {
            // the header of a point source has no offset: the events tell
            let mean = match kind {
                SourceKind::Point => mean(&gammas.events.true_offset),
                _ => gammas.run.mean_offset(),
            };
            vec![mean - 0.1, mean + 0.1]
        } else {
            linear(binning.fov_offset_min, binning.fov_offset_max, binning.fov_offset_n_edges)
        };
        let farthest = offsets.last().copied().unwrap_or(f64::INFINITY);
        let inside = gammas.events.filter(|event| gammas.events.true_offset[event] <= farthest);
        let read = gammas.events.len();

        let gammaness = if config.energy_dependent_gh {
            let greatest = inside.gammaness.iter().copied().fold(f64::MIN, f64::max);
            let cut = PercentileCut {
                min_value: Some(cuts.min_gh_cut),
                max_value: Some(cuts.max_gh_cut),
                min_events: cuts.min_event_p_en_bin,
                ..PercentileCut::new(100.0 * (1.0 - cuts.gh_efficiency), greatest)
            };
            let mut table = cut.table(&inside.gammaness, &inside.reco_energy, &reco_energy);
            table.fill_from_neighbours(cuts.min_event_p_en_bin);
            Gammaness::Table(table)
        } else {
            Gammaness::Global(cuts.global_gh_cut)
        };
        let mut selected = gammaness.keep(&inside);
        let angle = if config.point_like { Some(self.angle_cut(&mut selected, &reco_energy)) } else { None };
        if selected.is_empty() {
            self.run.warn("no_events", "no gamma passes the cuts: the responses are empty");
        }

        let common = Common { point_like: config.point_like, cards: self.cards(gammas) };
        let thrown = gammas.run.simulated();
        let area = if single {
            crate::irf::response::Cube {
                shape: [true_energy.len() - 1, 1, 1],
                values: effective_area(&selected, &thrown, &true_energy),
            }
        } else {
            effective_area_by_offset(&selected, &thrown, &true_energy, &offsets)
        };
        let mut tables = vec![
            gadf::effective_area(&area, &true_energy, &offsets, &common)?,
            gadf::energy_dispersion(
                &energy_dispersion(&selected, &true_energy, &migration, &offsets),
                &true_energy,
                &migration,
                &offsets,
                &common,
            )?,
        ];
        if let Some(cosmic) = cosmic {
            let edges = linear(binning.bkg_fov_offset_min, binning.bkg_fov_offset_max, binning.bkg_fov_offset_n_edges);
            let rate = background(&gammaness.keep(cosmic), &reco_energy, &edges, self.seconds());
            tables.push(gadf::background(&rate, &reco_energy, &edges, &common)?);
        }
        if !config.point_like {
            let edges = linear(binning.source_offset_min, binning.source_offset_max, binning.source_offset_n_edges);
            let density = psf_table(&selected, &true_energy, &edges, &offsets);
            tables.push(gadf::psf(&density, &true_energy, &edges, &offsets, &common)?);
        }
        if let Gammaness::Table(table) = &gammaness {
            tables.push(gadf::cuts("GH_CUTS", table, "", &common)?);
        }
        match angle.flatten() {
            Some(table) if config.source_dep => tables.push(gadf::cuts("AL_CUTS", &table, "deg", &common)?),
            Some(table) => tables.push(gadf::rad_max(&table, &offsets, &common)?),
            None => {}
        }
        let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        let primary = vec![Card::text("RECOIL", &self.run.embedded_provenance(), "")];
        let report = Report::new()
            .value("gammas", read)
            .value("selected_gammas", selected.len())
            .value("largest_effective_area_m2", area.values.iter().copied().fold(0.0, f64::max))
            .value("tables", names);
        Ok((Fits { primary, tables }, report))
    }

    /// Applies the cut on theta or alpha; the table if it depends on energy.
    fn angle_cut(&self, events: &mut Events, edges: &[f64]) -> Option<CutTable> {
        let (config, cuts) = (self.config, &self.config.cuts);
        let (dependent, global, limits, fill, share) = if config.source_dep {
            let limits = (cuts.min_alpha_cut, cuts.max_alpha_cut);
            (config.energy_dependent_alpha, cuts.global_alpha_cut, limits, cuts.fill_alpha_cut, cuts.alpha_containment)
        } else {
            let limits = (cuts.min_theta_cut, cuts.max_theta_cut);
            (config.energy_dependent_theta, cuts.global_theta_cut, limits, cuts.fill_theta_cut, cuts.theta_containment)
        };
        if !dependent {
            *events = events.filter(|event| events.theta[event] < global);
            return None;
        }
        // on the wrong side of the image the angle tells nothing about the width of the right one
        let right = if config.source_dep { events.clone() } else { events.filter(|event| events.right_side[event]) };
        let cut = PercentileCut {
            min_value: Some(limits.0),
            max_value: Some(limits.1),
            min_events: cuts.min_event_p_en_bin,
            ..PercentileCut::new(100.0 * share, fill)
        };
        let mut table = cut.table(&right.theta, &right.reco_energy, edges);
        table.fill_from_neighbours(cuts.min_event_p_en_bin);
        *events = events.filter(|event| table.passes_below(events.theta[event], events.reco_energy[event]));
        Some(table)
    }

    fn cards(&self, gammas: &Sample) -> Vec<Card> {
        let (config, cuts) = (self.config, &self.config.cuts);
        let telescopes: Vec<String> = cuts.allowed_tels.iter().map(ToString::to_string).collect();
        let mut cards = vec![
            Card::text("TELESCOP", "CTA-N", ""),
            Card::text("INSTRUME", &format!("LST-{}", telescopes.join(" ")), ""),
            Card::text("FOVALIGN", "RADEC", ""),
        ];
        let mut float = |key: &str, value: f64, comment: &str| {
            if value.is_finite() {
                cards.push(Card::float(key, value, comment));
            }
        };
        float("ZEN_PNT", gammas.pointing.0, "deg");
        float("AZ_PNT", gammas.pointing.1, "deg");
        float("B_TOTAL", gammas.run.field_total, "uT");
        float("B_INC", gammas.run.field_inclination, "rad");
        float("B_DEC", gammas.run.field_declination, "rad");
        float("B_DELTA", gammas.run.field_angle(), "deg");
        float("ETRUE_SCALE", config.binning.scale_true_energy, "");
        if config.energy_dependent_gh {
            float("GH_EFF", cuts.gh_efficiency, "gamma/hadron efficiency");
        } else {
            float("GH_CUT", cuts.global_gh_cut, "");
        }
        if config.point_like && config.source_dep {
            // readers of one-dimensional analyses ask for a radius
            float("RAD_MAX", 0.1, "deg");
            if config.energy_dependent_alpha {
                float("AL_CONT", cuts.alpha_containment, "Alpha containment region in percentage");
            } else {
                float("AL_CUT", cuts.global_alpha_cut, "deg");
            }
        } else if config.point_like && config.energy_dependent_theta {
            float("TH_CONT", cuts.theta_containment, "Theta containment region in percentage");
        } else if config.point_like {
            float("RAD_MAX", cuts.global_theta_cut, "deg");
        }
        cards
    }
}

/// Mean, to four digits.
fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean * 1e4).round() / 1e4
}
