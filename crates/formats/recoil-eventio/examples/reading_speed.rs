//! Reads a file of sim_telarray, all samples and true photo-electrons: `reading_speed FILE REPEATS`.
//!
//! Prints what was found, the processor seconds of the fastest reading and the largest memory, as JSON.
//! `benches/iact/compare_reading.sh` runs it beside pyeventio.
#![allow(clippy::print_stdout)]

use recoil_eventio::simtel::{Event, Recorded, SimtelReader, Wanted};
use std::error::Error;
use std::hint::black_box;
use std::path::Path;

fn read(path: &Path, mut each: impl FnMut(&Event)) -> recoil_eventio::Result<()> {
    let mut reader = SimtelReader::open(path, Wanted { telescopes: Vec::new(), photo_electrons: true })?;
    while let Some(event) = reader.next_event()? {
        each(black_box(&event));
    }
    Ok(())
}

/// Processor seconds of this thread so far, where the system tells.
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1e9
}

/// Largest memory so far \[MB\], where the system tells.
fn largest_memory() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [path, repeats] = words.as_slice() else { return Err("reading_speed FILE REPEATS".into()) };
    let (path, repeats) = (Path::new(path), repeats.parse::<u32>()?);
    let (mut events, mut samples, mut counts, mut light) = (0_u64, 0_u64, 0_u64, 0_i64);
    read(path, |event| {
        events += 1;
        for part in &event.telescopes {
            if let Recorded::Samples(recorded) = &part.recorded {
                samples += recorded.samples.len() as u64;
                counts += recorded.samples.iter().map(|count| u64::from(*count)).sum::<u64>();
            }
        }
        light +=
            event.photo_electrons.iter().flat_map(|found| &found.counts).map(|count| i64::from(*count)).sum::<i64>();
    })?;
    let mut best = f64::INFINITY;
    for _ in 0..repeats {
        let start = processor_seconds();
        read(path, |_| ())?;
        best = best.min(processor_seconds() - start);
    }
    let size = std::fs::metadata(path)?.len() as f64;
    println!(
        "{{\"program\": \"recoil\", \"events\": {events}, \"samples\": {samples}, \"counts\": {counts}, \
         \"photo_electrons\": {light}, \"cpu_seconds\": {best:.4}, \"events_per_second\": {:.1}, \
         \"mb_per_second\": {:.1}, \"peak_mb\": {:.1}}}",
        events as f64 / best,
        size / best / 1e6,
        largest_memory()
    );
    Ok(())
}
