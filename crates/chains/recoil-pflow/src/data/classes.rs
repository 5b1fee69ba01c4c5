//! Classes of particles: which particles an algorithm tells apart, and maps between PDG numbers.

/// Name for figures and tables of a class number (as [`crate::data::Particle::pdg`]).
pub fn name(pdg: i32) -> &'static str {
    match pdg {
        0 => "none",
        211 => "charged hadron",
        130 => "neutral hadron",
        22 => "photon",
        11 => "electron",
        13 => "muon",
        1 => "HF hadron",
        2 => "HF photon",
        15 => "tau",
        _ => "other",
    }
}

/// Short name of a class number, for the ticks of axes.
pub fn short_name(pdg: i32) -> &'static str {
    match pdg {
        0 => "none",
        211 => "ch.had",
        130 => "n.had",
        22 => "photon",
        11 => "ele",
        13 => "muon",
        1 => "HF had",
        2 => "HF em",
        15 => "tau",
        _ => "other",
    }
}

/// Classes of e+e- detectors, in the order of their index.
pub const CLIC: &[i32] = &[0, 211, 130, 22, 11, 13];

/// Classes of CMS, in the order of their index. 1 is the hadronic and 2 the electromagnetic candidate of the forward
/// calorimeter.
pub const CMS: &[i32] = &[0, 211, 130, 1, 2, 22, 11, 13, 15];

/// Classes of the first CMS data sets, in the order of their index.
pub const CMS_2020: &[i32] = &[0, 1, 2, 11, 13, 22, 130, 211];

/// The class of a particle: photons, electrons and muons keep their number, other charged particles are charged hadrons
/// (211), other neutral ones neutral hadrons (130).
pub fn of_particle(pdg: i32, charge: f64) -> i32 {
    match pdg.abs() {
        kept @ (0 | 22 | 11 | 13) => kept,
        _ if charge != 0.0 => 211,
        _ => 130,
    }
}

/// The class that a particle can have on a cluster alone.
pub fn charged_to_neutral(class: i32) -> i32 {
    match class {
        0 => 0,
        11 | 22 => 22,
        _ => 130,
    }
}

/// The class that a particle can have on a track.
pub fn neutral_to_charged(class: i32) -> i32 {
    match class {
        22 | 130 => 211,
        other => other,
    }
}

/// Whether particles of this class leave a track.
pub fn is_charged(class: i32) -> bool {
    matches!(class, 211 | 11 | 13 | 15)
}

/// The class of the first CMS data sets for a signed PDG number; 0 for particles that are not reconstructed.
pub fn of_particle_2020(pdg: i32) -> i32 {
    const POSITIVE: [i32; 7] = [211, 2212, 321, -3112, 3222, -3312, -3334];
    match pdg {
        _ if POSITIVE.contains(&pdg) => 211,
        _ if POSITIVE.contains(&-pdg) => -211,
        111 | 130 | 310 | 2112 | -2112 | 3122 | -3122 | 3322 | -3322 => 130,
        22 => 22,
        11 | -11 | 13 | -13 => pdg,
        _ => 0,
    }
}

/// The class that the type of a CMS element allows, for a class index of [`CMS`].
///
/// A photon of a track becomes a charged hadron, a charged hadron of an electromagnetic cluster a photon, and so on;
/// forward clusters give nothing but forward candidates, superclusters and outer hadronic clusters no charged particle.
pub fn relabelled_index(element: i32, class: i32) -> i32 {
    match (element, class) {
        (1, 2 | 5) => 1,
        (4, 1 | 7) => 5,
        (5, 1 | 6 | 7) => 2,
        (8, c) if c != 0 => 4,
        (9, c) if c != 0 => 3,
        (10 | 11, 1 | 6 | 7) => 2,
        (_, c) => c,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn maps_of_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../testdata/golden/pflow/pid_maps.json");
        let golden: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let mut compared = 0;
        for row in golden["map_pdgid_to_candid"].as_array().unwrap() {
            let number = |i: usize| row[i].as_i64().unwrap() as i32;
            assert_eq!(of_particle(number(0), f64::from(number(1))), number(2), "{row}");
            compared += 1;
        }
        for (name, map) in
            [("charged_to_neutral", charged_to_neutral as fn(i32) -> i32), ("neutral_to_charged", neutral_to_charged)]
        {
            for (from, to) in golden[name].as_object().unwrap() {
                assert_eq!(i64::from(map(from.parse().unwrap())), to.as_i64().unwrap(), "{name} of {from}");
                compared += 1;
            }
        }
        assert_eq!(compared, 23);
    }

    #[test]
    fn signs_of_the_first_data_sets() {
        assert_eq!([3112, -3112, -2212, 3222, 12, -13].map(of_particle_2020), [-211, 211, -211, 211, 0, -13]);
    }
}
