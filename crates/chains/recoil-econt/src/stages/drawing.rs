//! The figures of a comparison: spectra, histograms and profiles of metrics with their numbers in text form, displays of
//! wafers, and tables for test benches.

use std::fmt::Write as _;

use rand::RngExt as _;
use recoil_outputs::pictures;
use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};
use recoil_stats::Axis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::Wafer;
use crate::data::prepare::occupancy;
use crate::figures::{Against, Quantity, Series, display, histogram, medians, profile, spectrum, zeros};
use crate::metrics::summary::summarise;
use crate::study::Measured;
use crate::wafer::{CELLS, COUNTS_PER_MIP};

/// What is drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Drawing {
    /// Whether anything is drawn.
    pub draw: bool,
    /// Whether all metrics are drawn, or only the earth mover's distance.
    pub full: bool,
    /// Whether profiles are drawn in slices of occupancy and of largest charge, too.
    pub slices: bool,
    /// Text on the figures that tells the sample.
    pub sample: String,
    /// Wafers in the displays, drawn at random.
    #[schemars(range(max = 12))]
    pub displays: usize,
}

impl Default for Drawing {
    fn default() -> Self {
        Self { draw: true, full: false, slices: true, sample: String::new(), displays: 8 }
    }
}

/// One algorithm on all wafers.
pub struct Judged {
    /// Name in tables and legends.
    pub label: String,
    /// Charges that arrive.
    pub received: Vec<[f64; CELLS]>,
    /// Latent numbers per wafer; none for algorithms that are no autoencoders.
    pub latents: Vec<Vec<f32>>,
    /// Metrics.
    pub measured: Vec<Measured>,
}

/// Wafers, and what is known of each.
pub struct Seen<'a> {
    /// Charges by trigger-cell number.
    pub wafers: &'a [Wafer],
    /// |eta|.
    pub eta: Option<&'a [f64]>,
    /// Share of the event's simulated energy.
    pub energy_fraction: Option<&'a [f64]>,
}

/// Metrics that are drawn: file name, title, range and value.
type Metric = (&'static str, &'static str, (f64, f64), fn(&Measured) -> f64);

const METRICS: [Metric; 6] = [
    ("EMD", "Earth mover's distance [small cells]", (0.0, 5.0), |m| m.emd.distance().unwrap_or(f64::NAN)),
    ("dMean", "Shift of the mean [small cells]", (0.0, 5.0), |m| m.shape.mean_shift),
    ("dRMS", "Change of the width", (-0.5, 0.5), |m| m.shape.width_change),
    ("SSD", "Sum of squared differences", (0.0, 1.0), |m| m.shape.ssd),
    ("cross_corr", "Correlation", (0.0, 1.0), |m| m.shape.correlation),
    ("zero_frac", "Nothing arrives", (0.0, 1.02), |m| f64::from(u8::from(m.shape.lost))),
];

/// What profiles are drawn against: part of the file name.
const AGAINST: [&str; 5] = ["occ", "maxQ", "sumQ", "eta", "energy"];
/// Edges of slices in occupancy, and in the largest charge [MIP_T].
const OCCUPANCY_SLICES: [f64; 6] = [0.0, 2.0, 5.0, 10.0, 15.0, f64::INFINITY];
const CHARGE_SLICES: [f64; 6] = [0.0, 2.0, 5.0, 10.0, 50.0, f64::INFINITY];

/// A label as part of a file name.
pub fn slug(label: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    label.chars().map(kept).collect::<String>().replace("__", "_").to_lowercase()
}

/// Name of a slice: `occ_2_5`, `occ_15_up`.
fn slice_name(prefix: &str, slice: &[f64]) -> String {
    match slice {
        [low, high] if high.is_finite() => format!("{prefix}_{low}_{high}"),
        [low, ..] => format!("{prefix}_{low}_up"),
        [] => prefix.to_owned(),
    }
}

