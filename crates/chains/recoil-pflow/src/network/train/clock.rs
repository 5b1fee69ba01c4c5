//! Processor time of this program.

use std::time::Instant;

/// Measures processor seconds of all threads; where the system does not tell, seconds on the wall.
#[derive(Clone, Copy, Debug)]
pub struct CpuClock {
    start: Option<f64>,
    wall: Instant,
}

/// Ticks per second of the kernel's accounting.
const TICKS: f64 = 100.0;

fn used() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // the name in parentheses may hold blanks
    let mut words = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = words.next()?.parse::<f64>().ok()? + words.next()?.parse::<f64>().ok()?;
    Some(ticks / TICKS)
}

impl CpuClock {
    /// Starts now.
    pub fn now() -> Self {
        Self { start: used(), wall: Instant::now() }
    }

    /// Starts with the program.
    pub fn of_program() -> Self {
        Self { start: used().map(|_| 0.0), wall: Instant::now() }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.start.and_then(|start| Some(used()? - start)).unwrap_or_else(|| self.wall.elapsed().as_secs_f64())
    }
}
