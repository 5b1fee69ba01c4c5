//! Tables of reconstructed events as outputs.

use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use recoil_stage::error::Blame as _;
use recoil_stage::{Run, StageError};
use recoil_table::hdf5::{Attribute, Member, TableFile, TableRows, Value, members_of};
use recoil_table::{Address, BatchWriter, doc, unit};

use super::blame;
use super::merge::{attributes, copy};
use crate::dl1::hdf5::versions;
use crate::dl1::stored::{Dl1Tables, IMAGES, PARAMETERS};
use crate::error::IactError;
use crate::production::{RUN_TABLE, RunConfig, is_hdf5};

/// Where the tables of reconstructed events are, as lstchain has them.
const EVENTS: &str = "dl2/event/telescope/parameters";
/// Name of the table where the input does not tell it.
const USUAL: &str = "LST_LSTCam";
/// Levels of the input that are not copied.
const OWN: [&str; 3] = [PARAMETERS, IMAGES, EVENTS];

/// A table of reconstructed events being written.
pub(crate) enum Dl2Table {
    /// HDF5 in the layout of lstchain.
    H5 { file: Box<TableFile>, rows: Box<TableRows> },
    /// Any other format.
    Plain(Box<dyn BatchWriter>),
}

impl Dl2Table {
    /// An HDF5 file with everything of the input but its images and parameters. `table` is the path of the input's table,
    /// `config` what the table records.
    pub(crate) fn h5(
        path: &Path,
        input: &Path,
        table: &str,
        schema: &SchemaRef,
        config: &str,
        run: &Run,
    ) -> Result<Self, StageError> {
        let doing = || format!("cannot write {}", path.display());
        let mut file = TableFile::create(path).output_error(doing())?;
        if is_hdf5(input) {
            let reading = || format!("cannot read {}", input.display());
            let mut tables = Dl1Tables::open(input).map_err(blame(reading()))?;
            attributes(&tables, &mut file, run).output_error(doing())?;
            for (name, table) in tables.tables() {
                if !OWN.iter().any(|level| name.starts_with(level)) {
                    copy(table, &mut file, run)?.finish().output_error(doing())?;
                }
            }
        } else {
            let runs = RunConfig::of_file(input);
            let provenance = (recoil_table::PROVENANCE.into(), Attribute::VarLenString(run.embedded_provenance()));
            for (name, value) in versions().into_iter().chain([provenance]) {
                file.attribute(&name, value).output_error(doing())?;
            }
            run_table(&mut file, &runs.map_err(blame(doing()))?).output_error(doing())?;
        }
        let kind = table.rsplit('/').next().filter(|_| is_hdf5(input)).unwrap_or(USUAL);
        let place = path.display().to_string();
        let members = members_of(&place, schema).map_err(|error| blame(doing())(IactError::from(error)))?;
        let mut described = versions();
        for (index, field) in schema.fields().iter().enumerate() {
            let known = [("NAME", Some(field.name().as_str())), ("DESC", doc(field)), ("UNIT", unit(field))];
            for (key, text) in known.into_iter().filter_map(|(key, text)| Some((key, text.filter(|t| !t.is_empty())?)))
            {
                described.push((format!("CTAFIELD_{index}_{key}"), Attribute::String(text.into())));
            }
        }
        described.push(("config".into(), Attribute::String(config.to_owned())));
        let rows = file.table(&format!("{EVENTS}/{kind}"), &members, &described).output_error(doing())?;
        Ok(Self::H5 { file: Box::new(file), rows: Box::new(rows) })
    }

    /// A table of the format that the name tells.
    pub(crate) fn plain(path: &Path, schema: &SchemaRef) -> Result<Self, StageError> {
        let doing = || format!("cannot write {}", path.display());
        let address = Address::of_path(path).output_error(doing())?;
        Ok(Self::Plain(recoil_table::create(&address, schema).output_error(doing())?))
    }

    /// Appends events.
    pub(crate) fn write(&mut self, records: &RecordBatch) -> Result<(), StageError> {
        let written = match self {
            Self::H5 { rows, .. } => rows.push_batch(records),
            Self::Plain(writer) => writer.write(records),
        };
        written.output_error("cannot write reconstructed events")
    }

    /// Completes the file.
    pub(crate) fn finish(self, provenance: &str) -> Result<(), StageError> {
        let finished = match self {
            Self::H5 { file, rows } => rows.finish().and_then(|_| file.close()),
            Self::Plain(writer) => writer.finish(Some(provenance)),
        };
        finished.output_error("cannot write reconstructed events")
    }
}

/// Writes run headers as the table that files of lstchain have, as far as they are known.
fn run_table(file: &mut TableFile, runs: &[RunConfig]) -> recoil_table::Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let names = RunConfig::COLUMNS.map(|name| Member::scalar(name, Value::F64));
    let mut rows = file.table(RUN_TABLE, &names, &versions())?;
    for run in runs {
        let bytes: Vec<u8> = run.values().iter().flat_map(|value| value.to_le_bytes()).collect();
        rows.push(&bytes)?;
    }
    rows.finish()?;
    Ok(())
}
