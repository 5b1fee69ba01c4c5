//! Reads all branches of a tree and prints how fast: `root_read FILE TREE [repeats]`.
//!
//! The number of threads is rayon's (`RAYON_NUM_THREADS`).

use std::time::Instant;

use recoil_root::{Branch, RootFile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, path, rest @ ..] = arguments.as_slice() else {
        return Err("usage: root_read FILE TREE [repeats]".into());
    };
    let repeats: usize = rest.first().map_or(Ok(3), |n| n.parse())?;
    let (mut best, mut bytes) = (f64::INFINITY, 0);
    for _ in 0..repeats {
        let start = Instant::now();
        let tree = RootFile::open(file)?.tree(path)?;
        bytes = 0;
        for branch in tree.branches().iter().filter(|branch: &&Branch| branch.ty().is_supported()) {
            bytes += tree.read(branch, 0..branch.entries())?.byte_size();
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let mb = bytes as f64 / 1e6;
    let mut out = std::io::stdout().lock();
    std::io::Write::write_fmt(&mut out, format_args!("{file}: {mb:.1} MB at {:.0} MB/s\n", mb / best))?;
    Ok(())
}
