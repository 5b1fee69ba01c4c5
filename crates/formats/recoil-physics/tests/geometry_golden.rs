//! Geometry against numbers of the reference chain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use recoil_physics::{angle, hexagon};

#[test]
fn r_over_z_and_hexagonal_distances_of_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/hgcal/aux_expected.json");
    let expected: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let ratios = expected["calcRzFromEta"].as_object().unwrap();
    assert_eq!(ratios.len(), 4);
    for (eta, ratio) in ratios {
        let found = angle::r_over_z(eta.parse().unwrap());
        assert!((found / ratio.as_f64().unwrap() - 1.0).abs() < 1e-12, "eta {eta}: {found} for {ratio}");
    }
    let distances = expected["hexdist"].as_array().unwrap();
    assert_eq!(distances.len(), 49);
    for row in distances {
        let number = |column: usize| row[column].as_f64().unwrap();
        let found = hexagon::distance((0, 0), (number(0) as i32, number(1) as i32));
        assert_eq!(f64::from(found), number(2), "{row}");
    }
}
