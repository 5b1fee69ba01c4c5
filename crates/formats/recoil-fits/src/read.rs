//! Bytes to tables.

use crate::Fits;
use crate::card::{Card, Value, WIDTH};
use crate::error::{FitsError, Result};
use crate::table::{Column, Table, Values};
use crate::write::BLOCK;
use flate2::read::MultiGzDecoder;
use std::io::Read as _;
use std::path::Path;

/// A compressed file may not grow beyond this.
const LARGEST: u64 = 4 << 30;

impl Fits {
    /// Reads a file, also a compressed one.
    ///
    /// # Errors
    /// A file that is damaged, or has columns that are not supported.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |source| FitsError::File { path: path.to_owned(), source };
        let mut bytes = std::fs::read(path).map_err(failed)?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut plain = Vec::new();
            MultiGzDecoder::new(bytes.as_slice()).take(LARGEST).read_to_end(&mut plain).map_err(failed)?;
            bytes = plain;
        }
        Self::from_bytes(&path.display().to_string(), &bytes)
    }

    /// Takes the bytes of a file apart; `file` is what errors call it.
    ///
    /// # Errors
    /// As [`Fits::read`].
    pub fn from_bytes(file: &str, bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader { file, bytes, at: 0 };
        let (start, primary) = (0, reader.header()?);
        if !matches!(primary.first(), Some(Card { key, value: Value::Logical(true), .. }) if key == "SIMPLE") {
            return Err(reader.wrong(start, "the file does not begin with SIMPLE = T: no FITS file"));
        }
        reader.skip_data(&primary)?;
        let mut fits = Self { primary: without(primary, &["SIMPLE", "BITPIX", "NAXIS", "EXTEND"]), tables: Vec::new() };
        while reader.at < bytes.len() {
            if bytes[reader.at..].iter().all(|byte| *byte == 0) {
                break;
            }
            let start = reader.at;
            let cards = reader.header()?;
            if text(&cards, "XTENSION") == Some("BINTABLE") {
                fits.tables.push(reader.table(start, cards)?);
            } else {
                reader.skip_data(&cards)?;
            }
        }
        Ok(fits)
    }
}

struct Reader<'a> {
    file: &'a str,
    bytes: &'a [u8],
    at: usize,
}

fn find<'a>(cards: &'a [Card], key: &str) -> Option<&'a Value> {
    cards.iter().find(|card| card.key == key).map(|card| &card.value)
}

fn text<'a>(cards: &'a [Card], key: &str) -> Option<&'a str> {
    match find(cards, key) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Cards other than those whose keyword is one of `words`, or one of them with a number behind.
fn without(cards: Vec<Card>, words: &[&str]) -> Vec<Card> {
    let plain = |key: &str| key.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    cards.into_iter().filter(|card| !words.contains(&plain(&card.key).as_str())).collect()
}

