//! Reading tables of charges: named, numbered or without a header, with or without an index column.

use recoil_table::{Address, Batch, BatchReader, ReadOptions};

use super::{CELLS, LARGEST_CHARGE, Wafer};
use crate::error::{EcontError, Result};

/// Reads 48 numbers per row, of whatever kind: charges, normalised charges, decoded charges.
pub struct ChargeReader {
    reader: Box<dyn BatchReader>,
    names: Vec<String>,
    /// A header of the numbers 0 to 47 that the file format took for a row.
    numbered: bool,
}

/// Rows of numbers with the batch that they are from.
pub struct ChargeBatch {
    /// One row of 48 numbers per wafer.
    pub charges: Vec<[f64; CELLS]>,
    /// All columns of the same rows.
    pub batch: Batch,
}

/// Wafers with the batch that they are from.
pub struct WaferBatch {
    /// Charges in the order of the table.
    pub charges: Vec<Wafer>,
    /// All columns of the same rows.
    pub batch: Batch,
}

impl ChargeReader {
    /// Opens the table `FILE` or `FILE:TREE`.
    ///
    /// The charges are the columns `CALQ_0` to `CALQ_47`; without them, the only other family of 48 numbered columns; in a
    /// file without a header, the first 48 columns, or those behind a column that only counts the rows.
    ///
    /// # Errors
    /// Those of the table, and a table in which the columns cannot be found.
    pub fn open(address: &str) -> Result<Self> {
        let address = Address::parse(address)?;
        let whole = recoil_table::open_at(&address, &ReadOptions::default())?;
        let schema = whole.schema();
        let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let file = whole.file().to_string();
        let found = find(&file, &columns, || first_rows(&address))?;
        let names = found.names;
        let reader = recoil_table::open_at(&address, &ReadOptions::default())?;
        Ok(Self { reader, names, numbered: found.numbered })
    }

    /// File, as errors name it.
    pub fn file(&self) -> &str {
        self.reader.file()
    }

    /// Rows in the file, if known.
    pub fn total_rows(&self) -> Option<u64> {
        self.reader.total_rows().map(|rows| rows.saturating_sub(u64::from(self.numbered)))
    }

    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// Those of the table; a charge that is missing, not a number, infinite or negative.
    pub fn next_batch(&mut self) -> Result<Option<ChargeBatch>> {
        let Some(mut batch) = self.reader.next_batch()? else { return Ok(None) };
        if self.numbered && batch.first_row() == 0 {
            let rest = batch.records().slice(1, batch.rows().saturating_sub(1));
            batch = Batch::new(rest, batch.file().clone(), 1);
        }
        let mut charges = vec![[0.0; CELLS]; batch.rows()];
        for (cell, name) in self.names.iter().enumerate() {
            let column = batch.scalar_as::<f64>(name)?;
            for (row, (wafer, &value)) in charges.iter_mut().zip(column.iter()).enumerate() {
                if !value.is_finite() || value < 0.0 {
                    let reason = if value < 0.0 { "is negative" } else { "is not a finite number" };
                    return Err(self.charge_error(name, batch.first_row() + row as u64, value, reason));
                }
                if let Some(place) = wafer.get_mut(cell) {
                    *place = value;
                }
            }
        }
        Ok(Some(ChargeBatch { charges, batch }))
    }

    fn charge_error(&self, column: &str, row: u64, value: f64, reason: &'static str) -> EcontError {
        EcontError::Charge { file: self.file().to_owned(), column: column.to_owned(), row, value, reason }
    }
}

/// Reads wafers: charges in whole counts of at most 22 bits.
pub struct CalqReader(ChargeReader);

impl CalqReader {
    /// Names of the 48 columns of charges.
    pub fn names(&self) -> &[String] {
        &self.0.names
    }

    /// Opens a table, as [`ChargeReader::open`].
    ///
    /// # Errors
    /// As [`ChargeReader::open`].
    pub fn open(address: &str) -> Result<Self> {
        ChargeReader::open(address).map(Self)
    }

    /// File, as errors name it.
    pub fn file(&self) -> &str {
        self.0.file()
    }

    /// Rows in the file, if known.
    pub fn total_rows(&self) -> Option<u64> {
        self.0.total_rows()
    }

    /// The next wafers; `None` at the end.
    ///
    /// # Errors
    /// As [`ChargeReader::next_batch`], and charges that are not whole or need more than 22 bits.
    pub fn next_batch(&mut self) -> Result<Option<WaferBatch>> {
        let Some(ChargeBatch { charges, batch }) = self.0.next_batch()? else { return Ok(None) };
        let mut wafers = vec![[0; CELLS]; charges.len()];
        for (row, (wafer, values)) in wafers.iter_mut().zip(&charges).enumerate() {
            for (cell, (count, &value)) in wafer.iter_mut().zip(values).enumerate() {
                let fault = if value.fract() != 0.0 {
                    Some("is not a whole number of counts")
                } else if value > f64::from(LARGEST_CHARGE) {
                    Some("needs more than the 22 bits that the chip has")
                } else {
                    None
                };
                if let Some(reason) = fault {
                    let name = self.0.names.get(cell).map_or("", String::as_str);
                    return Err(self.0.charge_error(name, batch.first_row() + row as u64, value, reason));
                }
                *count = value as u32;
            }
        }
        Ok(Some(WaferBatch { charges: wafers, batch }))
    }
}

