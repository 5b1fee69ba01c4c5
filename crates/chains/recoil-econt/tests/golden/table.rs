//! Golden tables in memory, and the count of what differs.

use recoil_table::ReadOptions;

/// Columns by name.
pub struct Table {
    pub names: Vec<String>,
    pub columns: Vec<Vec<f64>>,
}

/// Reads `testdata/golden/econt/NAME`.
pub fn read(name: &str) -> Table {
    let path = format!("{}/../../../testdata/golden/econt/{name}", env!("CARGO_MANIFEST_DIR"));
    let batch = recoil_table::open(&path, &ReadOptions::default()).unwrap().read_all().unwrap();
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    let columns = names.iter().map(|name| match batch.scalar_as::<f64>(name) {
        Ok(values) => values.into_owned(),
        // words, such as hexadecimal ones
        Err(_) => vec![f64::NAN; batch.rows()],
    });
    let columns = columns.collect();
    Table { names, columns }
}

impl Table {
    pub fn rows(&self) -> usize {
        self.columns[0].len()
    }

    pub fn column(&self, name: &str) -> &[f64] {
        let place = self.names.iter().position(|known| known == name).unwrap_or_else(|| panic!("no column {name}"));
        &self.columns[place]
    }

    pub fn ints(&self, name: &str) -> Vec<i64> {
        self.column(name).iter().map(|&value| value as i64).collect()
    }

    /// `N` numbered columns as one array per row.
    pub fn family<const N: usize>(&self, prefix: &str) -> Vec<[u32; N]> {
        let columns: Vec<&[f64]> = (0..N).map(|i| self.column(&format!("{prefix}_{i}"))).collect();
        (0..self.rows()).map(|row| std::array::from_fn(|i| columns[i][row] as u32)).collect()
    }

    /// The first `N` columns as one array per row.
    pub fn first<const N: usize>(&self) -> Vec<[f64; N]> {
        (0..self.rows()).map(|row| std::array::from_fn(|i| self.columns[i][row])).collect()
    }
}

/// Counts what differs and shows the first of it.
pub struct Mismatches {
    what: String,
    compared: usize,
    found: usize,
}

impl Mismatches {
    pub fn of(what: &str) -> Self {
        Self { what: what.to_owned(), compared: 0, found: 0 }
    }

    pub fn compare<T: PartialEq + std::fmt::Debug>(&mut self, place: impl std::fmt::Display, got: T, expected: T) {
        self.compared += 1;
        if got != expected {
            if self.found < 5 {
                println!("{}: {place}: got {got:?}, expected {expected:?}", self.what);
            }
            self.found += 1;
        }
    }

    pub fn close(&mut self, place: impl std::fmt::Display, got: f64, expected: f64, tolerance: f64) {
        let near = (got - expected).abs() <= tolerance || (got.is_nan() && expected.is_nan());
        let shown = if near { expected } else { got };
        self.compare(place, shown, expected);
    }

    pub fn none(self) {
        println!("{}: {} compared, {} differ", self.what, self.compared, self.found);
        assert!(self.compared > 0, "{}: nothing was compared", self.what);
        assert_eq!(self.found, 0, "{}", self.what);
    }
}