impl Drawing {
    fn metrics(&self) -> &'static [Metric] {
        if self.full { &METRICS } else { METRICS.get(..1).unwrap_or_default() }
    }

    /// Names of all files, for algorithms of these labels.
    pub fn names(&self, labels: &[String]) -> Vec<String> {
        if !self.draw {
            return Vec::new();
        }
        let mut figures: Vec<String> = Quantity::ALL.iter().map(|(_, name)| (*name).to_owned()).collect();
        if self.displays > 0 {
            figures.extend(labels.iter().map(|label| format!("display_{}", slug(label))));
        }
        let mut with_text = Vec::new();
        for (name, ..) in self.metrics() {
            with_text.extend(["hist", "hist_nonzero", "hist_iszero"].map(|kind| format!("{kind}_{name}")));
            with_text.extend(AGAINST.map(|against| format!("profile_{against}_{name}")));
            if self.slices {
                let of = |against: &str, prefix: &str, edges: &[f64]| -> Vec<String> {
                    let slices = edges.windows(2).map(|slice| slice_name(prefix, slice));
                    slices.map(|slice| format!("profile_{against}_{name}_{slice}")).collect()
                };
                with_text.extend(of("maxQ", "occ", &OCCUPANCY_SLICES));
                with_text.extend(of("occ", "maxQ", &CHARGE_SLICES));
            }
        }
        let texts: Vec<String> = with_text.iter().map(|name| format!("{name}.txt")).collect();
        figures.extend(with_text);
        let pictures = figures.iter().flat_map(|name| pictures(name));
        pictures.chain(texts).collect()
    }

    /// Draws everything.
    ///
    /// # Errors
    /// Files that cannot be written.
    pub fn draw(&self, run: &Run, seen: &Seen<'_>, judged: &[Judged]) -> Result<(), StageError> {
        if !self.draw {
            return Ok(());
        }
        for (quantity, name) in Quantity::ALL {
            recoil_outputs::figures(run, pictures(name), spectrum(quantity, &self.sample, seen.wafers))?;
        }
        let quantities = Quantities::of(seen)?;
        for (name, title, range, value) in self.metrics() {
            run.check()?;
            let series: Vec<Series<'_>> = judged
                .iter()
                .map(|one| Series { label: &one.label, values: one.measured.iter().map(value).collect() })
                .collect();
            let nonzero: Vec<Series<'_>> = series.iter().map(Series::without_zeros).collect();
            for (kind, series) in [("hist", &series), ("hist_nonzero", &nonzero)] {
                recoil_outputs::figures(
                    run,
                    pictures(&format!("{kind}_{name}")),
                    histogram(title, *range, &self.sample, series),
                )?;
                write(run, &format!("{kind}_{name}"), &quantiles(series))?;
            }
            recoil_outputs::figures(run, pictures(&format!("hist_iszero_{name}")), zeros(name, &self.sample, &series))?;
            let shares = series.iter().map(|one| format!("{}\t{:.6}\n", one.label, one.zero_share()));
            write(run, &format!("hist_iszero_{name}"), &format!("algorithm\tshare\n{}", shares.collect::<String>()))?;
            for against in AGAINST {
                let file = format!("profile_{against}_{name}");
                self.profile(run, &file, title, &quantities.against(against)?, &series)?;
            }
            if self.slices {
                self.in_slices(run, (name, title), &quantities, &series)?;
            }
        }
        let mut rng = run.seed().named("displays").rng();
        let count = seen.wafers.len().max(1);
        let chosen: Vec<usize> = (0..self.displays).map(|_| rng.random_range(0..count)).collect();
        for one in judged.iter().filter(|_| self.displays > 0) {
            let of = |&i: &usize| {
                let latents = one.latents.get(i).cloned().unwrap_or_default();
                Some((*seen.wafers.get(i)?, *one.received.get(i)?, latents))
            };
            let wafers: Vec<_> = chosen.iter().filter_map(of).collect();
            recoil_outputs::figures(
                run,
                pictures(&format!("display_{}", slug(&one.label))),
                display(&one.label, &self.sample, &wafers),
            )?;
        }
        Ok(())
    }

    fn profile(
        &self,
        run: &Run,
        file: &str,
        title: &str,
        against: &Against<'_>,
        series: &[Series<'_>],
    ) -> Result<(), StageError> {
        recoil_outputs::figures(run, pictures(file), profile(title, against, &self.sample, series))?;
        let mut text = String::from("algorithm\tcentre\tmedian\tlow\thigh\twafers\n");
        for one in series {
            for (centre, point) in medians(against, one) {
                let numbers = [centre, point.median, point.low, point.high].map(|value| format!("{value:.6}"));
                let _ = writeln!(text, "{}\t{}\t{}", one.label, numbers.join("\t"), point.entries);
            }
        }
        write(run, file, &text)
    }

    fn in_slices(
        &self,
        run: &Run,
        (name, title): (&str, &str),
        quantities: &Quantities<'_>,
        series: &[Series<'_>],
    ) -> Result<(), StageError> {
        let slices = [
            ("maxQ", "occ", OCCUPANCY_SLICES, &quantities.occupancy),
            ("occ", "maxQ", CHARGE_SLICES, &quantities.largest),
        ];
        for (against, prefix, edges, values) in slices {
            for slice in edges.windows(2) {
                let inside: Vec<bool> = values.iter().map(|value| (slice[0]..slice[1]).contains(value)).collect();
                let sliced: Vec<Series<'_>> = series.iter().map(|one| one.sliced(&inside)).collect();
                let file = format!("profile_{against}_{name}_{}", slice_name(prefix, slice));
                self.profile(run, &file, title, &quantities.against(against)?, &sliced)?;
            }
        }
        Ok(())
    }
}

/// Numbers of every wafer that profiles are drawn against.
struct Quantities<'a> {
    /// Cells above one MIP_T.
    occupancy: Vec<f64>,
    /// Largest charge [MIP_T].
    largest: Vec<f64>,
    log_largest: Vec<f64>,
    log_sum: Vec<f64>,
    eta: std::borrow::Cow<'a, [f64]>,
    energy: std::borrow::Cow<'a, [f64]>,
}

