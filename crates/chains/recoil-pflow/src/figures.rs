//! Figures of merit in the conventions of the field.

use recoil_plot::{Annotations, Color, Figure, HeatMap, LegendAt, Line, Panel, Points};
use recoil_stats::interval::ONE_SIGMA;
use recoil_stats::{Axis, Efficiency1, Hist1};

use crate::data::classes;
use crate::error::Result;
use crate::evaluation::Spread;
use crate::evaluation::performance::Performance;
use crate::network::train::Judgement;

/// An algorithm by its name.
pub type Named<'a> = (&'a str, &'a Performance);

/// The figure with the labels that all of the chain have.
fn labelled(figure: Figure) -> Figure {
    figure.experiment("recoil", "Simulation")
}

/// Medians, and interquartile ranges over medians, in bins of a momentum.
pub fn response(title: &str, edges: &[f64], lines: &[(&str, Vec<Spread>)]) -> Figure {
    let mut main = Panel::new("", "Median response").add(Line::horizontal(1.0).color(Color::hex(0x99_9999)));
    let mut width = Panel::new(title, "IQR / median").y_from(0.0).legend(LegendAt::Hidden);
    for (index, (name, bins)) in lines.iter().enumerate() {
        let color = Color::cycle(index, lines.len().max(3));
        // the error of a median, and of a range of a normal distribution, from the number of entries
        let error = |spread: &Spread, scale: f64| {
            spread.iqr.map_or(f64::NAN, |iqr| scale * iqr / 1.349 / (spread.entries.max(1) as f64).sqrt())
        };
        let median: Vec<f64> = bins.iter().map(|spread| spread.median.unwrap_or(f64::NAN)).collect();
        let relative: Vec<f64> = bins.iter().map(|spread| spread.relative().unwrap_or(f64::NAN)).collect();
        let of = |scale: f64| bins.iter().map(|spread| error(spread, scale)).collect::<Vec<f64>>();
        main = main.add(Points::profile(edges, &median, &of(1.2533)).color(color).label(*name));
        width = width.add(Points::profile(edges, &relative, &of(1.573)).color(color).label(*name));
    }
    labelled(Figure::column(vec![main, width]))
}

/// Losses of a training against processor time.
pub fn history(history: &[Judgement]) -> Figure {
    let of = |value: fn(&Judgement) -> f64| history.iter().map(value).collect::<Vec<f64>>();
    let steps = of(|judgement| judgement.step as f64);
    let loss = Panel::new("", "Loss")
        .add(Line::new(&steps, &of(|judgement| judgement.training)).color(Color::cycle(0, 3)).label("training"))
        .add(Line::new(&steps, &of(|judgement| judgement.validation[0])).color(Color::cycle(1, 3)).label("validation"));
    let accuracy = Panel::new("Step", "Accuracy")
        .legend(LegendAt::Hidden)
        .add(Line::new(&steps, &of(|judgement| judgement.accuracy)).color(Color::cycle(1, 3)).label("validation"));
    labelled(Figure::column(vec![loss, accuracy]))
}

/// Shapes of distributions of several algorithms.
pub fn shapes(title: &str, axis: &Axis, lines: &[(&str, Vec<f64>)]) -> Figure {
    let mut panel = Panel::new(title, "Share of the entries").y_from(0.0);
    for (index, (name, values)) in lines.iter().enumerate() {
        let mut hist = Hist1::new(axis.clone());
        hist.fill_slice(values);
        let total = values.len().max(1) as f64;
        let share: Vec<f64> = hist.values().iter().map(|count| count / total).collect();
        let color = Color::cycle(index, lines.len().max(3));
        panel = panel.add(recoil_plot::Hist::new(&axis.edges(), &share).color(color).label(*name));
    }
    labelled(Figure::new(panel))
}

/// Confusion matrix, each row normalised to the true class; numbers in percent.
pub fn confusion(name: &str, performance: &Performance) -> Figure {
    let matrix = &performance.confusion;
    let used: Vec<usize> =
        (0..matrix.classes()).filter(|class| matrix.row(*class) + matrix.column(*class) > 0).collect();
    let names: Vec<&str> = used.iter().map(|class| performance.class_short_name(*class)).collect();
    let edges: Vec<f64> = (0..=used.len()).map(|edge| edge as f64).collect();
    let share = |truth: usize, found: usize| matrix.count(truth, found) as f64 / matrix.row(truth).max(1) as f64;
    let mut values = Vec::new();
    let (mut dark, mut light) = (Annotations::new(), Annotations::new().color(Color::hex(0xff_ffff)));
    for (y, truth) in used.iter().enumerate() {
        for (x, found) in used.iter().enumerate() {
            let value = share(*truth, *found);
            values.push(value);
            let text = format!("{:.1}", 100.0 * value);
            let (x, y) = (x as f64 + 0.5, y as f64 + 0.5);
            if value > 0.6 {
                dark = dark.text(x, y, text);
            } else {
                light = light.text(x, y, text);
            }
        }
    }
    let map =
        HeatMap::new(&edges, &edges, &values).color_range(0.0, 1.0).show_zero().color_title("Share of the true class");
    let panel = Panel::new("Reconstructed", "True")
        .x_categories(&names)
        .y_categories(&names)
        .add(map)
        .add(dark)
        .add(light)
        .legend(LegendAt::Hidden);
    labelled(Figure::new(panel).title(format!("Confusion of {name}"))).sample(name)
}

/// Efficiency of a class, and below its share of fakes, in bins with at least `least` entries.
///
/// # Errors
/// None for counts that are what they are.
pub fn efficiency(title: &str, note: &str, lines: &[(&str, &Efficiency1, &Efficiency1)], least: f64) -> Result<Figure> {
    let mut main = Panel::new("", "Efficiency").y_range(0.0, 1.25).note(note);
    let mut below = Panel::new(title, "Fakes").y_range(0.0, 1.0).legend(LegendAt::Hidden);
    for (index, (name, efficiency, fakes)) in lines.iter().enumerate() {
        let color = Color::cycle(index, lines.len().max(3));
        let points = |of: &Efficiency1| -> Result<Points> {
            let intervals = of.intervals(ONE_SIGMA)?;
            let enough: Vec<bool> = of.total().values().iter().map(|count| *count >= least).collect();
            let pick = |value: fn(&recoil_stats::Interval) -> f64| -> Vec<f64> {
                let pairs = intervals.iter().zip(&enough);
                pairs.map(|(interval, enough)| if *enough { value(interval) } else { f64::NAN }).collect()
            };
            Ok(Points::efficiency(&of.axis().edges(), &pick(|i| i.value), &pick(|i| i.low), &pick(|i| i.high)))
        };
        main = main.add(points(efficiency)?.color(color).label(*name).size(3.0));
        below = below.add(points(fakes)?.color(color).label(*name).size(3.0));
    }
    Ok(labelled(Figure::column(vec![main, below])))
}

/// Title of an axis for a variable of a class.
pub fn variable_title(class: i32, variable: &str) -> String {
    let of = classes::name(class);
    match variable {
        "pt" => format!("p_{{T}} of the {of} [GeV]"),
        "eta" => format!(r"\eta of the {of}"),
        _ => format!("Energy of the {of} [GeV]"),
    }
}
