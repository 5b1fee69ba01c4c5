use recoil_hgcal::chain::{Chain, ChainConfig, ChainOutput};
use recoil_hgcal::cluster::{ClusterAlgorithm, Radius};
use recoil_hgcal::data::{EventBatch, TriggerCell};
use recoil_hgcal::fill::{Binning, Endcap, Histogram};
use recoil_hgcal::seed::{Interpolation, SeedAlgorithm};
use recoil_hgcal::smooth::Kernel;

use crate::frame::{Frame, Mismatches, events};

fn key(events: &EventBatch, i: usize) -> (String, i64) {
    (events.sample[i].clone(), events.event[i])
}

fn kernel(name: &str) -> Kernel {
    match name {
        "default" => Kernel::Default,
        "flat_top" => Kernel::FlatTop,
        other => panic!("kernel {other}"),
    }
}

fn algorithm(name: &str) -> ClusterAlgorithm {
    match name {
        "min_distance" => ClusterAlgorithm::MinDistance,
        "max_energy" => ClusterAlgorithm::MaxEnergy,
        other => panic!("algorithm {other}"),
    }
}

fn config(kernel: Kernel, window: usize, algorithm: ClusterAlgorithm) -> ChainConfig {
    let mut config = ChainConfig::default();
    config.smooth.kernel = kernel;
    config.seed.window = window;
    config.cluster.algorithm = algorithm;
    config
}

#[test]
fn histogram() {
    let (events, golden) = (events(), Frame::read("hist"));
    let rows = golden.events(|_, _| true);
    let binning = Binning::new(&ChainConfig::default().fill).unwrap();
    let mut histogram = Histogram::new(&binning);
    let mut check = Mismatches::default();
    for i in 0..events.len() {
        histogram.fill(&binning, &events.event_cells(i), Endcap::Positive);
        let rows = &rows[&key(&events, i)];
        check.equal(|| format!("event {} bins", events.event[i]), histogram.iter().count(), rows.len());
        for (bin, &row) in histogram.iter().zip(rows) {
            let what = |name: &str| format!("event {} bin ({}, {}) {name}", events.event[i], bin.rz, bin.phi);
            check.equal(|| what("rz_bin"), bin.rz as f64, golden.number("rz_bin", row));
            check.equal(|| what("phi_bin"), bin.phi as f64, golden.number("phi_bin", row));
            check.close(|| what("mipPt"), bin.mip_pt, golden.number("mipPt", row), 0.0);
            check.close(|| what("wght_x"), bin.x, golden.number("wght_x", row), 0.0);
            check.close(|| what("wght_y"), bin.y, golden.number("wght_y", row), 0.0);
        }
    }
    check.finish("histogram");
}

#[test]
fn smoothing() {
    let (events, golden) = (events(), Frame::read("smooth"));
    let mut check = Mismatches::default();
    for name in ["default", "flat_top"] {
        let rows = golden.events(|g, row| g.label("kernel", row) == name);
        let chain = Chain::new(&config(kernel(name), 1, ClusterAlgorithm::MinDistance)).unwrap();
        let mut workspace = chain.workspace();
        for i in 0..events.len() {
            chain.event(events.event[i], &events.event_cells(i), &mut workspace).unwrap();
            let rows = &rows[&key(&events, i)];
            let smoothed = workspace.smoothed();
            check.equal(|| format!("{name} event {} bins", events.event[i]), smoothed.iter().count(), rows.len());
            for ((rz, phi, energy), &row) in smoothed.iter().zip(rows) {
                let what = || format!("{name} event {} bin ({rz}, {phi})", events.event[i]);
                check.equal(
                    what,
                    (rz as f64, phi as f64),
                    (golden.number("rz_bin", row), golden.number("phi_bin", row)),
                );
                check.close(what, energy, golden.number("energy", row), 1e-15);
            }
        }
    }
    check.finish("smoothing");
}

#[test]
fn seeds() {
    let (events, golden) = (events(), Frame::read("seeds"));
    let mut check = Mismatches::default();
    for name in ["default", "flat_top"] {
        for window in [1, 2] {
            let rows =
                golden.events(|g, row| g.label("kernel", row) == name && g.number("seed_window", row) == window as f64);
            let chain = Chain::new(&config(kernel(name), window, ClusterAlgorithm::MinDistance)).unwrap();
            let output = chain.run(&events).unwrap();
            for i in 0..events.len() {
                if name == "flat_top" && events.sample[i] == "pu200" {
                    continue; // the reference aborts here
                }
                let what = |n: &str| format!("{name} window {window} event {} {n}", events.event[i]);
                let none = Vec::new();
                let rows = rows.get(&key(&events, i)).unwrap_or(&none);
                let mine = ChainOutput::rows(&output.seed_offsets, i);
                check.equal(|| what("seeds"), mine.len(), rows.len());
                for (seed, &row) in mine.zip(rows) {
                    check.close(|| what("energy"), output.seeds.energy[seed], golden.number("energy", row), 1e-15);
                    check.close(|| what("x"), output.seeds.x[seed], golden.number("x_over_z", row), 1e-15);
                    check.close(|| what("y"), output.seeds.y[seed], golden.number("y_over_z", row), 1e-15);
                }
            }
        }
    }
    check.finish("seeds");
}

