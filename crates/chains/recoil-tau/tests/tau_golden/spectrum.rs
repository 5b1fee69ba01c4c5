use recoil_root::RootFile;
use recoil_tau::data::file::CandidateFile;
use recoil_tau::spectrum::{Mode, Spectra, UniformBins};

use super::{golden, none};

#[test]
fn spectra_of_all_classes() {
    let eta = UniformBins { bins: 25, low: 0.0, high: 2.5 };
    let pt = UniformBins { bins: 4990, low: 10.0, high: 5000.0 };
    let mut spectra = Spectra::new(Mode::Tau, eta, pt);
    spectra.add_file(&CandidateFile::open(&golden("tautuple_mini.root").display().to_string()).unwrap()).unwrap();
    let reference = RootFile::open(golden("spectrum_mini.root")).unwrap();
    let (mut mismatches, mut compared) = (Vec::new(), 0);
    assert_eq!(spectra.classes.len(), 4);
    for (class, spectrum) in &spectra.classes {
        let name = format!("eta_pt_hist_{}", class.name());
        let (theirs, ours) = (reference.hist2(&name).unwrap(), spectrum.histogram(&name));
        assert_eq!((theirs.entries, &theirs.x.bins, &theirs.y.bins), (ours.entries, &ours.x.bins, &ours.y.bins));
        for (bin, (a, b)) in theirs.contents.iter().zip(&ours.contents).enumerate() {
            compared += 1;
            if a != b {
                mismatches.push(format!("{name} bin {bin}: {b} instead of {a}"));
            }
        }
        for (a, b) in theirs.stats.iter().zip(ours.stats) {
            assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0), "{name}: {a} {b}");
        }
    }
    none("spectra", compared, &mismatches);
    let (theirs, ours) = (reference.hist1("not_valid").unwrap(), spectra.not_valid_histogram());
    assert_eq!((theirs.contents, theirs.x.bins, theirs.entries), (ours.contents, ours.x.bins, ours.entries));
}
