//! Times the writing of one million rows of 20 float columns and 5 jagged float columns of mean length 4 (200 MB).
//!
//! `write_speed DIRECTORY` writes `speed_<compression>.root` with each compression and prints, one per line, the
//! compression, the seconds on the clock and of the processors (best of three) and the bytes of the file.
//! `RAYON_NUM_THREADS` sets the threads. `benches/root/write_speed.py` compares with uproot.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use recoil_root::write::{Compression, FileWriter, Options};
use recoil_root::{Column, Result, Type};

const ROWS: usize = 1_000_000;
const BATCH: usize = 50_000;

// as the program has it: large buffers come back without page faults
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("which directory?")?;
    let batches: Vec<Vec<Column>> = (0..ROWS / BATCH).map(|batch| columns(batch as u64)).collect();
    let kinds = [
        ("none", Compression::None),
        ("lz4", Compression::Lz4),
        ("zstd5", Compression::Zstd(5)),
        ("zlib1", Compression::Zlib(1)),
    ];
    for (name, compression) in kinds {
        let path = Path::new(&folder).join(format!("speed_{name}.root"));
        let (mut best, mut best_busy) = (f64::INFINITY, f64::INFINITY);
        let mut bytes = 0;
        for _ in 0..3 {
            let (start, busy) = (Instant::now(), processor_seconds()?);
            bytes = write(&path, compression, &batches)?;
            best = best.min(start.elapsed().as_secs_f64());
            best_busy = best_busy.min(processor_seconds()? - busy);
        }
        writeln!(std::io::stdout(), "{name} {best:.4} {best_busy:.2} {bytes}")?;
    }
    Ok(())
}

/// Seconds that the processors spent on this program so far, from Linux's table of processes.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    const TICKS_PER_SECOND: f64 = 100.0;
    let table = std::fs::read_to_string("/proc/self/stat")?;
    // the second field is the program's name in brackets; of those after it, 11 and 12 are user and system time
    let after_name = table.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: Vec<f64> = after_name.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

fn write(path: &Path, compression: Compression, batches: &[Vec<Column>]) -> Result<u64> {
    let mut file = FileWriter::create(path, Options { compression, ..Options::default() })?;
    let names = (0..20).map(|column| format!("f{column}")).chain((0..5).map(|column| format!("j{column}")));
    let types = batches.first().map_or(&[] as &[Column], Vec::as_slice).iter().map(Column::ty);
    let columns: Vec<(String, Type)> = names.zip(types).collect();
    let mut tree = file.tree("t", "", &columns)?;
    for batch in batches {
        tree.extend(batch)?;
    }
    tree.finish()?;
    file.finish()
}

/// Normal and exponential numbers at a resolution of 12 bits of mantissa, as calibrated detector data have it.
fn columns(batch: u64) -> Vec<Column> {
    let mut state = 1 + batch;
    let mut uniform = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 + 0.5) / (1 << 24) as f32
    };
    let mut number = move || f32::from_bits((-uniform().ln() * 10.0 - uniform()).to_bits() & !0x7ff);
    let mut columns: Vec<Column> =
        (0..20).map(|_| Column::Prim((0..BATCH).map(|_| number()).collect::<Vec<_>>().into())).collect();
    for jagged in 0..5 {
        let mut offsets = vec![0];
        for row in 0..BATCH {
            let length = (row * (7 + jagged) / 3) % 9;
            offsets.push(offsets.last().copied().unwrap_or(0) + length as i64);
        }
        let items = offsets.last().copied().unwrap_or(0);
        let values = (0..items).map(|_| number()).collect::<Vec<_>>();
        columns.push(Column::List { offsets, inner: Box::new(Column::Prim(values.into())) });
    }
    columns
}
