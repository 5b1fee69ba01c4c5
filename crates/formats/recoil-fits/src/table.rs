//! Binary tables.

use crate::card::Card;
use crate::error::{FitsError, Result};

/// The numbers of a column, row after row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Double precision (`D`).
    Double(Vec<f64>),
    /// Single precision (`E`).
    Single(Vec<f32>),
    /// 64 bits (`K`).
    Long(Vec<i64>),
    /// 32 bits (`J`).
    Int(Vec<i32>),
    /// 16 bits (`I`).
    Short(Vec<i16>),
    /// 8 bits (`B`).
    Byte(Vec<u8>),
    /// Yes or no (`L`).
    Logical(Vec<bool>),
    /// Characters (`A`), one text per row.
    Text(Vec<String>),
}

impl Values {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Double(values) => values.len(),
            Self::Single(values) => values.len(),
            Self::Long(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::Short(values) => values.len(),
            Self::Byte(values) => values.len(),
            Self::Logical(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Double(_) | Self::Single(_) => "numbers",
            Self::Long(_) | Self::Int(_) | Self::Short(_) | Self::Byte(_) => "whole numbers",
            Self::Logical(_) => "logical values",
            Self::Text(_) => "text",
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name (`TTYPE`).
    pub name: String,
    /// Unit (`TUNIT`); empty for none.
    pub unit: String,
    /// Lengths of the array in a cell, the fastest index first (`TDIM`); empty for one number per row.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Values,
}

impl Column {
    /// A column with one value per row and no unit.
    pub fn new(name: &str, values: Values) -> Self {
        Self { name: name.to_owned(), unit: String::new(), shape: Vec::new(), values }
    }

    /// With a unit.
    #[must_use]
    pub fn unit(mut self, unit: &str) -> Self {
        unit.clone_into(&mut self.unit);
        self
    }

    /// With an array in every cell, the fastest index first.
    #[must_use]
    pub fn shape(mut self, shape: &[usize]) -> Self {
        self.shape = shape.to_vec();
        self
    }

    /// Elements in a cell.
    pub fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// The numbers in double precision.
    ///
    /// # Errors
    /// A column of text.
    pub fn doubles(&self) -> Result<Vec<f64>> {
        Ok(match &self.values {
            Values::Double(values) => values.clone(),
            Values::Single(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Values::Long(values) => values.iter().map(|value| *value as f64).collect(),
            Values::Int(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Values::Short(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Values::Byte(values) => values.iter().map(|value| f64::from(*value)).collect(),
            Values::Logical(_) | Values::Text(_) => {
                let found = self.values.kind();
                return Err(FitsError::Type { column: self.name.clone(), found, expected: "numbers" });
            }
        })
    }
}

/// A binary table.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Name (`EXTNAME`).
    pub name: String,
    /// Cards other than those that describe the columns.
    pub cards: Vec<Card>,
    /// Number of rows.
    pub rows: usize,
    /// Columns.
    pub columns: Vec<Column>,
}

impl Table {
    /// A table.
    ///
    /// # Errors
    /// A column whose numbers are not as many as its shape and the rows ask for.
    pub fn new(name: &str, rows: usize, columns: Vec<Column>) -> Result<Self> {
        for column in &columns {
            let expected = rows * column.width();
            if column.values.len() != expected {
                let message = format!(
                    "column '{}' of shape {:?} has {} values for {rows} rows, expected {expected}",
                    column.name,
                    column.shape,
                    column.values.len()
                );
                return Err(FitsError::Table { table: name.to_owned(), message });
            }
        }
        Ok(Self { name: name.to_owned(), cards: Vec::new(), rows, columns })
    }

    /// With another card.
    #[must_use]
    pub fn card(mut self, card: Card) -> Self {
        self.cards.push(card);
        self
    }

    /// The card with this keyword.
    pub fn find(&self, key: &str) -> Option<&Card> {
        self.cards.iter().find(|card| card.key == key)
    }

    /// The column with this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn column(&self, name: &str) -> Result<&Column> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
            FitsError::Missing { what: "column", name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// The numbers of the column with this name.
    ///
    /// # Errors
    /// When there is none, or it holds text.
    pub fn doubles(&self, name: &str) -> Result<Vec<f64>> {
        self.column(name)?.doubles()
    }
}
