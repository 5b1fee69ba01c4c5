//! Files there and back, and damaged ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use recoil_fits::{Card, Column, Fits, FitsError, Table, Value, Values};
use std::path::Path;

fn example() -> Fits {
    let all = vec![
        Column::new("D", Values::Double(vec![0.1, f64::NAN, -1e300, 4.0, 5.0, 6.0])).unit("TeV").shape(&[3]),
        Column::new("MATRIX", Values::Single((0..12).map(|v| v as f32).collect())).shape(&[3, 2]),
        Column::new("K", Values::Long(vec![i64::MIN, 7])),
        Column::new("J", Values::Int(vec![-1, 2])),
        Column::new("I", Values::Short(vec![-3, 4])),
        Column::new("B", Values::Byte(vec![255, 0])),
        Column::new("L", Values::Logical(vec![true, false])),
        Column::new("A", Values::Text(vec!["first".into(), "it".into()])),
    ];
    let long =
        "a text of more than sixty-eight characters that isn't kept on one card, 'quotes' and all, to the very end";
    let table = Table::new("ALL TYPES", 2, all).unwrap().card(Card::text("LONG", long, ""));
    let table = table.card(Card::float("ETRUE_SCALE", 1.5, "")).card(Card::integer("ZERO", 0, "nothing"));
    let empty = Table::new("EMPTY", 0, vec![Column::new("X", Values::Double(Vec::new())).unit("m")]).unwrap();
    Fits { primary: vec![Card::text("CREATOR", "recoil", "")], tables: vec![table, empty] }
}

fn same(a: &Fits, b: &Fits) -> bool {
    // NaN is not equal to itself
    format!("{a:?}") == format!("{b:?}")
}

#[test]
fn there_and_back() {
    let fits = example();
    let bytes = fits.to_bytes().unwrap();
    assert_eq!(bytes.len() % 2880, 0);
    assert!(same(&Fits::from_bytes("memory", &bytes).unwrap(), &fits));
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.fits", "a.fits.gz"] {
        let path = folder.path().join(name);
        fits.write(&path).unwrap();
        let read = Fits::read(&path).unwrap();
        assert!(same(&read, &fits));
        assert_eq!(read.table("ALL TYPES").unwrap().column("MATRIX").unwrap().shape, [3, 2]);
        let missing = read.table("PSF").unwrap_err().to_string();
        assert_eq!(missing, "there is no table 'PSF' (there are: ALL TYPES, EMPTY)");
        assert!(matches!(read.tables[0].doubles("A"), Err(FitsError::Type { .. })));
    }
    assert!(std::fs::metadata(folder.path().join("a.fits.gz")).unwrap().len() < bytes.len() as u64 / 4);
    assert!(Table::new("X", 2, vec![Column::new("Y", Values::Int(vec![1]))]).is_err());
}

#[test]
fn response_of_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../testdata/golden/irf");
    let fits = Fits::read(&folder.join("irf_point.fits.gz")).unwrap();
    let names: Vec<&str> = fits.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["EFFECTIVE AREA", "ENERGY DISPERSION", "BACKGROUND", "GH_CUTS", "RAD_MAX"]);
    let area = fits.table("EFFECTIVE AREA").unwrap();
    assert_eq!(area.find("HDUCLAS4").unwrap().value, Value::Text("AEFF_2D".into()));
    assert_eq!(area.column("EFFAREA").unwrap().unit, "m2");
    assert_eq!(area.rows, 1);
}

#[test]
fn damage_is_named_with_its_byte() {
    let bytes = example().to_bytes().unwrap();
    for cut in (1..bytes.len()).step_by(331) {
        if let Err(error) = Fits::from_bytes("cut.fits", &bytes[..cut]) {
            assert!(error.to_string().starts_with("cut.fits, byte "), "{error}");
        }
    }
    assert!(Fits::from_bytes("x", b"SIMPLE").is_err());
    assert!(Fits::from_bytes("x", &[0; 6000]).is_err());
    assert!(Fits::from_bytes("x", &[b' '; 2880]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_damage_makes_it_panic(changes in prop::collection::vec((0.0_f64..1.0, any::<u8>()), 1..12)) {
        let mut bytes = example().to_bytes().unwrap();
        for (place, byte) in changes {
            let place = (place * bytes.len() as f64) as usize;
            bytes[place] = byte;
        }
        let _ = Fits::from_bytes("damaged", &bytes);
    }

    #[test]
    fn texts_come_back(text in "[ -~]{0,300}", key in "[A-Z]{1,20}") {
        prop_assume!(!["END", "CONTINUE", "COMMENT", "HISTORY", "HIERARCH"].contains(&key.as_str()));
        let text = text.trim_end().trim_end_matches('&');
        let text = text.trim_end();
        let fits = Fits { primary: vec![Card::text(&key, text, "")], tables: Vec::new() };
        let back = Fits::from_bytes("memory", &fits.to_bytes().unwrap()).unwrap();
        prop_assume!(!["SIMPLE", "BITPIX", "NAXIS", "EXTEND"].contains(&key.as_str()));
        prop_assert_eq!(back, fits);
    }
}
