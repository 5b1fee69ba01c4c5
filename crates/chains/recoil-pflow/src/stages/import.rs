//! `pflow import`: foreign files to tables of events.

use recoil_stage::error::Blame as _;
use recoil_stage::{Config, Description, Flag, InputFile, InputRole, OutputKind, Report, Run, Stage, StageError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::EventWriter;
use crate::error::{PflowError, Result};
use crate::import::branches::Branches;
use crate::import::cms::{self, CmsNtuple};
use crate::import::delphes::{self, Delphes};
use crate::import::edm4hep::{self, Collections, Edm4hep};
use crate::import::matrices::Matrices;
use crate::import::nanoaod::{self, Nanoaod};
use crate::import::{Elements, Source};

/// What a file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Whatever the file looks like.
    #[default]
    Auto,
    /// EDM4hep.
    Edm4hep,
    /// CMS ntuple with elements.
    Cms,
    /// NanoAOD with particle-flow candidates.
    Nanoaod,
    /// Delphes.
    Delphes,
    /// A table with one row per element, or with a matrix of features per event.
    Table,
}

/// Keys of `pflow import`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImportConfig {
    /// `auto`, `edm4hep`, `cms`, `nanoaod`, `delphes` or `table`.
    pub kind: Kind,
    /// What becomes an element: `objects` (tracks and clusters) or `hits`.
    pub elements: Elements,
    /// Names of collections of EDM4hep and Delphes.
    pub collections: Collections,
    /// Most events that are read; 0 for all.
    pub max_events: u64,
}

impl Config for ImportConfig {}

/// Imports events.
pub struct Import;

const FILE: InputRole =
    InputRole::required("events", "EDM4hep, CMS ntuple, NanoAOD, Delphes, or a flat table", &["root", "parquet"]);

impl Stage for Import {
    type Config = ImportConfig;

    fn description(&self) -> Description {
        Description {
            name: "pflow import",
            about: "Import events of EDM4hep, CMS ntuples, NanoAOD or Delphes",
            long: "Reads tracks, clusters, existing candidates, generated and simulated particles and their links, and writes one \
                   row per event. EDM4hep may be of old or new podio files (relations X#n or _X_member); the CMS ntuple of 2020 \
                   or of the present; NanoAOD needs particle-flow candidates, each of which becomes an element; of \
                   Delphes tracks and towers do; Parquet may hold a matrix of features per event (X_track and X_cluster, X_hit_*, or X of Delphes). Numbers that are not finite \
                   become 0 and are counted; links that lead nowhere are errors.",
            inputs: &[FILE],
            output: OutputKind::File { doc: "the events", formats: super::EVENTS },
            flags: &[
                Flag { name: "kind", key: "kind", list: false },
                Flag { name: "elements", key: "elements", list: false },
                Flag { name: "field", key: "collections.field_tesla", list: false },
                Flag { name: "max-events", key: "max_events", list: false },
            ],
        }
    }

    fn run(&self, config: &ImportConfig, run: &Run) -> std::result::Result<Report, StageError> {
        let file = run.inputs().one(FILE.role)?;
        let mut source = open(config, file).input_error("cannot import")?;
        let (layout, parts) = (source.layout(), source.parts());
        let mut writer = EventWriter::create(&run.output_file()?, layout, parts).output_error("cannot write")?;
        let progress = run.progress("importing", "events", source.total());
        let (mut total, mut elements, mut tracks, mut links) = (0u64, 0, 0, 0);
        while let Some(mut events) = source.next_events().input_error("cannot import")? {
            run.check()?;
            if config.max_events > 0 {
                events.truncate(usize::try_from(config.max_events - total).unwrap_or(usize::MAX));
            }
            for event in &events {
                elements += event.elements(layout);
                tracks += event.rows(layout).filter(|row| layout.is_track(row.kind())).count();
                links += event.links.len();
            }
            writer.write(&events).output_error("cannot write the events")?;
            total += events.len() as u64;
            progress.add(events.len() as u64);
            if config.max_events > 0 && total >= config.max_events {
                break;
            }
        }
        if total == 0 {
            return Err(StageError::input(format!("{}: has no events", file.spec())));
        }
        writer.finish(&run.embedded_provenance()).output_error("cannot write the events")?;
        if source.mended() > 0 {
            run.warn("not_finite", format!("{} numbers that were not finite became 0", source.mended()));
        }
        Ok(Report::new()
            .value("events", total)
            .value("elements", elements)
            .value("tracks", tracks)
            .value("links", links)
            .value("not_finite", source.mended()))
    }
}