/// All wafers of a table, or of all tables of a folder in the order of their names.
///
/// # Errors
/// As [`CalqReader::next_batch`], and a table without wafers.
pub fn read_wafers(address: &str) -> Result<Vec<Wafer>> {
    let mut wafers = Vec::new();
    for file in files(address)? {
        let mut reader = CalqReader::open(&file)?;
        while let Some(batch) = reader.next_batch()? {
            wafers.extend(batch.charges);
        }
    }
    if wafers.is_empty() {
        return Err(EcontError::Empty { file: address.to_owned() });
    }
    Ok(wafers)
}

/// All rows of 48 numbers of a table, or of all tables of a folder in the order of their names.
///
/// # Errors
/// As [`ChargeReader::next_batch`], and a table without rows.
pub fn read_charges(address: &str) -> Result<Vec<[f64; CELLS]>> {
    let mut rows = Vec::new();
    for file in files(address)? {
        let mut reader = ChargeReader::open(&file)?;
        while let Some(batch) = reader.next_batch()? {
            rows.extend(batch.charges);
        }
    }
    if rows.is_empty() {
        return Err(EcontError::Empty { file: address.to_owned() });
    }
    Ok(rows)
}

/// The table itself, or the tables of a folder (not of its sub-folders) in the order of their names.
///
/// # Errors
/// A folder that cannot be listed or holds no table.
pub fn files(address: &str) -> Result<Vec<String>> {
    let folder = std::path::Path::new(address);
    if !folder.is_dir() {
        return Ok(vec![address.to_owned()]);
    }
    let fault = |source| EcontError::Folder { folder: address.to_owned(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        let is_table = recoil_table::Format::of(&path).is_ok();
        if path.is_file() && is_table {
            found.push(path.display().to_string());
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(EcontError::Empty { file: address.to_owned() });
    }
    Ok(found)
}

struct Found {
    names: Vec<String>,
    numbered: bool,
}

/// The 48 columns of a table with these columns.
fn find(file: &str, columns: &[&str], first_rows: impl Fn() -> Result<Batch>) -> Result<Found> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let error = |reason: String| EcontError::Columns { file: file.to_owned(), reason };
    let family = |prefix: &str| -> Vec<String> { (0..CELLS).map(|i| format!("{prefix}_{i}")).collect() };
    let has = |name: &String| columns.contains(&name.as_str());
    let calq = family("CALQ");
    let present = calq.iter().filter(|name| has(name)).count();
    if present == CELLS {
        return Ok(Found { names: calq, numbered: false });
    }
    if present > 0 {
        let missing = calq.iter().find(|name| !has(name)).map_or("", String::as_str);
        return Err(error(format!("{present} of the columns CALQ_0 to CALQ_47 are there, {missing} is missing")));
    }
    // no header: the reader has called the columns c0, c1, ...
    if columns.iter().enumerate().all(|(i, name)| *name == format!("c{i}")) {
        if columns.len() < CELLS {
            return Err(error(format!("{} columns, a wafer needs 48 charges", columns.len())));
        }
        let head = first_rows()?;
        if columns.len() == CELLS + 1 && counts_rows(&head, columns.first().copied().unwrap_or_default())? {
            return Ok(Found { names: owned(columns.get(1..).unwrap_or_default()), numbered: false });
        }
        let names = owned(columns.get(..CELLS).unwrap_or_default());
        let numbered = is_numbered(&head, &names)?;
        return Ok(Found { names, numbered });
    }
    let mut prefixes: Vec<&str> = columns.iter().filter_map(|name| name.strip_suffix("_47")).collect();
    prefixes.retain(|prefix| family(prefix).iter().all(has));
    match prefixes.as_slice() {
        [only] => return Ok(Found { names: family(only), numbered: false }),
        [] => {}
        [first, second, ..] => {
            let reason =
                format!("both {first}_0.. and {second}_0.. are 48 numbered columns: name the charges CALQ_0..");
            return Err(error(reason));
        }
    }
    // an index without a name in front of 48 charges
    let rest = match columns.split_first() {
        Some((first, rest)) if first.is_empty() || *first == "index" || first.starts_with("Unnamed") => rest,
        _ => columns,
    };
    let numbers: Vec<String> = (0..CELLS).map(|i| i.to_string()).collect();
    if numbers.iter().all(|name| rest.contains(&name.as_str())) {
        return Ok(Found { names: numbers, numbered: false });
    }
    if rest.len() == CELLS {
        return Ok(Found { names: owned(rest), numbered: false });
    }
    Err(error(format!("{} columns without CALQ_0 to CALQ_47: a wafer needs 48 charges", columns.len())))
}

fn first_rows(address: &Address) -> Result<Batch> {
    Ok(recoil_table::open_at(address, &ReadOptions::default().rows(0..3))?.read_all()?)
}

/// Whether a column holds 0, 1, 2, ... or 1, 2, 3, ...
fn counts_rows(head: &Batch, name: &str) -> Result<bool> {
    let values = head.scalar_as::<f64>(name)?;
    let first = values.first().copied().unwrap_or(f64::NAN);
    Ok(values.len() > 1
        && (first == 0.0 || first == 1.0)
        && values.iter().enumerate().all(|(i, &value)| value == first + i as f64))
}

/// Whether the first row holds the numbers 0 to 47: a header.
fn is_numbered(head: &Batch, names: &[String]) -> Result<bool> {
    for (i, name) in names.iter().enumerate() {
        let column = head.column(name)?;
        if column.is_empty() || !column.data_type().is_numeric() {
            return Ok(false);
        }
        if head.scalar_as::<f64>(name)?.first().copied() != Some(i as f64) {
            return Ok(false);
        }
    }
    Ok(true)
}
