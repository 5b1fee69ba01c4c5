//! Tables of image parameters as inputs.

use recoil_stage::error::Blame as _;
use recoil_stage::{InputFile, Run, StageError};
use recoil_table::{BatchReader, ReadOptions};

use super::blame;
use crate::error::IactError;
use crate::production::is_hdf5;
use crate::reconstruct::Columns;

/// Columns without which nothing can be reconstructed.
const NEEDED: [&str; 3] = ["x", "y", "psi"];

/// Groups of HDF5 files that hold tables of parameters, one per kind of telescope.
const GROUPS: [&str; 2] = ["dl1/event/telescope/parameters/", "dl2/event/telescope/parameters/"];

/// The table of parameters in a file: of HDF5 files without a named table the one of its level, of others the file.
pub(crate) fn parameters(file: &InputFile) -> Result<String, StageError> {
    if file.part.is_some() || !is_hdf5(&file.path) {
        return Ok(file.spec());
    }
    let shown = file.path.display();
    let objects = recoil_table::contents(&file.path).input_error(format!("cannot read {shown}"))?;
    let tables: Vec<&str> = objects.iter().map(|object| object.name.trim_matches('/')).collect();
    let found: Vec<&&str> = tables.iter().filter(|name| GROUPS.iter().any(|group| name.starts_with(group))).collect();
    match found.as_slice() {
        [only] => Ok(format!("{shown}:{only}")),
        [] => Err(StageError::input(format!("{shown} holds no table under {} or {}", GROUPS[0], GROUPS[1]))),
        several => {
            let names: Vec<&str> = several.iter().map(|name| **name).collect();
            let message = format!("{shown} holds several tables, name one as {shown}:TABLE: {}", names.join(", "));
            Err(StageError::usage(message))
        }
    }
}

/// Opens a table; all columns, or those of `names` that it has.
pub(crate) fn open(file: &str, names: Option<&[&str]>) -> Result<Box<dyn BatchReader>, StageError> {
    let reading = || format!("cannot read {file}");
    let all = recoil_table::open(file, &ReadOptions::default()).input_error(reading())?;
    let schema = all.schema();
    if let Some(missing) = NEEDED.iter().find(|name| schema.column_with_name(name).is_none()) {
        let reason = "is missing: this is no table of image parameters".to_owned();
        return Err(blame(reading())(IactError::Column { file: file.into(), column: (*missing).into(), reason }));
    }
    match names {
        None => Ok(all),
        Some(names) => {
            let known = names.iter().copied().filter(|name| schema.column_with_name(name).is_some());
            recoil_table::open(file, &ReadOptions::default().columns(known)).input_error(reading())
        }
    }
}

/// The columns of all files of a role that are among `names`.
pub(crate) fn read_columns(run: &Run, role: &'static str, names: &[&str]) -> Result<Columns, StageError> {
    let mut table = Columns::default();
    for file in run.inputs().all(role) {
        let file = parameters(file)?;
        for batch in open(&file, Some(names))? {
            run.check()?;
            let batch = batch.input_error(format!("cannot read {file}"))?;
            let own = Columns::of_batch(&batch, names.iter().copied()).map_err(blame(format!("cannot read {file}")))?;
            table.append(own);
        }
    }
    Ok(table)
}
