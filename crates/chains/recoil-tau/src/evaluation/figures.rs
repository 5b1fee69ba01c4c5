//! Figures of ROC curves and efficiencies.

use recoil_plot::{Band, Color, Dash, Figure, Line, Marker, Panel, Points};
use recoil_stats::interval::{self, Interval};

use super::Fake;
use super::efficiency::Variable;
use super::performance::Curve;

/// A curve of a figure with its legend entry.
pub struct Labelled<'a> {
    /// Name of the model.
    pub label: &'a str,
    /// Rates through all thresholds.
    pub curve: Option<&'a Curve>,
    /// Working points.
    pub points: Option<&'a Curve>,
}

/// Limits of the axes by the conventions of the field: tau efficiency, fake rate, ratio.
fn ranges(kind: Fake) -> ([f64; 2], [f64; 2], [f64; 2]) {
    match kind {
        Fake::E => ([0.5, 1.0], [2e-5, 1.0], [0.2, 2.0]),
        Fake::Mu => ([0.8, 1.0], [2e-5, 1.0], [0.5, 2.0]),
        Fake::Jet => ([0.3, 1.0], [3e-4, 1.0], [0.4, 1.6]),
    }
}

/// Rates of fakes with their intervals, without the last point where the efficiency jumps by more than 0.01.
fn rates(curve: &Curve, level: f64) -> (Vec<f64>, Vec<Interval>) {
    let mut x = curve.true_positive_rate.clone();
    let mut y: Vec<Interval> = (curve.false_positive_rate.iter())
        .map(|&rate| {
            let total = curve.fakes();
            let unknown = Interval { value: rate, low: rate, high: rate };
            let found = interval::clopper_pearson((rate * total).min(total), total, level).unwrap_or(unknown);
            Interval { value: rate, ..found }
        })
        .collect();
    if let [.., before, last] = x.as_slice()
        && last - before > 0.01
    {
        x.pop();
        y.pop();
    }
    (x, y)
}

/// `y` at `at`, straight between points of increasing `x`; NaN outside.
fn interpolated(x: &[f64], y: &[f64], at: f64) -> f64 {
    let above = x.partition_point(|&value| value < at);
    match (above.checked_sub(1), x.get(above), y.get(above)) {
        (_, Some(&exact), Some(&value)) if exact == at => value,
        (Some(below), Some(&high), Some(&value)) => match (x.get(below), y.get(below)) {
            (Some(&low), Some(&from)) => from + (value - from) * (at - low) / (high - low),
            _ => f64::NAN,
        },
        _ => f64::NAN,
    }
}

/// Fake rates of models divided by those of the first, at the first one's efficiencies.
pub fn ratio(reference: &Curve, other: &Curve) -> (Vec<f64>, Vec<f64>) {
    let (x, y) = (&reference.true_positive_rate, &reference.false_positive_rate);
    let pairs = x.iter().zip(y).filter(|(_, rate)| **rate > 0.0);
    let at =
        |(&x, &rate): (&f64, &f64)| (x, interpolated(&other.true_positive_rate, &other.false_positive_rate, x) / rate);
    pairs.map(at).filter(|(_, ratio)| ratio.is_finite()).unzip()
}

