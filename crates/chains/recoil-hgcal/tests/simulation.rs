//! The generator against the numbers that it was made to give, and against its promise of reproducibility.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use recoil_hgcal::data::subdet;
use recoil_hgcal::geometry::cell_map::Depth;
use recoil_hgcal::simulate::{
    BackgroundConfig, Endcaps, Interval, Particle, SimulatedBatch, SimulationConfig, Simulator,
};
use recoil_stage::seed::Seed;

fn events(config: &SimulationConfig, n: u64) -> SimulatedBatch {
    Simulator::new(config).unwrap().batch(Seed::new(20), 0..n)
}

/// Mean and its standard error.
fn mean(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

fn cells_per_event(batch: &SimulatedBatch) -> (f64, f64) {
    mean((0..batch.cells.len()).map(|i| batch.cells.event_cells(i).len() as f64))
}

fn no_background() -> BackgroundConfig {
    BackgroundConfig { noise_cells: 0.0, ..BackgroundConfig::default() }
}

#[test]
fn photons_without_pile_up_have_about_304_cells() {
    let batch = events(&SimulationConfig::default(), 1500);
    let (cells, error) = cells_per_event(&batch);
    println!("{cells:.1} +- {error:.1} trigger cells per event");
    assert!((cells - 304.0).abs() < 8.0 + 4.0 * error);
}

#[test]
fn two_hundred_interactions_fire_about_20300_cells() {
    let batch = events(&SimulationConfig { pileup: 200, ..SimulationConfig::default() }, 12);
    let (cells, error) = cells_per_event(&batch);
    println!("{cells:.0} +- {error:.0} trigger cells per event");
    assert!((cells - 20_300.0).abs() < 200.0 + 4.0 * error);
}

#[test]
fn the_sum_of_the_cells_is_the_energy_of_the_photon() {
    let config = SimulationConfig {
        pt_gev: Interval { min: 50.0, max: 100.0 },
        background: no_background(),
        ..SimulationConfig::default()
    };
    let batch = events(&config, 300);
    let response = |i: usize| {
        let sum: f64 = batch.cells.event_cells(i).energy.iter().map(|&e| f64::from(e)).sum();
        sum / batch.event_particles(i).energy[0]
    };
    let (all, error) = mean((0..300).map(response));
    println!("response of all cells {all:.4} +- {error:.4}");
    // the threshold takes a little; the Poisson spots spread the rest by 0.214 / sqrt(E)
    assert!((0.97..1.0).contains(&all) && error < 0.002);
}

#[test]
fn one_seed_gives_the_same_events_whatever_the_number_of_threads_and_the_cut_into_batches() {
    let config =
        SimulationConfig { endcaps: Endcaps::Both, pileup: 20, particles_per_endcap: 2, ..SimulationConfig::default() };
    let simulator = Simulator::new(&config).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let a = one.install(|| simulator.batch(Seed::new(5), 10..40));
    let b = three.install(|| simulator.batch(Seed::new(5), 10..40));
    assert_eq!(
        (&a.cells.cells, &a.cells.offsets, &a.particles.particles),
        (&b.cells.cells, &b.cells.offsets, &b.particles.particles)
    );
    assert_eq!((&a.clusters, &a.cell_particle), (&b.clusters, &b.cell_particle));
    let tail = simulator.batch(Seed::new(5), 37..40);
    assert_eq!(tail.cells.event_cells(1).energy, a.cells.event_cells(28).energy);
    assert_eq!(tail.event_particles(2).phi, a.event_particles(29).phi);
    assert_eq!((a.event_particles(0).len(), a.cells.event), (4, (10..40).collect::<Vec<i64>>()));
    let other = simulator.batch(Seed::new(6), 10..40);
    assert_ne!(other.particles.particles, a.particles.particles);
}

#[test]
fn both_endcaps_are_filled_around_their_own_particles() {
    let config =
        SimulationConfig { endcaps: Endcaps::Both, background: no_background(), ..SimulationConfig::default() };
    let batch = events(&config, 60);
    for i in 0..batch.cells.len() {
        let (cells, particles) = (batch.cells.event_cells(i), batch.event_particles(i));
        assert!(particles.eta[0] > 0.0 && particles.eta[1] < 0.0);
        for (k, sign) in [(0, 1.0), (1, -1.0)] {
            let (mut x, mut y, mut sum) = (0.0, 0.0, 0.0);
            for j in (0..cells.len()).filter(|&j| f64::from(cells.z[j]) * sign > 0.0) {
                let cell = cells.get(j).unwrap();
                assert!((f64::from(cell.y).atan2(f64::from(cell.x)) - f64::from(cell.phi)).abs() < 1e-5);
                let eta = f64::from(cell.z / cell.x.hypot(cell.y)).asinh();
                assert!((eta - f64::from(cell.eta)).abs() < 1e-5 && eta * sign > 0.0);
                x += f64::from(cell.energy * cell.x / cell.z.abs());
                y += f64::from(cell.energy * cell.y / cell.z.abs());
                sum += f64::from(cell.energy);
            }
            if particles.pt[k] < 5.0 {
                continue;
            }
            let tangent = 1.0 / particles.eta[k].abs().sinh();
            let distance =
                (x / sum - tangent * particles.phi[k].cos()).hypot(y / sum - tangent * particles.phi[k].sin());
            assert!(distance < 0.01, "event {i}, side {sign}: {distance}");
        }
    }
}

#[test]
fn cells_obey_the_definitions_of_their_columns() {
    let config = SimulationConfig { pileup: 30, mip_threshold: 0.8, ..SimulationConfig::default() };
    let batch = events(&config, 5);
    let cells = batch.cells.cells.view();
    assert!(cells.is_consistent());
    for i in 0..cells.len() {
        let cell = cells.get(i).unwrap();
        assert!(cell.mip_pt > 0.8 && cell.layer % 2 == 1 && cell.subdet == subdet::CEE);
        assert!((cell.pt * cell.eta.cosh() / cell.energy - 1.0).abs() < 1e-5);
        let weight = recoil_hgcal::energy::calibration::gev_per_mipt(cell.layer).unwrap() as f32;
        assert!((cell.mip_pt * weight / cell.pt - 1.0).abs() < 1e-5);
    }
}

#[test]
fn pions_leave_most_of_their_energy_in_the_hadronic_part() {
    let mut config = SimulationConfig {
        particle: Particle::Pion,
        pt_gev: Interval { min: 30.0, max: 60.0 },
        background: no_background(),
        ..SimulationConfig::default()
    };
    config.geometry.depth = Depth::All;
    let batch = events(&config, 400);
    let shares = |i: usize| {
        let cells = batch.cells.event_cells(i);
        let energy = batch.event_particles(i).energy[0];
        let sum = |want: &dyn Fn(i32) -> bool| -> f64 {
            (0..cells.len()).filter(|&j| want(cells.layer[j])).map(|j| f64::from(cells.energy[j])).sum::<f64>() / energy
        };
        (sum(&|l| l <= 28), sum(&|l| l > 28))
    };
    let (total, error) = mean((0..400).map(|i| shares(i).0 + shares(i).1));
    let (hadronic, _) = mean((0..400).map(|i| shares(i).1));
    let (late, _) = mean((0..400).map(|i| f64::from(u8::from(shares(i).0 < 0.05))));
    println!("pions: response {total:.3} +- {error:.3}, in CE-H {hadronic:.3}, {late:.2} pass CE-E");
    assert!((0.7..0.97).contains(&total), "{total}");
    assert!(hadronic > 0.4 * total);
    // exp(-1.3) = 27 % do not interact in CE-E
    assert!((late - 0.27).abs() < 0.12, "{late}");
    let scintillator = batch.cells.cells.subdet.iter().filter(|&&s| s == subdet::CEH_SCINTILLATOR).count();
    assert!(scintillator > 0);
}

#[test]
fn electrons_shower_earlier_than_photons() {
    let depth = |particle| {
        let config = SimulationConfig { particle, background: no_background(), ..SimulationConfig::default() };
        let batch = events(&config, 200);
        let cells = batch.cells.cells.view();
        let sum: f64 = cells.energy.iter().map(|&e| f64::from(e)).sum();
        (0..cells.len()).map(|i| f64::from(cells.layer[i]) * f64::from(cells.energy[i])).sum::<f64>() / sum
    };
    let (photon, electron) = (depth(Particle::Photon), depth(Particle::Electron));
    println!("mean layer: photon {photon:.2}, electron {electron:.2}");
    assert!(electron < photon);
}

#[test]
fn unusable_values_are_named() {
    let mut config = SimulationConfig { mip_threshold: f64::NAN, ..SimulationConfig::default() };
    assert!(Simulator::new(&config).unwrap_err().to_string().contains("mip_threshold"));
    config = SimulationConfig { eta: Interval { min: 2.0, max: 1.0 }, ..SimulationConfig::default() };
    assert!(Simulator::new(&config).unwrap_err().to_string().contains("`eta`"));
}
