//! Times CLUE on blobs over uniform noise and prints one line per size and thread count.
//!
//! `cargo run --release -p recoil-physics --example clue_bench -- [POINTS ...] [--write DIR]`
//!
//! The set: max(20, n / 5000) unit Gaussian blobs with 90 % of the points, 10 % uniform noise in a
//! square of side 10 sqrt(blobs), all weights 1, in random order; dc = 0.5, rhoc = 5. `--write` leaves
//! each set as `points_N.f32` (all x, then all y), which `benches/clue/reference.cpp` reads.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::time::Instant;

use recoil_physics::clue::{Clue, Clustering, Points};

/// A small seeded generator (splitmix64): the set must be the same wherever it is made.
struct Numbers(u64);

impl Numbers {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

fn blobs(count: usize) -> [Vec<f32>; 2] {
    let mut numbers = Numbers(7);
    let blobs = (count / 5000).max(20);
    let side = 10.0 * (blobs as f64).sqrt();
    let centres: Vec<[f64; 2]> = (0..blobs).map(|_| [side * numbers.uniform(), side * numbers.uniform()]).collect();
    let mut columns = [Vec::with_capacity(count), Vec::with_capacity(count)];
    for point in 0..count {
        let noise = point % 10 == 9;
        let centre = centres[(numbers.uniform() * blobs as f64) as usize];
        for (column, at) in columns.iter_mut().zip(centre) {
            column.push(if noise { side * numbers.uniform() } else { at + numbers.normal() } as f32);
        }
    }
    columns
}

/// A hash (FNV-1a) of all labels.
fn hash(labels: &[i32]) -> u64 {
    labels
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &label| (hash ^ u64::from(label as u32)).wrapping_mul(0x100_0000_01B3))
}

/// Neighbour pairs within dc, from densities of weight 1 and kernel 0.5.
fn neighbours(found: &Clustering) -> f64 {
    found.density.iter().map(|&rho| f64::from(rho - 1.0) * 2.0).sum::<f64>() / found.density.len() as f64
}

fn main() {
    let mut sizes = Vec::new();
    let mut folder = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--write" {
            folder = words.next();
        } else {
            sizes.push(word.parse().expect("a number of points"));
        }
    }
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000, 100_000, 1_000_000];
    }
    println!(
        "   points threads  ms (least)  median    ns/point  neighbours/point  ns/neighbour  clusters  outliers            labels"
    );
    for count in sizes {
        let [x, y] = blobs(count);
        if let Some(folder) = &folder {
            let bytes: Vec<u8> = x.iter().chain(&y).flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(format!("{folder}/points_{count}.f32"), bytes).expect("a writable folder");
        }
        let points = Points::new(&[&x, &y]).unwrap();
        let clue = Clue::new(0.5, 5.0);
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let repeats = (2_000_000 / count).clamp(3, 50);
            let mut times = Vec::new();
            let mut found = Clustering::default();
            for _ in 0..repeats {
                let start = Instant::now();
                found = pool.install(|| clue.run(&points)).unwrap();
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            let (least, per_point) = (times[0], neighbours(&found));
            let outliers = found.cluster.iter().filter(|&&cluster| cluster < 0).count();
            println!(
                "{count:9} {threads:7} {least:11.3} {:7.3} {:11.1} {per_point:17.1} {:13.2} {:9} {outliers:9}  {:016x}",
                times[times.len() / 2],
                least * 1e6 / count as f64,
                least * 1e6 / count as f64 / (per_point + 1.0),
                found.clusters,
                hash(&found.cluster),
            );
        }
    }
}
