use recoil_hgcal::chain::{Chain, ChainConfig, ChainOutput};
use recoil_hgcal::cluster::Clusters;
use recoil_hgcal::data::{EventBatch, GenBatch};
use recoil_hgcal::study::{RadiusScanConfig, scan_radius, summarise};
use recoil_hgcal::validate::{Reference, ValidateConfig, compare, summarise as summarise_validation};

use crate::frame::{Frame, Mismatches, events};

fn particles(events: &EventBatch) -> GenBatch {
    let table = Frame::read("gen");
    let rows = table.events(|_, _| true);
    let mut batch = GenBatch::default();
    for i in 0..events.len() {
        for &row in &rows[&(events.sample[i].clone(), events.event[i])] {
            let n = |name: &str| table.number(name, row);
            batch.particles.push(22, n("gen_eta"), n("gen_phi"), n("gen_en"), n("gen_pt"));
        }
        batch.finish_event(events.event[i]);
    }
    batch
}

fn clusters_of(output: &ChainOutput, i: usize) -> Clusters {
    let rows = ChainOutput::rows(&output.cluster_offsets, i);
    let c = &output.clusters;
    Clusters {
        seed: c.seed[rows.clone()].to_vec(),
        energy: c.energy[rows.clone()].to_vec(),
        pt: c.pt[rows.clone()].to_vec(),
        x: c.x[rows.clone()].to_vec(),
        y: c.y[rows.clone()].to_vec(),
        z: c.z[rows.clone()].to_vec(),
        rz: c.rz[rows.clone()].to_vec(),
        eta: c.eta[rows.clone()].to_vec(),
        phi: c.phi[rows].to_vec(),
    }
}

#[test]
fn leading_cluster_responses() {
    let (events, golden) = (events(), Frame::read("validation_default"));
    let particles = particles(&events);
    let output = Chain::new(&ChainConfig::default()).unwrap().run(&events).unwrap();
    let config = ValidateConfig { reference: Reference::Leading, ..ValidateConfig::default() };
    let mut mine = Vec::new();
    for i in 0..events.len() {
        let clusters = clusters_of(&output, i);
        mine.extend(compare(&config, &particles.event_particles(i), &events.event_cells(i), &clusters));
    }
    let mut check = Mismatches::default();
    check.equal(|| "rows".to_owned(), mine.len(), golden.rows);
    for (row, m) in mine.iter().enumerate() {
        check.equal(|| format!("row {row} nclusters"), m.clusters as f64, golden.number("nclusters", row));
        // sums over cells are single precision in the reference, so differences of them are absolute
        for (prefix, value, tolerance) in [("gen", m.truth, 1e-14), ("tcall", m.cells, 1e-6), ("cl", m.cluster, 1e-14)]
        {
            for (name, v) in [("en", value.energy), ("eta", value.eta), ("phi", value.phi), ("pt", value.pt)] {
                let theirs = golden.number(&format!("{prefix}{name}"), row);
                check.close(|| format!("row {row} {prefix}{name}"), v, theirs, tolerance);
            }
        }
        for (prefix, value) in [("tcall", m.cells_response), ("cl", m.cluster_response)] {
            for (name, v) in [("en", value.energy), ("eta", value.eta), ("phi", value.phi), ("pt", value.pt)] {
                let theirs = golden.number(&format!("{prefix}res{name}"), row);
                let tolerance = if prefix == "cl" { 1e-13 } else { 2e-6 };
                check.close(|| format!("row {row} {prefix}res{name}"), 1.0 + v, 1.0 + theirs, tolerance);
            }
        }
    }
    check.finish("leading-cluster responses");
}

#[test]
fn matching_finds_the_split_photons() {
    let events = events();
    let particles = particles(&events);
    let output = Chain::new(&ChainConfig::default()).unwrap().run(&events).unwrap();
    let config = ValidateConfig::default();
    let mut rows = Vec::new();
    for i in (0..events.len()).filter(|&i| events.sample[i] == "pu0") {
        let clusters = clusters_of(&output, i);
        rows.extend(compare(&config, &particles.event_particles(i), &events.event_cells(i), &clusters));
    }
    let summary = summarise_validation(&rows).unwrap();
    println!("{summary:?}");
    assert_eq!(summary.particles, 50);
    assert_eq!(rows.iter().filter(|r| r.clusters > 1).count(), 22);
    assert_eq!(rows.iter().filter(|r| r.clusters == 0).count(), 5);
    assert!(rows.iter().all(|r| r.clusters == 0 || r.cluster_response.phi.abs() < 0.1));
}

#[test]
fn a_larger_radius_collects_more_energy() {
    let events = events();
    let particles = particles(&events);
    let config = RadiusScanConfig { first: 0.0, last: 0.05, steps: 11, eta_max: 2.8, ..RadiusScanConfig::default() };
    let chain = ChainConfig::default();
    let rows = scan_radius(&config, &chain, &events, &particles).unwrap();
    assert_eq!(rows.len(), 52 * 11);
    let points = summarise(&config, &rows).unwrap();
    for p in &points {
        println!(
            "{:.3} {:.3} {:.4} {:.4} {:.2}",
            p.radius, p.efficiency.value, p.energy.mean, p.energy.rms, p.other_clusters
        );
    }
    assert!(points.windows(2).all(|w| w[0].efficiency.value <= w[1].efficiency.value));
    assert_eq!(points[0].efficiency.value, 0.0);
    assert!(points[1].energy.mean < points[10].energy.mean);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let alone = pool.install(|| scan_radius(&config, &chain, &events, &particles)).unwrap();
    assert!(rows.iter().zip(&alone).all(|(a, b)| format!("{a:?}") == format!("{b:?}")));
}
