//! FITS files (Flexible Image Transport System, version 4.0): a primary header without data, then binary tables.
//!
//! That is the part of the format in which astronomers keep event lists and instrument responses. Images are skipped in
//! reading; columns of varying length and scaled columns other than unsigned numbers are refused by name.
//!
//! ```
//! use recoil_fits::{Card, Column, Fits, Table, Values};
//!
//! let energies = Column::new("ENERG_LO", Values::Double(vec![0.1, 1.0])).unit("TeV").shape(&[2]);
//! let table = Table::new("EFFECTIVE AREA", 1, vec![energies])?.card(Card::text("HDUCLASS", "GADF", "format"));
//! let fits = Fits { primary: vec![Card::text("CREATOR", "recoil", "")], tables: vec![table] };
//! let back = Fits::from_bytes("memory", &fits.to_bytes()?)?;
//! assert_eq!(back.table("EFFECTIVE AREA")?.doubles("ENERG_LO")?, [0.1, 1.0]);
//! # Ok::<(), recoil_fits::FitsError>(())
//! ```

mod card;
mod error;
mod read;
mod table;
mod write;

pub use card::{Card, Value};
pub use error::{FitsError, Result};
pub use table::{Column, Table, Values};

/// A file: cards of the primary header (without the obligatory ones), then tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fits {
    /// Cards of the primary header.
    pub primary: Vec<Card>,
    /// Tables in the order of the file.
    pub tables: Vec<Table>,
}

impl Fits {
    /// The table with this `EXTNAME`.
    ///
    /// # Errors
    /// When there is none.
    pub fn table(&self, name: &str) -> Result<&Table> {
        let found = self.tables.iter().find(|table| table.name == name);
        found.ok_or_else(|| {
            let known: Vec<&str> = self.tables.iter().map(|table| table.name.as_str()).collect();
            FitsError::Missing { what: "table", name: name.to_owned(), known: known.join(", ") }
        })
    }
}
