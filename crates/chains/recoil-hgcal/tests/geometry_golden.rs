//! Outlines of the display against the tables that the reference program wrote.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_hgcal::geometry::{Point, scintillator, silicon};
use std::collections::BTreeMap;

struct Csv {
    columns: BTreeMap<String, Vec<f64>>,
    rows: usize,
}

impl Csv {
    fn read(name: &str) -> Self {
        let path = format!("{}/../../../testdata/golden/hgcal/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap().split(',').collect();
        let mut columns: BTreeMap<String, Vec<f64>> = names.iter().map(|n| (n.to_string(), vec![])).collect();
        let mut rows = 0;
        for line in lines {
            for (name, word) in names.iter().zip(line.split(',')) {
                columns.get_mut(*name).unwrap().push(word.parse().unwrap());
            }
            rows += 1;
        }
        Self { columns, rows }
    }

    fn float(&self, name: &str, row: usize) -> f64 {
        self.columns[name][row]
    }

    fn int(&self, name: &str, row: usize) -> i32 {
        self.float(name, row) as i32
    }

    fn point(&self, x: &str, y: &str, row: usize) -> Point {
        Point { x: self.float(x, row), y: self.float(y, row) }
    }
}

fn close(a: Point, b: Point, tolerance: f64) -> bool {
    (a.x - b.x).abs() <= tolerance && (a.y - b.y).abs() <= tolerance
}

#[test]
fn silicon_outlines_equal_the_reference() {
    let golden = Csv::read("geometry_si_corners.csv");
    let mut mismatches = [0; 4];
    for row in 0..golden.rows {
        let [u, v, cu, cv, layer, orientation, subdetector] =
            ["waferu", "waferv", "triggercellu", "triggercellv", "layer", "waferorient", "subdet"]
                .map(|name| golden.int(name, row));
        let origin = silicon::wafer_origin(u, v, layer, subdetector);
        let cell = silicon::cell_offset(cu, cv);
        let cell = Point { x: origin.x + cell.x, y: origin.y + cell.y };
        mismatches[0] += usize::from(!close(cell, golden.point("tc_x", "tc_y", row), 1e-6));
        let centre = silicon::display_centre(u, v, layer, subdetector);
        mismatches[1] += usize::from(!close(centre, golden.point("wx_center", "wy_center", row), 1e-6));
        let block = silicon::rhombus(orientation, cu, cv).unwrap();
        for (k, corner) in silicon::rhombus_corners(block, cell).into_iter().enumerate() {
            let expected = golden.point(&format!("dx{k}"), &format!("dy{k}"), row);
            mismatches[2] += usize::from(!close(corner, expected, 1e-9));
        }
        for (k, corner) in silicon::hexagon_corners(centre).into_iter().enumerate() {
            let expected = golden.point(&format!("hx{k}"), &format!("hy{k}"), row);
            mismatches[3] += usize::from(!close(corner, expected, 1e-6));
        }
    }
    println!("{} cells; mismatches of points, centres, rhombi, hexagons: {mismatches:?}", golden.rows);
    assert_eq!((golden.rows, mismatches), (1152, [0; 4]));
}

#[test]
fn scintillator_outlines_equal_the_reference() {
    let golden = Csv::read("geometry_sci_wedges.csv");
    let mut rings: BTreeMap<i32, (i32, i32)> = BTreeMap::new();
    for row in 0..golden.rows {
        let (layer, ieta) = (golden.int("layer", row), golden.int("triggercellieta", row));
        let range = rings.entry(layer).or_insert((ieta, ieta));
        *range = (range.0.min(ieta), range.1.max(ieta));
    }
    let mut mismatches = 0;
    for row in 0..golden.rows {
        let (layer, ieta) = (golden.int("layer", row), golden.int("triggercellieta", row));
        let edge = match rings[&layer] {
            (first, _) if ieta == first => scintillator::RingEdge::Innermost,
            (_, last) if ieta == last => scintillator::RingEdge::Outermost,
            _ => scintillator::RingEdge::Between,
        };
        let wedge = scintillator::wedge(golden.point("x", "y", row), layer, edge);
        let pairs =
            [(wedge.r_min, "rmin"), (wedge.r_max, "rmax"), (wedge.phi_min, "phimin"), (wedge.phi_max, "phimax")];
        mismatches += pairs.iter().filter(|(ours, name)| (ours - golden.float(name, row)).abs() > 1e-7).count();
    }
    println!("{} wedges; {mismatches} mismatches", golden.rows);
    assert_eq!((golden.rows, mismatches), (216, 0));
}
