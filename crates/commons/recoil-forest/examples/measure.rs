//! Grows a forest on numbers in plain files and tries it: `measure FOLDER FEATURES TREES (values|classes) [exact]`.
//!
//! FOLDER holds `train_x.f32`, `test_x.f32` (feature after feature), `train_y.f64` and `test_y.f64`, little-endian.
//! `benches/forest/compare.sh` makes such folders and runs the same with scikit-learn.
#![allow(clippy::print_stdout)]

use recoil_forest::{Amount, FeatureTable, Forest, Growth, Parameters, Predictor, Target};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// How often the test rows are answered.
const REPEATS: usize = 3;

fn table(path: &Path, features: usize) -> Result<FeatureTable, Box<dyn Error>> {
    let bytes = std::fs::read(path)?;
    let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let columns = values.chunks(values.len() / features).map(<[f32]>::to_vec).collect();
    Ok(FeatureTable::new((0..features).map(|feature| format!("x{feature}")).collect(), columns)?)
}

fn numbers(path: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    Ok(std::fs::read(path)?.as_chunks::<8>().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
}

/// Processor seconds of all threads so far, where the system tells: timings that other work on the machine hardly moves.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, features, trees, kind, rest @ ..] = words.as_slice() else {
        return Err("measure FOLDER FEATURES TREES (values|classes) [exact]".into());
    };
    let (folder, features): (&Path, usize) = (Path::new(folder), features.parse()?);
    let (train, test) = (table(&folder.join("train_x.f32"), features)?, table(&folder.join("test_x.f32"), features)?);
    let (truth, expected) = (numbers(&folder.join("train_y.f64"))?, numbers(&folder.join("test_y.f64"))?);
    let classes = kind == "classes";
    let target = if classes {
        Target::classes(&truth.iter().map(|value| *value as i64).collect::<Vec<_>>())?
    } else {
        Target::values(1, truth)?
    };
    let parameters = Parameters {
        n_estimators: trees.parse()?,
        max_depth: Some(30),
        min_samples_leaf: Amount::Number(10),
        min_samples_split: Amount::Number(10),
        random_state: 42,
        growth: if rest.is_empty() { Growth::Histogram } else { Growth::Exact },
        ..Parameters::default()
    };
    let (start, processor) = (Instant::now(), processor_seconds());
    let forest = Forest::fit(&train, &target, None, &parameters)?;
    let (grown, grown_cpu) = (start.elapsed().as_secs_f64(), processor_seconds() - processor);
    let predictor = Predictor::new(&forest)?;
    let rows = test.row_major();
    let (start, processor) = (Instant::now(), processor_seconds());
    let mut answers = Vec::new();
    for _ in 0..REPEATS {
        answers = predictor.predict(&rows)?;
    }
    let (answered, answered_cpu) = (start.elapsed().as_secs_f64(), processor_seconds() - processor);
    let quality = if classes {
        let of_last: Vec<f64> = answers.iter().skip(1).step_by(2).copied().collect();
        area(&of_last, &expected)
    } else {
        determination(&answers, &expected)
    };
    let nodes: usize = forest.trees().iter().map(recoil_forest::Tree::len).sum();
    let million = (REPEATS * test.rows()) as f64 / 1e6;
    println!(
        "{trees} trees, {} rows, {} threads: grown in {grown:.2} s, {:.4} s of processor time per tree; {:.3} M rows/s, {:.3} M \
         rows per second of processor time; quality {quality:.5}, {} nodes per tree",
        train.rows(),
        rayon::current_num_threads(),
        grown_cpu / forest.trees().len() as f64,
        million / answered,
        million / answered_cpu,
        nodes / forest.trees().len()
    );
    Ok(())
}

fn determination(answers: &[f64], truth: &[f64]) -> f64 {
    let mean = truth.iter().sum::<f64>() / truth.len() as f64;
    let rest: f64 = answers.iter().zip(truth).map(|(a, t)| (a - t).powi(2)).sum();
    1.0 - rest / truth.iter().map(|t| (t - mean).powi(2)).sum::<f64>()
}

/// Area under the receiver operating characteristic, by ranks; ties count half.
fn area(scores: &[f64], truth: &[f64]) -> f64 {
    let last = truth.iter().copied().fold(f64::MIN, f64::max);
    let mut pairs: Vec<(f64, bool)> = scores.iter().zip(truth).map(|(score, truth)| (*score, *truth == last)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut place, mut ranks) = (0, 0.0);
    while place < pairs.len() {
        let end = place + pairs[place..].iter().take_while(|pair| pair.0 == pairs[place].0).count();
        let rank = (place + end + 1) as f64 / 2.0;
        ranks += rank * pairs[place..end].iter().filter(|pair| pair.1).count() as f64;
        place = end;
    }
    let positive = pairs.iter().filter(|pair| pair.1).count() as f64;
    (ranks - positive * (positive + 1.0) / 2.0) / (positive * (pairs.len() as f64 - positive))
}
