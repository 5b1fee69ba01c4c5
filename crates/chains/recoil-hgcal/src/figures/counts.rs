//! How many seeds and clusters an event has.

use recoil_plot::{Figure, Hist, Panel};

use super::{color, digits, single};

/// Number of something in every event of a sample, for one configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counts {
    /// Legend entry.
    pub label: String,
    /// One number per event, zeros included.
    pub per_event: Vec<usize>,
}

impl Counts {
    /// Mean number.
    pub fn mean(&self) -> f64 {
        self.per_event.iter().sum::<usize>() as f64 / self.per_event.len() as f64
    }
}

/// Distribution of the number of `what` (such as `seeds`) per event.
pub fn per_event(what: &str, sample: &str, counts: &[Counts]) -> Figure {
    let all = || counts.iter().flat_map(|c| &c.per_event).copied();
    let (low, high) = (all().min().unwrap_or(0), all().max().unwrap_or(1));
    // few counts from zero on, many around where they are
    let low = if low < 10 { 0 } else { low - 2 };
    let width = ((high + 1 - low).div_ceil(60)).max(1);
    let bins = (high + 2 - low).div_ceil(width).max(4);
    let edges: Vec<f64> = (0..=bins).map(|i| (low + i * width) as f64 - 0.5).collect();
    let unit = if width == 1 { String::new() } else { format!(" / {width}") };
    let mut panel = Panel::new(format!("Number of {what}"), format!("Fraction of events{unit}"));
    // with a handful of bins almost everything sits in one of them
    let few = low == 0 && width == 1 && bins <= 12;
    let names: Vec<String> = (0..bins).map(|n| n.to_string()).collect();
    let edges = if few { edges.iter().map(|e| e + 0.5).collect() } else { edges };
    if few {
        panel = panel.x_categories(&names.iter().map(String::as_str).collect::<Vec<_>>()).log_y().y_range(2e-5, 30.0);
    }
    for (i, own) in counts.iter().enumerate() {
        let mut filled = vec![0.0; bins];
        for n in &own.per_event {
            if let Some(bin) = filled.get_mut((n - low.min(*n)) / width) {
                *bin += 1.0 / own.per_event.len() as f64;
            }
        }
        let label = format!("{}: mean {}", own.label, digits(own.mean(), 4));
        let mut hist = Hist::new(&edges, &filled).label(label).color(color(i, counts.len()));
        if i == 0 {
            hist = hist.filled();
        }
        panel = panel.add(hist);
    }
    single(panel, sample)
}