impl Reader<'_> {
    fn wrong(&self, byte: usize, message: impl Into<String>) -> FitsError {
        FitsError::Format { file: self.file.to_owned(), byte, message: message.into() }
    }

    /// The cards up to `END`; continued texts are joined.
    fn header(&mut self) -> Result<Vec<Card>> {
        let mut cards: Vec<Card> = Vec::new();
        loop {
            let byte = self.at;
            let line = self.bytes.get(byte..byte + WIDTH);
            let line = line.ok_or_else(|| self.wrong(byte, "the file ends in a header without END"))?;
            if !line.iter().all(|byte| (b' '..=b'~').contains(byte)) {
                return Err(self.wrong(byte, "the header has a byte that is no printable character"));
            }
            self.at += WIDTH;
            let line = String::from_utf8_lossy(line);
            if line.trim_end() == "END" {
                self.at = self.at.next_multiple_of(BLOCK);
                return Ok(cards);
            }
            if line.trim_end().is_empty() {
                continue;
            }
            let card = Card::parse(&line).map_err(|message| self.wrong(byte, message))?;
            match (card.key.as_str(), cards.last_mut()) {
                ("CONTINUE", Some(Card { value: Value::Text(text), .. })) if text.ends_with('&') => {
                    text.pop();
                    if let Value::Text(more) = card.value {
                        text.push_str(&more);
                    }
                }
                _ => cards.push(card),
            }
        }
    }

    fn natural(&self, cards: &[Card], key: &str) -> Result<usize> {
        match find(cards, key) {
            Some(Value::Integer(value)) => usize::try_from(*value).ok(),
            _ => None,
        }
        .ok_or_else(|| self.wrong(self.at, format!("the header before has no number {key}")))
    }

    /// Bytes of the data after a header, without filling.
    fn data_size(&self, cards: &[Card]) -> Result<usize> {
        let axes = self.natural(cards, "NAXIS")?;
        if axes == 0 {
            return Ok(0);
        }
        let bits = match find(cards, "BITPIX") {
            Some(Value::Integer(bits @ (8 | 16 | 32 | 64 | -32 | -64))) => bits.unsigned_abs() as usize,
            _ => return Err(self.wrong(self.at, "the header before has no valid BITPIX")),
        };
        if axes > 999 {
            return Err(self.wrong(self.at, format!("NAXIS is {axes}")));
        }
        let mut size = Some(1_usize);
        for axis in 1..=axes {
            let length = self.natural(cards, &format!("NAXIS{axis}"))?;
            size = size.and_then(|size| size.checked_mul(length));
        }
        let heap = self.natural(cards, "PCOUNT").unwrap_or(0);
        let size = size.and_then(|size| size.checked_add(heap)).and_then(|size| size.checked_mul(bits / 8));
        let rest = self.bytes.len().saturating_sub(self.at);
        size.filter(|size| *size <= rest).ok_or_else(|| {
            self.wrong(self.at, format!("the data that the header announces do not fit into the last {rest} bytes"))
        })
    }

    fn skip_data(&mut self, cards: &[Card]) -> Result<()> {
        let size = self.data_size(cards)?;
        self.at += size.next_multiple_of(BLOCK);
        Ok(())
    }

    fn table(&mut self, start: usize, cards: Vec<Card>) -> Result<Table> {
        let (data, size) = (self.at, self.data_size(&cards)?);
        let (width, rows, fields) =
            (self.natural(&cards, "NAXIS1")?, self.natural(&cards, "NAXIS2")?, self.natural(&cards, "TFIELDS")?);
        if fields > 999 {
            return Err(self.wrong(start, format!("TFIELDS is {fields}, at most 999 are allowed")));
        }
        if width.checked_mul(rows).is_none_or(|bytes| bytes > size) {
            return Err(self.wrong(start, format!("{rows} rows of {width} bytes do not fit into {size} bytes")));
        }
        let mut columns = Vec::with_capacity(fields);
        let mut offset = 0;
        for index in 1..=fields {
            let name = text(&cards, &format!("TTYPE{index}")).map_or_else(|| format!("col{index}"), str::to_owned);
            let wrong = |message: String| self.wrong(start, format!("column {index} '{name}': {message}"));
            let form = text(&cards, &format!("TFORM{index}")).ok_or_else(|| wrong("TFORM is missing".into()))?;
            let (repeat, code) = form_of(form).ok_or_else(|| wrong(format!("TFORM = '{form}' is not supported")))?;
            for key in ["TSCAL", "TZERO"] {
                let neutral = if key == "TSCAL" { 1.0 } else { 0.0 };
                let other = match find(&cards, &format!("{key}{index}")) {
                    Some(Value::Integer(value)) => *value as f64 != neutral,
                    Some(Value::Float(value)) => *value != neutral,
                    _ => false,
                };
                if other {
                    return Err(wrong(format!("scaled columns ({key}) are not supported")));
                }
            }
            let length = repeat.checked_mul(code.1).filter(|length| offset + length <= width);
            let length = length.ok_or_else(|| wrong(format!("it reaches over the row of {width} bytes")))?;
            let cells = (0..rows).map(|row| &self.bytes[data + row * width + offset..][..length]);
            let values = values(code.0, cells).ok_or_else(|| wrong(format!("TFORM = '{form}' is not supported")))?;
            offset += length;
            let shape = match text(&cards, &format!("TDIM{index}")) {
                Some(shape) => shape_of(shape, repeat)
                    .ok_or_else(|| wrong(format!("TDIM = '{shape}' does not fit TFORM = '{form}'")))?,
                None if repeat == 1 || code.0 == b'A' => Vec::new(),
                None => vec![repeat],
            };
            let unit = text(&cards, &format!("TUNIT{index}")).unwrap_or_default().to_owned();
            columns.push(Column { name, unit, shape, values });
        }
        self.at = data + size.next_multiple_of(BLOCK);
        let name = text(&cards, "EXTNAME").unwrap_or_default().to_owned();
        let structure = [
            "XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "TFIELDS", "TTYPE", "TFORM", "TUNIT", "TDIM", "EXTNAME",
        ];
        let mut table = Table::new(&name, rows, columns)?;
        table.cards = without(cards, &structure);
        Ok(table)
    }
}

/// Elements of a cell, type code and bytes per element.
fn form_of(form: &str) -> Option<(usize, (u8, usize))> {
    let digits = form.bytes().take_while(u8::is_ascii_digit).count();
    let (count, code) = form.split_at(digits);
    let repeat = if count.is_empty() { 1 } else { count.parse().ok()? };
    let code = *code.as_bytes().first()?;
    let size = match code {
        b'L' | b'B' | b'A' => 1,
        b'I' => 2,
        b'J' | b'E' => 4,
        b'K' | b'D' => 8,
        _ => return None,
    };
    Some((repeat, (code, size)))
}

/// Lengths in `(a,b,c)`, if their product is `repeat`.
fn shape_of(text: &str, repeat: usize) -> Option<Vec<usize>> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    let lengths: Option<Vec<usize>> = inner.split(',').map(|length| length.trim().parse().ok()).collect();
    let product = lengths.as_ref()?.iter().try_fold(1_usize, |product, length| product.checked_mul(*length));
    lengths.filter(|_| product == Some(repeat))
}

fn values<'a>(code: u8, cells: impl Iterator<Item = &'a [u8]>) -> Option<Values> {
    fn all<'a, const N: usize, T>(cells: impl Iterator<Item = &'a [u8]>, of: impl Fn([u8; N]) -> T) -> Vec<T> {
        cells.flat_map(|cell| cell.as_chunks::<N>().0).map(|bytes| of(*bytes)).collect()
    }
    Some(match code {
        b'D' => Values::Double(all(cells, f64::from_be_bytes)),
        b'E' => Values::Single(all(cells, f32::from_be_bytes)),
        b'K' => Values::Long(all(cells, i64::from_be_bytes)),
        b'J' => Values::Int(all(cells, i32::from_be_bytes)),
        b'I' => Values::Short(all(cells, i16::from_be_bytes)),
        b'B' => Values::Byte(all(cells, u8::from_be_bytes)),
        b'L' => Values::Logical(all(cells, |byte: [u8; 1]| byte == *b"T")),
        b'A' => Values::Text(
            cells
                .map(|cell| {
                    let end = cell.iter().position(|byte| *byte == 0).unwrap_or(cell.len());
                    String::from_utf8_lossy(&cell[..end]).trim_end().to_owned()
                })
                .collect(),
        ),
        _ => return None,
    })
}
