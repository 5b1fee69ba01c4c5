//! Reads all branches of a tree and prints how fast, and the seconds last: `root_read FILE TREE [repeats] [rows]`.
//!
//! Reads batches of about so many rows (200 000), as a program that streams does. The number of threads is rayon's
//! (`RAYON_NUM_THREADS`).

use std::time::Instant;

use recoil_root::{Branch, Column, RootFile};

// as the program has it: large buffers come back without page faults
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, path, rest @ ..] = arguments.as_slice() else {
        return Err("usage: root_read FILE TREE [repeats] [rows]".into());
    };
    let repeats: usize = rest.first().map_or(Ok(3), |n| n.parse())?;
    let rows: u64 = rest.get(1).map_or(Ok(200_000), |n| n.parse())?;
    let (mut best, mut bytes) = (f64::INFINITY, 0);
    for _ in 0..repeats {
        let start = Instant::now();
        let tree = RootFile::open(file)?.tree(path)?;
        let branches: Vec<&Branch> = tree.branches().iter().filter(|branch| branch.ty().is_supported()).collect();
        bytes = 0;
        for batch in tree.batches(&branches, rows) {
            bytes += tree.read_many(&branches, batch)?.iter().map(Column::byte_size).sum::<usize>();
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let mb = bytes as f64 / 1e6;
    let mut out = std::io::stdout().lock();
    std::io::Write::write_fmt(&mut out, format_args!("{file}: {mb:.1} MB at {:.0} MB/s, {best:.4}\n", mb / best))?;
    Ok(())
}
