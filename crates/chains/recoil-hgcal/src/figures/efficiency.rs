//! Efficiencies and splitting fractions with Clopper-Pearson intervals.

use recoil_plot::{Figure, Line, Panel, Points};
use recoil_stats::Efficiency1;
use recoil_stats::interval::{Interval, clopper_pearson};

use super::{Against, ETA, Outcome, PT, color, fixed, marker, single};
use crate::validate::Comparison;

/// Content of the intervals.
const LEVEL: f64 = 0.95;

/// Fraction of particles with a cluster, in bins of the generated transverse momentum.
pub fn against_pt(sample: &str, outcomes: &[Outcome]) -> Figure {
    single(efficiency(&Against { range: (0.0, 20.0, 20), ..PT }, outcomes).y_range(0.0, 1.35), sample)
}

/// Fraction of particles with a cluster, in bins of the generated |eta|.
pub fn against_eta(sample: &str, outcomes: &[Outcome]) -> Figure {
    single(efficiency(&ETA, outcomes), sample)
}

fn efficiency(x: &Against, outcomes: &[Outcome]) -> Panel {
    let panel = Panel::new(x.title, "Efficiency").note("particles with a cluster").add(Line::horizontal(1.0));
    fractions(panel, x, outcomes, |_| true, |row| row.clusters > 0, 1.0, |i| format!("{}%", fixed(100.0 * i.value, 2)))
}

/// Fraction of the particles with clusters that became more than one cluster, in bins of the generated |eta|.
pub fn splitting_against_eta(sample: &str, outcomes: &[Outcome]) -> Figure {
    let panel = Panel::new(ETA.title, "Split showers [%]").note("more than one cluster / at least one");
    let whole = |i: Interval| {
        format!("{}% [{}, {}]", fixed(100.0 * i.value, 2), fixed(100.0 * i.low, 2), fixed(100.0 * i.high, 2))
    };
    let drawn = fractions(panel, &ETA, outcomes, |row| row.clusters > 0, |row| row.clusters > 1, 100.0, whole);
    single(drawn.y_from(0.0), sample)
}

/// Splitting of one outcome with its 95 % interval.
pub fn splitting(outcome: &Outcome) -> Option<Interval> {
    let split = outcome.seen().filter(|row| row.clusters > 1).count();
    clopper_pearson(split as f64, outcome.seen().count() as f64, LEVEL).ok()
}

/// Fraction of particles with a cluster with its 95 % interval.
pub fn found(outcome: &Outcome) -> Option<Interval> {
    clopper_pearson(outcome.seen().count() as f64, outcome.rows.len() as f64, LEVEL).ok()
}

fn fractions(
    mut panel: Panel,
    x: &Against,
    outcomes: &[Outcome],
    counts: fn(&Comparison) -> bool,
    passes: fn(&Comparison) -> bool,
    scale: f64,
    overall: impl Fn(Interval) -> String,
) -> Panel {
    let Some(axis) = x.axis(outcomes.first().map_or(0, |o| o.rows.len())) else { return panel };
    panel = panel.note("bars: 95% Clopper-Pearson");
    for (i, outcome) in outcomes.iter().enumerate() {
        let mut bins = Efficiency1::new(axis.clone());
        let (mut pass, mut total) = (0.0, 0.0);
        for row in outcome.rows.iter().filter(|row| counts(row)) {
            bins.fill((x.of)(&row.truth), passes(row));
            pass += f64::from(u8::from(passes(row)));
            total += 1.0;
        }
        let (Ok(intervals), Ok(all)) = (bins.intervals(LEVEL), clopper_pearson(pass, total, LEVEL)) else { continue };
        let column = |f: fn(&Interval) -> f64| intervals.iter().map(|i| scale * f(i)).collect::<Vec<_>>();
        let (value, low, high) = (column(|i| i.value), column(|i| i.low), column(|i| i.high));
        let points = Points::efficiency(&axis.edges(), &value, &low, &high);
        let label = format!("{}: {}", outcome.label, overall(all));
        panel = panel.add(points.label(label).color(color(i, outcomes.len())).marker(marker(i)));
    }
    panel
}
