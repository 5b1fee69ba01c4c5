//! From data to pixels, and where the ticks go.

/// Pixels far outside the picture stand for values that are off the axis.
const FAR: f64 = 20.0;

/// Whether an axis can reach `v`: not NaN, and of a size whose ratios and logarithms are finite.
pub(crate) fn reachable(v: f64) -> bool {
    v == 0.0 || (1e-200..1e200).contains(&v.abs())
}

/// Whether limits are far enough apart to tell values between them apart.
pub(crate) fn distinct(lo: f64, hi: f64) -> bool {
    hi - lo > 1e-12 * lo.abs().max(hi.abs())
}

/// One axis: data limits and the pixels they map to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    pub(crate) log: bool,
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    pub(crate) start: f64,
    pub(crate) end: f64,
}

impl Scale {
    /// Fraction of the axis at `v`; on a log axis everything that is not positive is far below.
    fn fraction(&self, v: f64) -> f64 {
        let t = match self.log {
            false => (v - self.lo) / (self.hi - self.lo),
            true if v <= 0.0 => -FAR,
            true => (v / self.lo).ln() / (self.hi / self.lo).ln(),
        };
        t.clamp(-FAR, FAR)
    }

    /// Pixel of `v`; `None` for NaN.
    pub(crate) fn at(&self, v: f64) -> Option<f64> {
        (!v.is_nan()).then(|| self.start + self.fraction(v) * (self.end - self.start))
    }

    /// Whether `v` is on the axis, ends included.
    pub(crate) fn contains(&self, v: f64) -> bool {
        v >= self.lo && v <= self.hi
    }

    /// Data value at a fraction of the axis.
    pub(crate) fn value(&self, fraction: f64) -> f64 {
        match self.log {
            false => self.lo + fraction * (self.hi - self.lo),
            true => self.lo * (self.hi / self.lo).powf(fraction),
        }
    }
}

/// Ticks of one axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Ticks {
    /// value and label markup
    pub(crate) major: Vec<(f64, String)>,
    pub(crate) minor: Vec<f64>,
    /// common power of ten taken out of the labels
    pub(crate) exponent: Option<i32>,
}

/// Ticks for limits `lo < hi`, with at most about `target` labels.
pub(crate) fn ticks(lo: f64, hi: f64, log: bool, target: usize) -> Ticks {
    if log { log_ticks(lo, hi, target) } else { linear_ticks(lo, hi, target) }
}

/// Multiples of 1, 2, 2.5 or 5 times a power of ten.
fn linear_ticks(lo: f64, hi: f64, target: usize) -> Ticks {
    let raw = (hi - lo) / target.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return Ticks::default();
    }
    let power = raw.log10().floor();
    let base = 10f64.powf(power);
    let (factor, parts) = [(1.0, 5), (2.0, 4), (2.5, 5), (5.0, 5), (10.0, 5)]
        .into_iter()
        .find(|(f, _)| f * base >= raw * 0.999_999)
        .unwrap_or((10.0, 5));
    let step = factor * base;
    let slack = 1e-6 * step;
    let multiples = |step: f64| {
        let first = ((lo - slack) / step).ceil();
        let last = ((hi + slack) / step).floor();
        let count = (last - first).clamp(-1.0, 1000.0) as i64;
        (0..=count).map(move |i| {
            let v = (first + i as f64) * step;
            if v.abs() < slack { 0.0 } else { v }
        })
    };
    let largest = lo.abs().max(hi.abs());
    let exponent = if !(1e-2..1e5).contains(&largest) {
        Some((largest.log10() + 1e-9).floor() as i32).filter(|&e| e != 0)
    } else {
        None
    };
    let unit = 10f64.powi(exponent.unwrap_or(0));
    let shown = step / unit;
    // decimals that show the step exactly; 2.5 needs one more than its power of ten
    let decimals = (0..12).find(|&d| {
        let scaled = shown * 10f64.powi(d);
        (scaled - scaled.round()).abs() < 1e-6 * scaled.max(1.0) && scaled >= 0.5
    });
    let decimals = decimals.unwrap_or(0) as usize;
    let label = |v: f64| format!("{:.decimals$}", v / unit).replace('-', "\u{2212}");
    Ticks {
        major: multiples(step).map(|v| (v, label(v))).collect(),
        minor: multiples(step / f64::from(parts)).collect(),
        exponent,
    }
}

