//! How time runs along an image: a straight line fitted to the times of the pixels by least trimmed squares.
//!
//! From several two-point starts the line is refitted to the 85 % of points that lie closest until the cost settles; the
//! lowest cost wins. The field's programs draw five starts from a Mersenne Twister that they seed with 0 for every image;
//! [`Starts::Reference`] repeats these. [`Starts::Thorough`] adds pairs chosen by where they lie along the image, from which
//! the true minimum is found more often.

use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::twister::{Twister, up_to};

/// Share of the points that a line is fitted to.
const SHARE: f64 = 0.85;
/// Most refits from one start.
const MOST_STEPS: usize = 20;
/// Change of the cost that ends the refits.
const SETTLED: f64 = 1e-12;
/// Starts of the reference.
const REFERENCE_STARTS: usize = 5;
/// Determinant of the normal equations below which a line is not defined.
const SINGULAR: f64 = 4.4e-16;

/// Which starts are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Starts {
    /// The five random ones of the reference.
    #[default]
    Reference,
    /// Those and 20 more, spread over the image.
    Thorough,
}

/// A line of time over position.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// Slope \[ns/m\].
    pub slope: f64,
    /// Time at the centroid \[ns\].
    pub intercept: f64,
    /// Sum of the squared residuals of the points that it was fitted to \[ns2\].
    pub cost: f64,
}

/// Fits lines; holds memory that is used again.
#[derive(Clone, Debug, Default)]
pub struct TimingFit {
    starts: Starts,
    order: Vec<u16>,
    residuals: Vec<(f64, u32)>,
}

impl TimingFit {
    /// A fit with these starts.
    pub fn new(starts: Starts) -> Self {
        Self { starts, ..Self::default() }
    }

    /// The line through times `t` \[ns\] at positions `l` \[m\]; `None` if no start gives one.
    pub fn fit(&mut self, l: &[f64], t: &[f64]) -> Option<Line> {
        let mut best: Option<Line> = None;
        let mut outputs = Outputs::default();
        let attempt = |fit: &mut Self, (a, b): (usize, usize), best: &mut Option<Line>| {
            if let Some(line) = fit.refit(l, t, a, b)
                && best.is_none_or(|known| line.cost < known.cost)
            {
                *best = Some(line);
            }
        };
        for _ in 0..REFERENCE_STARTS {
            let pair = self.draw(&mut outputs, l.len())?;
            attempt(self, pair, &mut best);
        }
        if self.starts == Starts::Thorough {
            for pair in spread(l) {
                attempt(self, pair, &mut best);
            }
        }
        best
    }

    /// The first two of a random order of `n` points.
    fn draw(&mut self, outputs: &mut Outputs, n: usize) -> Option<(usize, usize)> {
        self.order.clear();
        self.order.extend((0..n).map(|point| point as u16));
        for last in (1..n).rev() {
            self.order.swap(last, up_to(last as u32, || outputs.output()) as usize);
        }
        match *self.order.as_slice() {
            [first, second, ..] => Some((first.into(), second.into())),
            _ => None,
        }
    }

    fn refit(&mut self, l: &[f64], t: &[f64], a: usize, b: usize) -> Option<Line> {
        let at = |point: usize| Some((*l.get(point)?, *t.get(point)?));
        let start = [at(a)?, at(b)?];
        let mut line = least_squares(start.into_iter())?;
        let wanted = (SHARE * l.len() as f64) as usize;
        let mut last = cost(&line, start.into_iter());
        for _ in 0..MOST_STEPS {
            self.residuals.clear();
            let squared = l.iter().zip(t).map(|(l, t)| (line.slope * l + line.intercept - t).powi(2));
            self.residuals.extend(squared.zip(0..));
            let near = self.nearest(wanted);
            let points = || near.iter().filter_map(|(_, point)| at(*point as usize));
            line = least_squares(points())?;
            line.cost = cost(&line, points());
            if (last - line.cost).abs() < SETTLED {
                break;
            }
            last = line.cost;
        }
        Some(line)
    }