/// Opens a file as what it is.
fn open(config: &ImportConfig, file: &InputFile) -> Result<Box<dyn Source>> {
    let is_root = file.path.extension().is_some_and(|extension| extension == "root");
    if config.kind == Kind::Table || config.kind == Kind::Auto && !is_root {
        let branches = Branches::of(&file.spec())?;
        if Matrices::fits(&branches) {
            return Ok(Box::new(Matrices::open(&file.spec(), &branches, config.elements)?));
        }
        return Ok(Box::new(flat::Flat::open(&file.spec())?));
    }
    let trees: Vec<&str> = match config.kind {
        Kind::Edm4hep => vec![edm4hep::TREE],
        Kind::Cms => cms::TREES.to_vec(),
        Kind::Nanoaod => vec![nanoaod::TREE],
        Kind::Delphes => vec![delphes::TREE],
        _ => [&[edm4hep::TREE, nanoaod::TREE, delphes::TREE][..], &cms::TREES].concat(),
    };
    let addresses: Vec<String> = match &file.part {
        Some(_) => vec![file.spec()],
        None => trees.iter().map(|tree| format!("{}:{tree}", file.path.display())).collect(),
    };
    let mut last = None;
    for address in addresses {
        match Branches::of(&address) {
            Ok(branches) if Edm4hep::fits(&branches) && matches!(config.kind, Kind::Auto | Kind::Edm4hep) => {
                return Ok(Box::new(Edm4hep::open(&address, &branches, &config.collections, config.elements)?));
            }
            Ok(branches) if CmsNtuple::fits(&branches) && matches!(config.kind, Kind::Auto | Kind::Cms) => {
                return Ok(Box::new(CmsNtuple::open(&address, &branches)?));
            }
            Ok(branches) if Nanoaod::fits(&branches) && matches!(config.kind, Kind::Auto | Kind::Nanoaod) => {
                return Ok(Box::new(Nanoaod::open(&address, &branches)?));
            }
            Ok(branches) if Delphes::fits(&branches) && matches!(config.kind, Kind::Auto | Kind::Delphes) => {
                if config.elements == Elements::Hits {
                    return Err(PflowError::config("elements", "Delphes has no hits"));
                }
                return Ok(Box::new(Delphes::open(&address, &branches, &config.collections)?));
            }
            Ok(branches) => {
                let reason = "is no EDM4hep with true particles, no CMS ntuple with elements, no NanoAOD with \
                              particle-flow candidates and no Delphes with tracks and towers";
                last = Some(PflowError::content(branches.file(), reason));
            }
            // a tree of another kind of file is not there; anything else tells what is wrong with this one
            Err(error) => last = last.or(Some(error)),
        }
    }
    Err(last.unwrap_or_else(|| PflowError::content(file.path.display(), "has no tree")))
}

/// Tables with one row per element.
mod flat {
    use super::{Result, Source};
    use crate::data::columns::Parts;
    use crate::data::{Event, EventReader, Layout};

    /// A table.
    pub(super) struct Flat(EventReader);

    impl Flat {
        pub(super) fn open(address: &str) -> Result<Self> {
            let all = Parts { targets: true, candidates: true, puppi: true, generated: true, simulation: true };
            Ok(Self(EventReader::open(address, all)?))
        }
    }

    impl Source for Flat {
        fn layout(&self) -> Layout {
            self.0.layout()
        }

        fn parts(&self) -> Parts {
            self.0.parts()
        }

        fn total(&self) -> Option<u64> {
            self.0.total()
        }

        fn next_events(&mut self) -> Result<Option<Vec<Event>>> {
            self.0.next_events()
        }

        fn mended(&self) -> u64 {
            0
        }
    }
}
