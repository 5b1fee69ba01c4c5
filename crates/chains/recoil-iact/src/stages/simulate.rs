//! `iact simulate`: files of the generator.

use recoil_stage::error::Interrupted;
use recoil_stage::{Config, Description, Flag, Inputs, OutputKind, Problem, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::blame;
use crate::coordinates::Direction;
use crate::error::IactError;
use crate::simulate::file::{Plan, write};
use crate::simulate::shower::{Beam, Primary};

/// A set of files of one kind of showers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sample {
    /// Name in front of the files' names.
    pub name: String,
    /// Particle: `gamma`, `proton` or `electron`.
    pub primary: Primary,
    /// Number of files.
    pub files: u32,
    /// Smallest and largest energy \[TeV\].
    pub energy_tev: [f64; 2],
    /// Exponent of the spectrum.
    pub spectral_index: f64,
    /// Distance of the source from the pointing, in altitude \[deg\].
    pub offset_deg: f64,
    /// Inner and outer opening angle of the cone of directions around the source \[deg\].
    pub cone_deg: [f64; 2],
    /// Radius of the impact points \[m\].
    pub radius_m: f64,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            name: "gamma".into(),
            primary: Primary::Gamma,
            files: 1,
            energy_tev: [0.02, 50.0],
            spectral_index: -2.0,
            offset_deg: 0.4,
            cone_deg: [0.0, 0.0],
            radius_m: 350.0,
        }
    }
}

/// Keys of `iact simulate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// The sets of files.
    pub samples: Vec<Sample>,
    /// Showers in each file.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub showers: u32,
    /// How often each shower is used with another impact point.
    #[schemars(range(min = 1, max = 100))]
    pub uses: u32,
    /// Altitude of the pointing \[deg\].
    #[schemars(range(min = 10.0, max = 90.0))]
    pub alt_deg: f64,
    /// Azimuth of the pointing \[deg\].
    pub az_deg: f64,
    /// Light of the night sky in a pixel \[GHz\].
    #[schemars(range(min = 0.0, max = 20.0))]
    pub nsb_ghz: f64,
    /// Photo-electrons in seven neighbouring pixels that trigger.
    pub trigger_pe: u32,
    /// Number of the first run.
    pub first_run: i32,
    /// Ending of the files: `simtel.zst`, `simtel.gz` or `simtel`.
    pub ending: String,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        let diffuse = |name: &str, primary, outer: f64, energy: [f64; 2], radius_m| Sample {
            name: name.into(),
            primary,
            energy_tev: energy,
            offset_deg: 0.0,
            cone_deg: [0.0, outer],
            radius_m,
            ..Sample::default()
        };
        Self {
            samples: vec![
                Sample::default(),
                diffuse("gamma-diffuse", Primary::Gamma, 2.5, [0.02, 50.0], 350.0),
                diffuse("proton", Primary::Proton, 3.0, [0.05, 100.0], 450.0),
                diffuse("electron", Primary::Electron, 3.0, [0.02, 10.0], 350.0),
            ],
            showers: 100,
            uses: 5,
            alt_deg: 70.0,
            az_deg: 180.0,
            nsb_ghz: 0.25,
            trigger_pe: 40,
            first_run: 1,
            ending: "simtel.zst".into(),
        }
    }
}

impl Config for SimulateConfig {
    fn check(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        for (index, sample) in self.samples.iter().enumerate() {
            let mut problem = |key: &str, told: &str| found.push(Problem::new(format!("samples[{index}].{key}"), told));
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
            if sample.name.is_empty() || !sample.name.chars().all(plain) {
                problem("name", "must be a plain name");
            }
            if self.samples.iter().take(index).any(|other| other.name == sample.name) {
                problem("name", "is there twice");
            }
            let [low, high] = sample.energy_tev;
            if !(low > 0.0 && high >= low && high.is_finite()) {
                problem("energy_tev", "must be two rising positive numbers");
            }
            let [inner, outer] = sample.cone_deg;
            if !(inner >= 0.0 && outer >= inner && outer <= 90.0) {
                problem("cone_deg", "must be two rising angles up to 90");
            }
            if !(sample.radius_m >= 0.0 && sample.radius_m.is_finite()) {
                problem("radius_m", "must not be negative");
            }
        }
        if !["simtel", "simtel.gz", "simtel.zst"].contains(&self.ending.as_str()) {
            found.push(Problem::new("ending", "must be simtel, simtel.gz or simtel.zst"));
        }
        found
    }
}