/// Tau efficiency against fake rate of several models, with bands of the central interval and the ratio to the first.
pub fn roc(kind: Fake, models: &[Labelled<'_>], region: &str, sample: &str, level: f64) -> Figure {
    let (x_range, y_range, ratio_range) = ranges(kind);
    let x_title = r"\tau_{h} efficiency";
    let mut main = Panel::new(x_title, format!("Misidentification of {}", kind.title()))
        .log_y()
        .x_range(x_range[0], x_range[1])
        .y_range(y_range[0], y_range[1])
        .note(region);
    let first = models.first().map(|model| model.label).unwrap_or_default();
    let mut low = Panel::new(x_title, format!("Ratio to {first}"))
        .x_range(x_range[0], x_range[1])
        .y_range(ratio_range[0], ratio_range[1])
        .add(Line::horizontal(1.0));
    let reference = models.first().and_then(|model| model.curve);
    for (place, model) in models.iter().enumerate() {
        let color = Color::cycle(place, models.len());
        if let Some(curve) = model.curve {
            let (x, y) = rates(curve, level);
            let of = |value: fn(&Interval) -> f64| y.iter().map(value).collect::<Vec<_>>();
            main = main.add(Band::new(&x, &of(|y| y.low.max(1e-9)), &of(|y| y.high)).color(color).opacity(0.25));
            main = main.add(Line::new(&x, &of(|y| y.value)).color(color).label(model.label));
            if let Some(reference) = reference {
                let (x, values) = ratio(reference, curve);
                low = low.add(Line::new(&x, &values).color(color));
                let (own, intervals) = rates(curve, level);
                let relative = |limit: fn(&Interval) -> f64| -> Vec<f64> {
                    let limits: Vec<f64> = intervals.iter().map(limit).collect();
                    x.iter()
                        .map(|&at| {
                            let reference =
                                interpolated(&reference.true_positive_rate, &reference.false_positive_rate, at);
                            interpolated(&own, &limits, at) / reference
                        })
                        .collect()
                };
                low = low.add(Band::new(&x, &relative(|y| y.low), &relative(|y| y.high)).color(color).opacity(0.2));
            }
        }
        if let Some(points) = model.points {
            let (x, y) = (&points.true_positive_rate, &points.false_positive_rate);
            let mut drawn = Points::new(x, y).color(color).marker(Marker::Circle);
            if let (Some(up), Some(down)) = (&points.false_positive_rate_up, &points.false_positive_rate_down) {
                drawn = drawn.y_errors_asym(down, up);
            }
            if model.curve.is_none() {
                drawn = drawn.label(model.label);
            }
            main = main.add(drawn);
        }
    }
    Figure::with_ratio(main, low).experiment("recoil", "Simulation").sample(sample)
}

/// Efficiencies of working points in bins: one series per point.
pub struct Binned<'a> {
    /// Name of the working point.
    pub label: &'a str,
    /// Tau efficiencies.
    pub taus: Vec<Interval>,
    /// Fake rates.
    pub fakes: Vec<Interval>,
}

/// The points of one panel: of taus or of fakes.
fn drawn(mut panel: Panel, edges: &[f64], points: &[Binned<'_>], of_taus: bool) -> Panel {
    for (place, point) in points.iter().enumerate() {
        let intervals = if of_taus { &point.taus } else { &point.fakes };
        let side = |value: fn(&Interval) -> f64| intervals.iter().map(value).collect::<Vec<_>>();
        let series = Points::efficiency(edges, &side(|y| y.value), &side(|y| y.low), &side(|y| y.high));
        panel = panel.add(series.label(point.label).color(Color::cycle(place, points.len())).size(3.0));
    }
    panel
}

/// Tau efficiency above fake rate in bins of a variable.
pub fn efficiency(kind: Fake, variable: Variable, edges: &[f64], points: &[Binned<'_>], sample: &str) -> Figure {
    let mut above = Panel::new(variable.title(), r"\tau_{h} efficiency").y_range(0.0, 1.3);
    let mut below = Panel::new(variable.title(), format!("Misidentification of {}", kind.title())).log_y();
    if variable == Variable::Pt {
        (above, below) = (above.log_x(), below.log_x());
    }
    let above = drawn(above, edges, points, true).add(Line::horizontal(1.0).dash(Dash::Dashed));
    let below = drawn(below, edges, points, false).legend(recoil_plot::LegendAt::Hidden);
    Figure::column(vec![above, below]).experiment("recoil", "Simulation").sample(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_by_hand() {
        let (x, y) = ([0.0, 0.5, 1.0], [0.0, 1.0, 3.0]);
        for (at, expected) in [(0.0, 0.0), (0.25, 0.5), (0.5, 1.0), (0.75, 2.0), (1.0, 3.0)] {
            assert!((interpolated(&x, &y, at) - expected).abs() < 1e-15);
        }
        assert!(interpolated(&x, &y, 1.1).is_nan() && interpolated(&x, &y, -0.1).is_nan());
    }
}
