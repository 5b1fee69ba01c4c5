//! Number formats.

use recoil_econt::emulator::float::{CompressedFloat, Fraction};

use crate::table::{Mismatches, read};

fn format_of(drop: i64, exponent: i64, mantissa: i64) -> CompressedFloat {
    CompressedFloat::new(drop as u32, exponent as u32, mantissa as u32)
}

#[test]
fn codes_of_all_formats() {
    let table = read("unit/compressed_float.csv.gz");
    let column = |name: &str| table.ints(name);
    let (drop, exponent, mantissa) = (column("drop"), column("exp_bits"), column("mant_bits"));
    let (round, value, code) = (column("round"), column("value"), column("code"));
    let decoded = ["decoded_mid", "decoded_edge", "decoded_quarter"].map(column);
    let mut wrong = Mismatches::of("compressed floats");
    for row in 0..table.rows() {
        let format = format_of(drop[row], exponent[row], mantissa[row]);
        let value = value[row] as u32;
        let got = if round[row] == 1 { format.encode_rounded(value) } else { format.encode(value) };
        wrong.compare(format!("{format:?} of {value}, rounded {}", round[row]), i64::from(got), code[row]);
        for (fraction, expected) in [Fraction::Middle, Fraction::Edge, Fraction::Quarter].into_iter().zip(&decoded) {
            wrong.compare(format!("{format:?} {got} {fraction:?}"), format.decode(got, fraction) as i64, expected[row]);
        }
    }
    wrong.none();
}

#[test]
fn values_of_all_codes() {
    let table = read("unit/decode_tables.csv.gz");
    let column = |name: &str| table.ints(name);
    let (drop, exponent, mantissa, code) = (column("drop"), column("exp_bits"), column("mant_bits"), column("code"));
    let mut wrong = Mismatches::of("decoding tables");
    for (fraction, name) in [(Fraction::Middle, "mid"), (Fraction::Edge, "edge"), (Fraction::Quarter, "quarter")] {
        let expected = column(name);
        for row in 0..table.rows() {
            let got = format_of(drop[row], exponent[row], mantissa[row]).decode(code[row] as u32, fraction);
            wrong.compare(format!("row {row}, {name}"), got as i64, expected[row]);
        }
    }
    wrong.none();
}
