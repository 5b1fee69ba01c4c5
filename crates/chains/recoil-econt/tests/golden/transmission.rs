//! What is left of 64 wafers behind each algorithm, and how far it is from the truth.

use recoil_econt::data::Wafer;
use recoil_econt::metrics::WaferEmd;
use recoil_econt::transmission::{above_threshold, largest, sums_of_4, sums_of_16};

use crate::table::{Mismatches, read};

type Algorithm = (&'static str, fn(&Wafer) -> Wafer);

#[test]
fn charges_behind_the_algorithms() {
    let wafers = read("calq_first2000.csv.gz").family::<48>("CALQ");
    let expected = read("unit/alg_emd.csv.gz");
    let algorithms: [Algorithm; 7] = [
        ("thr47", |w| above_threshold(w, &[47; 48])),
        ("bc4", |w| largest(w, 4)),
        ("bc6", |w| largest(w, 6)),
        ("bc9", |w| largest(w, 9)),
        ("bc14", |w| largest(w, 14)),
        ("stc4", sums_of_4),
        ("stc16", sums_of_16),
    ];
    let mut emd = WaferEmd::new().unwrap();
    let mut wrong = Mismatches::of("charges behind the algorithms");
    for (name, algorithm) in algorithms {
        let table = read(&format!("unit/alg_{name}.csv.gz")).first::<48>();
        for (row, charges) in table.iter().enumerate() {
            let got = algorithm(&wafers[row]);
            wrong.compare(format!("{name}, wafer {row}"), got.map(f64::from), *charges);
            let distance = emd.outcome(&wafers[row].map(f64::from), &got.map(f64::from)).unwrap();
            let expected = expected.column(name)[row];
            wrong.close(format!("{name}, distance {row}"), distance.with_sentinels(), expected, 1e-9);
        }
    }
    wrong.none();
}