fn compare_clusters(
    check: &mut Mismatches,
    label: &str,
    events: &EventBatch,
    output: &ChainOutput,
    golden: &Frame,
    keep: impl Fn(&Frame, usize) -> bool,
    skip: impl Fn(usize) -> bool,
) {
    let rows = golden.events(keep);
    for i in (0..events.len()).filter(|&i| !skip(i)) {
        let what = |n: &str| format!("{label} event {} {n}", events.event[i]);
        let none = Vec::new();
        let rows = rows.get(&key(events, i)).unwrap_or(&none);
        let mine = ChainOutput::rows(&output.cluster_offsets, i);
        check.equal(|| what("clusters"), mine.len(), rows.len());
        let clusters = &output.clusters;
        for (c, &row) in mine.zip(rows) {
            check.equal(|| what("seed_idx"), f64::from(clusters.seed[c]), golden.number("seed_idx", row));
            for (name, value) in [
                ("en", clusters.energy[c]),
                ("pt", clusters.pt[c]),
                ("x", clusters.x[c]),
                ("y", clusters.y[c]),
                ("z", clusters.z[c]),
                ("Rz", clusters.rz[c]),
                ("eta", clusters.eta[c]),
                ("phi", clusters.phi[c]),
            ] {
                check.close(|| what(name), value, golden.number(name, row), 2e-14);
            }
        }
    }
}

#[test]
fn clusters() {
    let (events, golden) = (events(), Frame::read("clusters"));
    let mut check = Mismatches::default();
    for name in ["default", "flat_top"] {
        for window in [1, 2] {
            for algo in ["min_distance", "max_energy"] {
                let chain = Chain::new(&config(kernel(name), window, algorithm(algo))).unwrap();
                let output = chain.run(&events).unwrap();
                let keep = |g: &Frame, row: usize| {
                    g.label("kernel", row) == name
                        && g.number("seed_window", row) == window as f64
                        && g.label("algo", row) == algo
                };
                let skip = |i: usize| name == "flat_top" && events.sample[i] == "pu200";
                let label = format!("{name} window {window} {algo}");
                compare_clusters(&mut check, &label, &events, &output, &golden, keep, skip);
            }
        }
    }
    check.finish("clusters");
}

#[test]
fn assignment() {
    let (events, golden) = (events(), Frame::read("assign"));
    let mut check = Mismatches::default();
    for algo in ["min_distance", "max_energy"] {
        let output = Chain::new(&config(Kernel::Default, 1, algorithm(algo))).unwrap().run(&events).unwrap();
        let rows = golden.events(|g, row| g.label("algo", row) == algo);
        for i in 0..events.len() {
            let none = Vec::new();
            let rows = rows.get(&key(&events, i)).unwrap_or(&none);
            let cells = events.event_cells(i);
            let mine: Vec<[i32; 6]> = ChainOutput::rows(&output.assignment_offsets, i)
                .map(|a| {
                    let cell = cells.get(output.assignment.cell[a] as usize).unwrap();
                    [output.assignment.seed[a] as i32, cell.wu, cell.wv, cell.cu, cell.cv, cell.layer]
                })
                .collect();
            let theirs: Vec<[i32; 6]> = rows
                .iter()
                .map(|&row| {
                    ["seed_idx", "tc_wu", "tc_wv", "tc_cu", "tc_cv", "tc_layer"]
                        .map(|name| golden.number(name, row) as i32)
                })
                .collect();
            check.equal(|| format!("{algo} event {} cells", events.event[i]), mine.len(), theirs.len());
            for (mine, theirs) in mine.into_iter().zip(theirs) {
                check.equal(|| format!("{algo} event {}", events.event[i]), mine, theirs);
            }
        }
    }
    check.finish("assignment");
}

#[test]
fn radii() {
    let (events, golden) = (events(), Frame::read("radii"));
    let mut check = Mismatches::default();
    for coef in [0.005, 0.010, 0.015, 0.020, 0.025, 0.050] {
        let keep = |g: &Frame, row: usize| (g.number("coef", row) - coef).abs() < 1e-9;
        // the reference sets even layers to zero, and has cells in odd layers only
        let table = (1..=52).map(|layer| if layer % 2 == 1 { coef } else { 0.0 }).collect();
        for radius in [Radius::All(coef), Radius::PerLayer(table)] {
            let mut config = ChainConfig::default();
            config.cluster.radius = radius;
            let output = Chain::new(&config).unwrap().run(&events).unwrap();
            compare_clusters(&mut check, &format!("radius {coef}"), &events, &output, &golden, keep, |_| false);
        }
    }
    check.finish("radii");
}