    /// The points with the smallest residuals.
    fn nearest(&mut self, wanted: usize) -> &[(f64, u32)] {
        if wanted < self.residuals.len() {
            self.residuals.select_nth_unstable_by(wanted, |a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        }
        self.residuals.get(..wanted).unwrap_or(&self.residuals)
    }
}

fn cost(line: &Line, points: impl Iterator<Item = (f64, f64)>) -> f64 {
    points.map(|(l, t)| (line.slope * l + line.intercept - t).powi(2)).sum()
}

/// The line of least squares through points; `None` if their positions do not differ.
fn least_squares(points: impl Iterator<Item = (f64, f64)>) -> Option<Line> {
    let (mut n, mut sl, mut st, mut sll, mut slt) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (l, t) in points {
        n += 1.0;
        sl += l;
        st += t;
        sll += l * l;
        slt += l * t;
    }
    let determinant = n * sll - sl * sl;
    if determinant.is_nan() || determinant < SINGULAR {
        return None;
    }
    let slope = (n * slt - sl * st) / determinant;
    let intercept = (sll * st - sl * slt) / determinant;
    Some(Line { slope, intercept, cost: f64::INFINITY })
}

/// Pairs of points at opposite ends of the image: the points in order of position, taken from both sides.
fn spread(l: &[f64]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..l.len()).collect();
    let position = |point: usize| l.get(point).copied().unwrap_or(0.0);
    order.sort_by(|a, b| position(*a).total_cmp(&position(*b)).then(a.cmp(b)));
    let half = order.len() / 2;
    let take = |fraction: f64, from: usize| order.get(from + (fraction * half as f64) as usize).copied();
    let steps = [0.02, 0.12, 0.3, 0.5, 0.7];
    let pairs = steps.iter().flat_map(|low| [0.2, 0.45, 0.7, 0.95].map(|high| (take(*low, 0), take(high, half))));
    pairs.filter_map(|pair| Some((pair.0?, pair.1?))).collect()
}

/// The outputs of a Mersenne Twister seeded with 0, from the first.
#[derive(Default)]
struct Outputs {
    next: usize,
    more: Option<Box<Twister>>,
}

/// Number of outputs that are kept ready: enough for five orders of a thousand points.
const READY: usize = 10_000;

fn ready() -> &'static [u32] {
    static OUTPUTS: OnceLock<Vec<u32>> = OnceLock::new();
    OUTPUTS.get_or_init(|| Twister::new(0).take(READY).collect())
}

impl Outputs {
    fn output(&mut self) -> u32 {
        let at = self.next;
        self.next += 1;
        if let Some(output) = ready().get(at) {
            return *output;
        }
        let twister = self.more.get_or_insert_with(|| {
            let mut twister = Twister::new(0);
            let _ = twister.by_ref().take(READY).count();
            Box::new(twister)
        });
        twister.next().unwrap_or(0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn outputs_go_on_behind_those_that_are_ready() {
        let mut outputs = Outputs { next: READY - 1, more: None };
        let all: Vec<u32> = Twister::new(0).skip(READY - 1).take(3).collect();
        assert_eq!([outputs.output(), outputs.output(), outputs.output()], all[..]);
    }

    #[test]
    fn starts_are_those_of_the_reference() {
        let text = include_str!("../../../../../testdata/golden/iact/lts_starts.csv");
        let mut checked = 0;
        for line in text.lines().skip(1) {
            let numbers: Vec<usize> = line.split(',').map(|number| number.parse().unwrap()).collect();
            let (mut fit, mut outputs) = (TimingFit::default(), Outputs::default());
            for pair in numbers[1..].chunks(2) {
                assert_eq!(fit.draw(&mut outputs, numbers[0]), Some((pair[0], pair[1])), "{numbers:?}");
                checked += 1;
            }
        }
        assert_eq!(checked, 75);
    }

    #[test]
    fn outliers_do_not_move_the_line() {
        let l: Vec<f64> = (0..40).map(|k| f64::from(k) * 0.05 - 1.0).collect();
        let mut t: Vec<f64> = l.iter().map(|l| 5.0 * l + 12.0).collect();
        t[3] = 100.0;
        t[30] = -70.0;
        for starts in [Starts::Reference, Starts::Thorough] {
            let line = TimingFit::new(starts).fit(&l, &t).unwrap();
            assert!((line.slope - 5.0).abs() < 1e-9 && (line.intercept - 12.0).abs() < 1e-9, "{line:?}");
        }
        assert_eq!(TimingFit::default().fit(&[1.0; 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), None);
        assert_eq!(TimingFit::default().fit(&[1.0], &[1.0]), None);
    }
}