impl<'a> Quantities<'a> {
    fn of(seen: &Seen<'a>) -> Result<Self, StageError> {
        let each = |value: &dyn Fn(&Wafer) -> f64| seen.wafers.iter().map(value).collect::<Vec<f64>>();
        let unknown = || std::borrow::Cow::Owned(vec![f64::NAN; seen.wafers.len()]);
        Ok(Self {
            occupancy: each(&|wafer| occupancy(wafer, COUNTS_PER_MIP as u32) as f64),
            largest: each(&|wafer| f64::from(wafer.iter().copied().max().unwrap_or(0)) / COUNTS_PER_MIP),
            log_largest: each(&|wafer| Quantity::LargestCharge.of(wafer)),
            log_sum: each(&|wafer| Quantity::SummedCharge.of(wafer)),
            eta: seen.eta.map_or_else(unknown, std::borrow::Cow::Borrowed),
            energy: seen.energy_fraction.map_or_else(unknown, std::borrow::Cow::Borrowed),
        })
    }

    fn against(&self, name: &str) -> Result<Against<'_>, StageError> {
        let uniform = |bins, low, high| Axis::uniform(bins, low, high).internal_error("the axis of a profile");
        Ok(match name {
            "occ" => Against {
                title: Quantity::OccupancyAboveMip.title(),
                axis: uniform(12, 0.0, 24.0)?,
                values: &self.occupancy,
            },
            "maxQ" => Against {
                title: Quantity::LargestCharge.title(),
                axis: uniform(20, 0.0, 2.5)?,
                values: &self.log_largest,
            },
            "sumQ" => {
                Against { title: Quantity::SummedCharge.title(), axis: uniform(20, -0.5, 3.5)?, values: &self.log_sum }
            }
            "eta" => Against { title: r"|\eta|", axis: uniform(10, 1.6, 3.0)?, values: &self.eta },
            _ => Against {
                title: "Share of the event's simulated energy",
                axis: uniform(10, 0.0, 1.0)?,
                values: &self.energy,
            },
        })
    }
}

fn quantiles(series: &[Series<'_>]) -> String {
    let mut text = String::from("algorithm\tmedian\tp16\tp84\tmean\tstd\twafers\n");
    for one in series {
        if let Some(s) = summarise(&one.values) {
            let numbers = [s.median, s.p16, s.p84, s.mean, s.std].map(|value| format!("{value:.6}"));
            let _ = writeln!(text, "{}\t{}\t{}", one.label, numbers.join("\t"), s.count);
        }
    }
    text
}

fn write(run: &Run, name: &str, text: &str) -> Result<(), StageError> {
    recoil_outputs::text(run, &format!("{name}.txt"), text)
}

/// Writes rows of numbers without a header, with twelve decimals, as test benches of hardware read them.
///
/// # Errors
/// Files that cannot be written.
pub fn verification<'a>(
    run: &Run,
    name: &str,
    rows: impl Iterator<Item = std::borrow::Cow<'a, [f64]>>,
) -> Result<(), StageError> {
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().map(|value| format!("{value:.12}")).collect();
        let _ = writeln!(text, "{}", cells.join(","));
    }
    recoil_outputs::text(run, name, &text)
}