#[test]
fn flat_top_works_in_pile_up() {
    let events = events();
    for window in [1, 2] {
        let output = Chain::new(&config(Kernel::FlatTop, window, ClusterAlgorithm::MinDistance)).unwrap();
        let output = output.run(&events).unwrap();
        for i in (0..events.len()).filter(|&i| events.sample[i] == "pu200") {
            let seeds = ChainOutput::rows(&output.seed_offsets, i);
            let clusters = ChainOutput::rows(&output.cluster_offsets, i);
            println!("event {} window {window}: {} seeds, {} clusters", events.event[i], seeds.len(), clusters.len());
            assert!(seeds.len() > 10 && clusters.len() > 10);
            assert!(seeds.clone().all(|s| output.seeds.x[s].is_finite() && output.seeds.y[s].is_finite()));
        }
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let events = events();
    let chain = Chain::new(&ChainConfig::default()).unwrap();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| chain.run(&events)).unwrap()
    };
    let one = run(1);
    assert_eq!(one.events(), 52);
    for threads in [2, 3, 7] {
        assert_eq!(one, run(threads), "{threads} threads");
    }
}

#[test]
fn the_negative_endcap_mirrors_the_positive_one() {
    let events = events();
    let mut both = EventBatch::default();
    for i in 0..events.len() {
        let cells = events.event_cells(i);
        for c in 0..cells.len() {
            let cell = cells.get(c).unwrap();
            both.cells.push(cell);
            both.cells.push(TriggerCell { z: -cell.z, eta: -cell.eta, ..cell });
        }
        both.finish_event(events.event[i]);
    }
    let chain = Chain::new(&ChainConfig::default()).unwrap();
    let (one, two) = (chain.run(&events).unwrap(), chain.run(&both).unwrap());
    assert_eq!(two.clusters.len(), 2 * one.clusters.len());
    for i in 0..events.len() {
        let (a, b) = (ChainOutput::rows(&one.cluster_offsets, i), ChainOutput::rows(&two.cluster_offsets, i));
        let n = a.len();
        for (k, c) in a.enumerate() {
            let (p, m) = (b.start + k, b.start + n + k);
            assert_eq!(one.clusters.energy[c], two.clusters.energy[p]);
            assert_eq!(one.clusters.energy[c], two.clusters.energy[m]);
            assert_eq!((two.clusters.eta[m], two.clusters.z[m]), (-one.clusters.eta[c], -one.clusters.z[c]));
            assert_eq!((two.clusters.phi[m], two.clusters.rz[m]), (one.clusters.phi[c], one.clusters.rz[c]));
        }
        let seeds = ChainOutput::rows(&two.seed_offsets, i);
        let half = seeds.len() / 2;
        assert!(seeds.clone().take(half).all(|s| two.seeds.zside[s] == 1));
        assert!(seeds.skip(half).all(|s| two.seeds.zside[s] == -1));
    }
}

#[test]
fn every_seeding_and_clustering_algorithm_works() {
    let events = events();
    let run = |seeding: SeedAlgorithm, interpolation: Interpolation, algorithm: ClusterAlgorithm| {
        let mut config = config(Kernel::Default, 1, algorithm);
        config.seed.algorithm = seeding;
        config.seed.interpolation = interpolation;
        Chain::new(&config).unwrap().run(&events).unwrap()
    };
    let count = |seeding, interpolation| run(seeding, interpolation, ClusterAlgorithm::MinDistance).seeds.len();
    let window = count(SeedAlgorithm::Window, Interpolation::First);
    let maxima = count(SeedAlgorithm::HistoMax, Interpolation::First);
    let threshold = count(SeedAlgorithm::HistoThreshold, Interpolation::First);
    let secondary = count(SeedAlgorithm::HistoSecondaryMax, Interpolation::First);
    let first = count(SeedAlgorithm::HistoInterpolatedMax, Interpolation::First);
    let second = count(SeedAlgorithm::HistoInterpolatedMax, Interpolation::Second);
    println!(
        "window {window}, maxima {maxima}, secondary {secondary}, threshold {threshold}, interpolated {first}, {second}"
    );
    assert!(maxima <= window && window < threshold);
    assert!(maxima <= secondary && secondary < threshold);
    assert!(first > 0 && second > 0);

    // sharing a cell keeps its transverse momentum
    let split = run(SeedAlgorithm::HistoThreshold, Interpolation::First, ClusterAlgorithm::EnergySplit);
    let nearest = run(SeedAlgorithm::HistoThreshold, Interpolation::First, ClusterAlgorithm::MinDistance);
    assert!(split.assignment.len() > nearest.assignment.len());
    for i in 0..events.len() {
        let rows = ChainOutput::rows(&split.assignment_offsets, i);
        let mut parts = vec![0.0; events.event_cells(i).len()];
        for a in rows {
            parts[split.assignment.cell[a] as usize] += split.assignment.fraction[a];
        }
        let taken = parts.iter().filter(|&&p| p > 0.0).count();
        assert!(parts.iter().all(|&p| p == 0.0 || (p - 1.0).abs() < 1e-12));
        assert_eq!(taken, ChainOutput::rows(&nearest.assignment_offsets, i).len());
    }
}