impl SimulateConfig {
    /// The files: sample, number of the run, name.
    fn files(&self) -> Vec<(&Sample, i32, String)> {
        let samples = self.samples.iter().flat_map(|sample| std::iter::repeat_n(sample, sample.files as usize));
        let named = |(run, sample): (i32, &'_ Sample)| (run, format!("{}_run{run}.{}", sample.name, self.ending));
        let runs = self.first_run..;
        runs.zip(samples).map(|(run, sample)| (sample, run, named((run, sample)).1)).collect()
    }

    fn plan(&self, sample: &Sample, run: i32) -> Plan {
        let pointing = Direction::new(self.alt_deg.to_radians(), self.az_deg.to_radians());
        let beam = Beam {
            primary: sample.primary,
            energy: sample.energy_tev,
            spectral_index: sample.spectral_index,
            direction: Direction::new((self.alt_deg + sample.offset_deg).to_radians(), pointing.az),
            cone: sample.cone_deg.map(f64::to_radians),
            radius: sample.radius_m,
        };
        let (showers, uses) = (self.showers, self.uses);
        Plan { run, beam, pointing, showers, uses, nsb: self.nsb_ghz, threshold: self.trigger_pe }
    }
}

/// What ends the making of a file.
enum Stop {
    Failed(IactError),
    Interrupted(Interrupted),
}

impl From<IactError> for Stop {
    fn from(error: IactError) -> Self {
        Self::Failed(error)
    }
}

impl From<Interrupted> for Stop {
    fn from(interrupted: Interrupted) -> Self {
        Self::Interrupted(interrupted)
    }
}

/// Makes files.
pub struct Simulate;

impl Stage for Simulate {
    type Config = SimulateConfig;

    fn description(&self) -> Description {
        Description {
            name: "iact simulate",
            about: "Simulate showers seen by one LST, as files of sim_telarray",
            long: "A small generator: gamma rays, protons and electrons as ellipses of photo-electrons on a camera of 1855 \
                   pixels, with pulses, two gains, noise and the light of the night sky. Writes one file per run. The same \
                   seed gives the same bytes.",
            inputs: &[],
            output: OutputKind::Directory { doc: "one file per run" },
            flags: &[
                Flag { name: "showers", key: "showers", list: false },
                Flag { name: "first-run", key: "first_run", list: false },
            ],
        }
    }

    fn outputs(&self, config: &SimulateConfig, _inputs: &Inputs) -> Vec<String> {
        config.files().into_iter().map(|(.., name)| name).collect()
    }

    fn run(&self, config: &SimulateConfig, run: &Run) -> Result<Report, StageError> {
        use rayon::prelude::*;
        let files = config.files();
        let progress = run.progress("simulating", "showers", Some(files.len() as u64 * u64::from(config.showers)));
        let make = |(sample, number, name): &(&Sample, i32, String)| -> Result<Vec<Json>, StageError> {
            let seed = run.seed().named(&sample.name).indexed(u64::from(number.cast_unsigned()));
            let go_on = || -> Result<(), Stop> {
                progress.add(1);
                Ok(run.check()?)
            };
            let made = write(&run.output(name)?, &config.plan(sample, *number), seed, go_on);
            let made = made.map_err(|stop| match stop {
                Stop::Failed(error) => blame(format!("cannot make {name}"))(error),
                Stop::Interrupted(interrupted) => interrupted.into(),
            })?;
            Ok(vec![name.clone().into(), made.thrown.into(), made.triggered.into()])
        };
        let rows: Vec<Vec<Json>> = files.par_iter().map(make).collect::<Result<_, _>>()?;
        let sum = |column: usize| rows.iter().filter_map(|row| row.get(column)?.as_u64()).sum::<u64>();
        let report = Report::new().value("files", rows.len()).value("thrown", sum(1)).value("triggered", sum(2));
        Ok(report.table("runs", &["file", "thrown", "triggered"], rows))
    }
}
