use recoil_hgcal::chain::ChainConfig;
use recoil_hgcal::cluster::{ClusterBuffers, Clusterer};
use recoil_hgcal::coarse::{CoarseConfig, hexagon, modules, run};
use recoil_hgcal::fill::Endcap;

use crate::frame::{Frame, Mismatches, events, path};

#[test]
fn coarse_seeding() {
    let events = events();
    let (config, clusterer) = (CoarseConfig::default(), Clusterer::new(&ChainConfig::default().cluster).unwrap());
    let golden = ["cs_modules", "cs_tcs_per_module", "cs_seeds", "cs_clusters"].map(Frame::read);
    let [module_table, cells, seeds, clusters] = &golden;
    let [module_rows, cell_rows, seed_rows, cluster_rows] = [0, 1, 2, 3].map(|i| golden[i].events(|_, _| true));
    let mut check = Mismatches::default();
    let none = Vec::new();
    for i in 0..events.len() {
        let key = (events.sample[i].clone(), events.event[i]);
        let what = |n: &str| format!("event {} {n}", events.event[i]);
        let event_cells = events.event_cells(i);
        let mut buffers = ClusterBuffers::default();
        let mine = run(&config, &clusterer, events.event[i], &event_cells, &mut buffers).unwrap();

        let rows = module_rows.get(&key).unwrap_or(&none);
        check.equal(|| what("modules"), mine.modules.len(), rows.len());
        for (module, &row) in mine.modules.iter().zip(rows) {
            let theirs = (module_table.number("wu", row) as i32, module_table.number("wv", row) as i32);
            check.equal(|| what("module"), (module.wu, module.wv), theirs);
        }

        // the reference stores the cells of all regions once per region
        let inside = modules::cells_of(&mine.modules, &event_cells, Endcap::Positive, &config.layers());
        let sum: f64 = inside.iter().map(|&c| f64::from(event_cells.mip_pt[c as usize])).sum();
        for &row in cell_rows.get(&key).unwrap_or(&none) {
            check.equal(|| what("cells"), inside.len() as f64, cells.number("n", row));
            check.close(|| what("mipPt"), sum, cells.number("mipPt", row), 1e-6);
        }

        let rows = seed_rows.get(&key).unwrap_or(&none);
        check.equal(|| what("seeds"), mine.seeds.len(), rows.len());
        for (s, &row) in rows.iter().enumerate().take(mine.seeds.len()) {
            check.close(|| what("energy"), mine.seeds.energy[s], seeds.number("energy", row), 0.0);
            check.close(|| what("x_over_z"), mine.seeds.x[s], seeds.number("x_over_z", row), 0.0);
            check.close(|| what("y_over_z"), mine.seeds.y[s], seeds.number("y_over_z", row), 0.0);
        }

        let rows = cluster_rows.get(&key).unwrap_or(&none);
        check.equal(|| what("clusters"), mine.clusters.len(), rows.len());
        for (c, &row) in rows.iter().enumerate().take(mine.clusters.len()) {
            check.equal(|| what("seed"), f64::from(mine.clusters.seed[c]), clusters.number("seed_idx", row));
            check.close(|| what("en"), mine.clusters.energy[c], clusters.number("en", row), 2e-14);
            check.close(|| what("eta"), mine.clusters.eta[c], clusters.number("eta", row), 2e-14);
            check.close(|| what("phi"), mine.clusters.phi[c], clusters.number("phi", row), 2e-14);
        }
    }
    check.finish("coarse seeding");
}

#[test]
fn hexagonal_distances() {
    let text = std::fs::read_to_string(path("aux_expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut check = Mismatches::default();
    for entry in expected["hexdist"].as_array().unwrap() {
        let [u, v, d] = [0, 1, 2].map(|i| entry[i].as_f64().unwrap() as i32);
        check.equal(|| format!("({u}, {v})"), hexagon::distance(u, v, 0, 0), d);
    }
    for (eta, rz) in expected["calcRzFromEta"].as_object().unwrap() {
        let mine = recoil_hgcal::cluster::properties::rz_from_eta(eta.parse().unwrap());
        check.close(|| format!("R/z of eta {eta}"), mine, rz.as_f64().unwrap(), 1e-15);
    }
    check.finish("distances and R/z");
}
