//! Tables to bytes.

use crate::Fits;
use crate::card::Card;
use crate::error::{FitsError, Result};
use crate::table::{Column, Table, Values};
use flate2::{Compression, GzBuilder};
use std::io::Write as _;
use std::path::Path;

/// Headers and data are filled up to multiples of this.
pub(crate) const BLOCK: usize = 2880;

impl Fits {
    /// The bytes of a file.
    ///
    /// # Errors
    /// Names or texts that FITS cannot hold.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let start = [
            Card::logical("SIMPLE", true, "conforms to FITS standard"),
            Card::integer("BITPIX", 8, "array data type"),
            Card::integer("NAXIS", 0, "number of array dimensions"),
            Card::logical("EXTEND", true, ""),
        ];
        header(&mut bytes, start.iter().chain(&self.primary))?;
        for table in &self.tables {
            table.write(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// Writes a file, compressed if its name ends in `.gz`.
    ///
    /// # Errors
    /// As [`Fits::to_bytes`], and when the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = self.to_bytes()?;
        let packed = |bytes: Vec<u8>| -> std::io::Result<Vec<u8>> {
            if path.extension().is_none_or(|extension| extension != "gz") {
                return Ok(bytes);
            }
            // no name and time in the header: the same tables give the same bytes
            let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(6));
            encoder.write_all(&bytes)?;
            encoder.finish()
        };
        packed(bytes)
            .and_then(|bytes| std::fs::write(path, bytes))
            .map_err(|source| FitsError::File { path: path.to_owned(), source })
    }
}

fn header<'a>(bytes: &mut Vec<u8>, cards: impl Iterator<Item = &'a Card>) -> Result<()> {
    for card in cards {
        card.write(bytes)?;
    }
    bytes.extend(format!("{:<80}", "END").bytes());
    fill(bytes, b' ');
    Ok(())
}

fn fill(bytes: &mut Vec<u8>, with: u8) {
    bytes.resize(bytes.len().next_multiple_of(BLOCK), with);
}

impl Table {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<()> {
        let cells: Vec<(char, usize, usize)> = self.columns.iter().map(Column::form).collect();
        let row: usize = cells.iter().map(|(_, repeat, size)| repeat * size).sum();
        let mut cards = vec![
            Card::text("XTENSION", "BINTABLE", "binary table extension"),
            Card::integer("BITPIX", 8, "array data type"),
            Card::integer("NAXIS", 2, "number of array dimensions"),
            Card::integer("NAXIS1", row as i64, "bytes of a row"),
            Card::integer("NAXIS2", self.rows as i64, "number of rows"),
            Card::integer("PCOUNT", 0, "number of group parameters"),
            Card::integer("GCOUNT", 1, "number of groups"),
            Card::integer("TFIELDS", self.columns.len() as i64, "number of columns"),
        ];
        for (index, (column, (code, repeat, _))) in self.columns.iter().zip(&cells).enumerate() {
            let key = |word: &str| format!("{word}{}", index + 1);
            cards.push(Card::text(&key("TTYPE"), &column.name, ""));
            cards.push(Card::text(&key("TFORM"), &format!("{repeat}{code}"), ""));
            if !column.unit.is_empty() {
                cards.push(Card::text(&key("TUNIT"), &column.unit, ""));
            }
            if !column.shape.is_empty() {
                let lengths: Vec<String> = column.shape.iter().map(ToString::to_string).collect();
                cards.push(Card::text(&key("TDIM"), &format!("({})", lengths.join(",")), ""));
            }
        }
        cards.push(Card::text("EXTNAME", &self.name, ""));
        header(bytes, cards.iter().chain(&self.cards))?;
        for index in 0..self.rows {
            for (column, (_, repeat, _)) in self.columns.iter().zip(&cells) {
                column.put(index, *repeat, bytes);
            }
        }
        fill(bytes, 0);
        Ok(())
    }
}

impl Column {
    /// Type code, elements per cell, bytes per element.
    fn form(&self) -> (char, usize, usize) {
        let width = self.width();
        match &self.values {
            Values::Double(_) => ('D', width, 8),
            Values::Single(_) => ('E', width, 4),
            Values::Long(_) => ('K', width, 8),
            Values::Int(_) => ('J', width, 4),
            Values::Short(_) => ('I', width, 2),
            Values::Byte(_) => ('B', width, 1),
            Values::Logical(_) => ('L', width, 1),
            Values::Text(texts) => ('A', texts.iter().map(String::len).max().unwrap_or(0).max(1), 1),
        }
    }

    fn put(&self, row: usize, repeat: usize, bytes: &mut Vec<u8>) {
        let cell = row * repeat..(row + 1) * repeat;
        match &self.values {
            Values::Double(values) => bytes.extend(values[cell].iter().flat_map(|value| value.to_be_bytes())),
            Values::Single(values) => bytes.extend(values[cell].iter().flat_map(|value| value.to_be_bytes())),
            Values::Long(values) => bytes.extend(values[cell].iter().flat_map(|value| value.to_be_bytes())),
            Values::Int(values) => bytes.extend(values[cell].iter().flat_map(|value| value.to_be_bytes())),
            Values::Short(values) => bytes.extend(values[cell].iter().flat_map(|value| value.to_be_bytes())),
            Values::Byte(values) => bytes.extend(&values[cell]),
            Values::Logical(values) => bytes.extend(values[cell].iter().map(|value| if *value { b'T' } else { b'F' })),
            Values::Text(texts) => {
                let start = bytes.len();
                bytes.extend(texts[row].bytes());
                bytes.resize(start + repeat, b' ');
            }
        }
    }
}