/// Decades; with few of them also 2 and 5 (or plain linear ticks within less than one decade).
fn log_ticks(lo: f64, hi: f64, target: usize) -> Ticks {
    let decades = (hi / lo).log10();
    if !(lo > 0.0 && decades.is_finite() && decades > 0.0) {
        return Ticks::default();
    }
    if decades < 0.7 {
        return linear_ticks(lo, hi, target);
    }
    let first = (lo.log10() - 1e-9).floor() as i32;
    let last = (hi.log10() + 1e-9).floor() as i32;
    let inside = |v: f64| v >= lo * (1.0 - 1e-9) && v <= hi * (1.0 + 1e-9);
    let every = ((decades / target.max(1) as f64).ceil() as i32).max(1);
    let mut out = Ticks::default();
    for decade in first..=last {
        let power = 10f64.powi(decade);
        for digit in 1..10 {
            let v = f64::from(digit) * power;
            if !inside(v) {
                continue;
            }
            let labelled = match digit {
                1 => decade.rem_euclid(every) == 0,
                2 | 5 => decades < 1.7,
                _ => false,
            };
            if labelled {
                out.major.push((v, decade_label(digit, decade, decades < 1.7)));
            } else if every == 1 || digit == 1 {
                out.minor.push(v);
            }
        }
    }
    out
}

fn decade_label(digit: i32, decade: i32, plain: bool) -> String {
    if plain && (-3..=4).contains(&decade) {
        let decimals = (-decade).max(0) as usize;
        return format!("{:.decimals$}", f64::from(digit) * 10f64.powi(decade));
    }
    match (digit, decade) {
        (_, 0) => digit.to_string(),
        (1, 1) => "10".to_owned(),
        (1, _) => format!("10^{{{decade}}}"),
        _ => format!("{digit}\u{d7}10^{{{decade}}}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn labels(lo: f64, hi: f64, log: bool, target: usize) -> Vec<String> {
        ticks(lo, hi, log, target).major.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_labels() {
        assert_eq!(labels(0.0, 100.0, false, 5), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(-0.1, 0.1, false, 4), ["−0.10", "−0.05", "0.00", "0.05", "0.10"]);
        assert_eq!(labels(0.0, 1.0, false, 4), ["0.00", "0.25", "0.50", "0.75", "1.00"]);
        let large = ticks(0.0, 250_000.0, false, 5);
        assert_eq!(large.exponent, Some(5));
        assert_eq!(large.major[1], (50_000.0, "0.5".to_owned()));
        assert_eq!(ticks(0.0, 0.004, false, 4).exponent, Some(-3));
        assert_eq!(ticks(0.0, 10.0, false, 5).minor.len(), 21);
    }

    #[test]
    fn log_labels() {
        assert_eq!(labels(0.1, 2000.0, true, 8), ["10^{-1}", "1", "10", "10^{2}", "10^{3}"]);
        assert_eq!(labels(1e-3, 1e9, true, 6), ["10^{-2}", "1", "10^{2}", "10^{4}", "10^{6}", "10^{8}"]);
        assert_eq!(labels(2.0, 50.0, true, 8), ["2", "5", "10", "20", "50"]);
        assert_eq!(labels(10.0, 20.0, true, 5), ["10", "12", "14", "16", "18", "20"]);
    }

    #[test]
    fn impossible_limits_give_no_ticks() {
        for (lo, hi, log) in [(0.0, 1.0, true), (1.0, 1.0, false), (f64::NAN, 1.0, false), (-1.0, 5.0, true)] {
            assert!(ticks(lo, hi, log, 5).major.is_empty());
        }
        assert!(ticks(1e15, 1e15 + 1.0, false, 5).major.len() < 2000);
    }

    #[test]
    fn pixels() {
        let log = Scale { log: true, lo: 1.0, hi: 100.0, start: 200.0, end: 0.0 };
        assert!((log.at(10.0).unwrap() - 100.0).abs() < 1e-9);
        assert!(log.at(0.0).unwrap() > 1000.0 && log.at(f64::NAN).is_none());
        assert!((log.value(0.5) - 10.0).abs() < 1e-9);
        let linear = Scale { log: false, lo: -1.0, hi: 1.0, start: 0.0, end: 100.0 };
        assert_eq!(linear.at(0.5), Some(75.0));
        assert!(linear.at(f64::INFINITY).unwrap().is_finite());
    }
}
