//! A golden table in memory: numbers as f64, labels as text.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_cast::cast;
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use recoil_hgcal::data::{EventBatch, TriggerCell};

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/hgcal").join(name)
}

#[derive(Default)]
pub struct Frame {
    pub rows: usize,
    numbers: BTreeMap<String, Vec<f64>>,
    labels: BTreeMap<String, Vec<String>>,
}

impl Frame {
    pub fn read(name: &str) -> Frame {
        let file = File::open(path(&format!("{name}.parquet"))).unwrap();
        let mut frame = Frame::default();
        for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
            let batch = batch.unwrap();
            frame.rows += batch.num_rows();
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                if field.data_type().is_numeric() {
                    let column = cast(column, &DataType::Float64).unwrap();
                    let values = column.as_primitive::<Float64Type>().values();
                    frame.numbers.entry(field.name().clone()).or_default().extend_from_slice(values);
                } else {
                    let column = cast(column, &DataType::Utf8).unwrap();
                    let values = column.as_string::<i32>().iter().map(|v| v.unwrap().to_owned());
                    frame.labels.entry(field.name().clone()).or_default().extend(values);
                }
            }
        }
        frame
    }

    pub fn number(&self, name: &str, row: usize) -> f64 {
        self.numbers[name][row]
    }

    pub fn label(&self, name: &str, row: usize) -> &str {
        &self.labels[name][row]
    }

    /// Rows of each (sample, event) that pass `keep`, in file order.
    pub fn events(&self, keep: impl Fn(&Frame, usize) -> bool) -> BTreeMap<(String, i64), Vec<usize>> {
        let mut events: BTreeMap<(String, i64), Vec<usize>> = BTreeMap::new();
        for row in (0..self.rows).filter(|&row| keep(self, row)) {
            let key = (self.label("sample", row).to_owned(), self.number("event", row) as i64);
            events.entry(key).or_default().push(row);
        }
        events
    }
}

/// The trigger cells of all events, in the order of (sample, event).
pub fn events() -> EventBatch {
    let tcs = Frame::read("tcs");
    let mut batch = EventBatch::default();
    for ((sample, event), rows) in tcs.events(|_, _| true) {
        for row in rows {
            let int = |name: &str| tcs.number(name, row) as i32;
            let float = |name: &str| tcs.number(name, row) as f32;
            batch.cells.push(TriggerCell {
                wu: int("tc_wu"),
                wv: int("tc_wv"),
                cu: int("tc_cu"),
                cv: int("tc_cv"),
                layer: int("tc_layer"),
                subdet: 1,
                pt: float("tc_pt"),
                mip_pt: float("tc_mipPt"),
                energy: float("tc_energy"),
                x: float("tc_x"),
                y: float("tc_y"),
                z: float("tc_z"),
                eta: float("tc_eta"),
                phi: float("tc_phi"),
            });
        }
        batch.sample.push(sample);
        batch.finish_event(event);
    }
    batch
}

/// Counts disagreements, prints the first few, and fails at the end if there was any.
#[derive(Default)]
pub struct Mismatches {
    compared: usize,
    found: usize,
    worst: f64,
}

impl Mismatches {
    pub fn close(&mut self, what: impl FnOnce() -> String, mine: f64, golden: f64, relative: f64) {
        self.compared += 1;
        let difference = if mine == golden { 0.0 } else { (mine - golden).abs() / golden.abs().max(1e-12) };
        self.worst = self.worst.max(difference);
        if difference.is_nan() || difference > relative {
            self.report(&format!("{}: {mine} instead of {golden}", what()));
        }
    }

    pub fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: impl FnOnce() -> String, mine: T, golden: T) {
        self.compared += 1;
        if mine != golden {
            self.report(&format!("{}: {mine:?} instead of {golden:?}", what()));
        }
    }

    fn report(&mut self, line: &str) {
        self.found += 1;
        if self.found <= 10 {
            println!("{line}");
        }
    }

    pub fn finish(self, table: &str) {
        println!("{table}: {} compared, {} mismatches, worst relative {:.1e}", self.compared, self.found, self.worst);
        assert!(self.compared > 0, "{table}: nothing was compared");
        assert_eq!(self.found, 0, "{table}");
    }
}
