//! Histograms and profiles: `TH1D`, `TH1F`, `TH2D`, `TH2F` and `TProfile`.

use super::buffer::{Buffer, NO_BITS};
use super::fault::WriteFault;
use super::record::{fill_attributes, line_attributes, marker_attributes};
use crate::{Axis, Bins, Hist1, Hist2, Profile, Storage};

/// The part that all histograms have: `TH1` version 8.
struct Common<'a> {
    name: &'a str,
    title: &'a str,
    /// Bins and title of x, y and z; an axis without bins has one from 0 to 1.
    axes: [(Option<&'a Axis>, &'a str); 3],
    cells: usize,
    entries: f64,
    /// Sums of w, w², w·x, w·x².
    stats: [f64; 4],
    sumw2: &'a [f64],
}

/// Whether `values` are as many as `want`.
fn fits(what: &'static str, values: &[f64], want: usize) -> Result<(), WriteFault> {
    if values.len() == want { Ok(()) } else { Err(WriteFault::Bins { what, want, got: values.len() }) }
}

/// Bins of an axis with its two flow bins.
fn cells(which: &'static str, axis: &Axis) -> Result<usize, WriteFault> {
    let fault = |reason| Err(WriteFault::Axis { axis: which, reason });
    if axis.is_empty() {
        return fault("has no bins");
    }
    if axis.len() > 0x1000_0000 {
        return fault("has more bins than ROOT can count");
    }
    if !axis.labels.is_empty() && axis.labels.len() != axis.len() {
        return fault("has another number of labels than of bins");
    }
    match &axis.bins {
        Bins::Edges(edges) if !edges.windows(2).all(|pair| matches!(pair, [low, high] if low < high)) => {
            fault("has edges that do not rise")
        }
        _ => Ok(axis.len() + 2),
    }
}

/// The class of a one-dimensional histogram.
pub(super) fn class1(hist: &Hist1) -> &'static str {
    if hist.storage == Storage::F32 { "TH1F" } else { "TH1D" }
}

/// The class of a two-dimensional histogram.
pub(super) fn class2(hist: &Hist2) -> &'static str {
    if hist.storage == Storage::F32 { "TH2F" } else { "TH2D" }
}

/// Whether the arrays of a histogram fit its axis.
pub(super) fn check1(hist: &Hist1) -> Result<(), WriteFault> {
    let want = cells("x", &hist.x)?;
    fits("the array of contents", &hist.contents, want)?;
    hist.sumw2.as_ref().map_or(Ok(()), |sumw2| fits("the array of squared weights", sumw2, want))
}

/// As [`check1`].
pub(super) fn check2(hist: &Hist2) -> Result<(), WriteFault> {
    let want = cells("x", &hist.x)?.saturating_mul(cells("y", &hist.y)?);
    fits("the array of contents", &hist.contents, want)?;
    hist.sumw2.as_ref().map_or(Ok(()), |sumw2| fits("the array of squared weights", sumw2, want))
}

/// As [`check1`].
pub(super) fn check_profile(profile: &Profile) -> Result<(), WriteFault> {
    let want = cells("x", &profile.x)?;
    fits("the sum of w*y", &profile.sum_wy, want)?;
    fits("the sum of w*y*y", &profile.sum_wy2, want)?;
    fits("the sum of w", &profile.sum_w, want)?;
    profile.sum_w2.as_ref().map_or(Ok(()), |sum| fits("the sum of w*w", sum, want))
}

/// The record of a one-dimensional histogram.
pub(super) fn hist1(name: &str, hist: &Hist1, key_length: usize) -> Buffer {
    let mut out = Buffer::new(key_length);
    let common = Common {
        name,
        title: &hist.title,
        axes: [(Some(&hist.x), &hist.x.title), (None, &hist.y_title), (None, "")],
        cells: hist.contents.len(),
        entries: hist.entries,
        stats: hist.stats,
        sumw2: hist.sumw2.as_deref().unwrap_or(&[]),
    };
    out.versioned(3, |out| {
        common.write(out);
        contents(&hist.contents, hist.storage, out);
    });
    out
}

/// The record of a two-dimensional histogram.
pub(super) fn hist2(name: &str, hist: &Hist2, key_length: usize) -> Buffer {
    let mut out = Buffer::new(key_length);
    let [w, w2, wx, wx2, wy, wy2, wxy] = hist.stats;
    let common = Common {
        name,
        title: &hist.title,
        axes: [(Some(&hist.x), &hist.x.title), (Some(&hist.y), &hist.y.title), (None, &hist.z_title)],
        cells: hist.contents.len(),
        entries: hist.entries,
        stats: [w, w2, wx, wx2],
        sumw2: hist.sumw2.as_deref().unwrap_or(&[]),
    };
    out.versioned(4, |out| {
        out.versioned(5, |out| {
            common.write(out);
            for value in [1.0, wy, wy2, wxy] {
                out.f64(value);
            }
        });
        contents(&hist.contents, hist.storage, out);
    });
    out
}

/// The record of a profile. Sums over the whole are taken from the bins, each at its centre, without the flow bins.
pub(super) fn profile(name: &str, profile: &Profile, key_length: usize) -> Buffer {
    let mut out = Buffer::new(key_length);
    let edges = profile.x.edges();
    let centres = edges.windows(2).map(|pair| pair.iter().sum::<f64>() / 2.0);
    let inside = |sums: &[f64]| sums.get(1..sums.len().saturating_sub(1)).unwrap_or(&[]).to_vec();
    let weights = inside(&profile.sum_w);
    let moment = |power: i32| weights.iter().zip(centres.clone()).map(|(w, x)| w * x.powi(power)).sum();
    let squares = profile.sum_w2.as_deref().unwrap_or(&profile.sum_w);
    let common = Common {
        name,
        title: &profile.title,
        axes: [(Some(&profile.x), &profile.x.title), (None, &profile.y_title), (None, "")],
        cells: profile.sum_w.len(),
        entries: profile.entries,
        stats: [moment(0), inside(squares).iter().sum(), moment(1), moment(2)],
        sumw2: &profile.sum_wy2,
    };
    out.versioned(7, |out| {
        out.versioned(3, |out| {
            common.write(out);
            out.array_f64(&profile.sum_wy);
        });
        out.array_f64(&profile.sum_w);
        out.i32(match profile.error_option.as_str() {
            "s" => 1,
            "i" => 2,
            "g" => 3,
            _ => 0,
        });
        // limits of y, of which there are none
        out.f64(0.0);
        out.f64(0.0);
        out.f64(inside(&profile.sum_wy).iter().sum());
        out.f64(inside(&profile.sum_wy2).iter().sum());
        out.array_f64(profile.sum_w2.as_deref().unwrap_or(&[]));
    });
    out
}

/// `TArrayF` or `TArrayD`.
fn contents(values: &[f64], storage: Storage, out: &mut Buffer) {
    if storage == Storage::F32 {
        out.count(values.len());
        values.iter().for_each(|value| out.f32(*value as f32));
    } else {
        out.array_f64(values);
    }
}

impl Common<'_> {
    fn write(&self, out: &mut Buffer) {
        out.versioned(8, |out| {
            out.tnamed(NO_BITS, self.name, self.title);
            line_attributes(out);
            fill_attributes(out);
            marker_attributes(out);
            out.count(self.cells);
            for (index, name) in ["xaxis", "yaxis", "zaxis"].into_iter().enumerate() {
                let (axis, title) = self.axes.get(index).copied().unwrap_or((None, ""));
                write_axis(name, title, axis, out);
            }
            // bar chart offset and width, in thousandths of a bin
            out.i16(0);
            out.i16(1000);
            out.f64(self.entries);
            self.stats.iter().for_each(|sum| out.f64(*sum));
            // no maximum or minimum set by hand, no normalisation
            out.f64(-1111.0);
            out.f64(-1111.0);
            out.f64(0.0);
            out.array_f64(&[]);
            out.array_f64(self.sumw2);
            out.string("");
            write_list(&[], out);
            // no buffer of fills, usual statistical errors, flow bins in the statistics as ROOT is set up
            out.count(0);
            out.u8(0);
            out.i32(0);
            out.i32(2);
        });
    }
}

/// `TAxis` version 10.
fn write_axis(name: &str, title: &str, axis: Option<&Axis>, out: &mut Buffer) {
    out.versioned(10, |out| {
        out.tnamed(NO_BITS, name, title);
        axis_attributes(name, out);
        let edges = axis.map(|axis| match &axis.bins {
            Bins::Uniform { low, high, .. } => (*low, *high, &[] as &[f64]),
            Bins::Edges(edges) => {
                (edges.first().copied().unwrap_or(0.0), edges.last().copied().unwrap_or(1.0), edges.as_slice())
            }
        });
        let (low, high, edges) = edges.unwrap_or((0.0, 1.0, &[]));
        out.count(axis.map_or(1, Axis::len));
        out.f64(low);
        out.f64(high);
        out.array_f64(edges);
        // the whole range is shown, no second status word, no times
        out.i32(0);
        out.i32(0);
        out.u16(0);
        out.bool(false);
        out.string("");
        match axis {
            Some(axis) if !axis.labels.is_empty() => {
                out.object("THashList", |out| write_list(&axis.labels, out));
            }
            _ => out.pointer(None),
        }
        out.pointer(None);
    });
}

/// `TAttAxis` version 4 with ROOT's defaults.
fn axis_attributes(name: &str, out: &mut Buffer) {
    out.versioned(4, |out| {
        out.i32(510);
        for value in [1, 1, 42] {
            out.i16(value);
        }
        out.f32(0.005);
        out.f32(0.035);
        out.f32(0.03);
        out.f32(if name == "yaxis" { 0.0 } else { 1.0 });
        out.f32(0.035);
        out.i16(1);
        out.i16(42);
    });
}

/// `TList` version 5 of `TObjString`s that are numbered from 1.
fn write_list(texts: &[String], out: &mut Buffer) {
    out.versioned(5, |out| {
        out.tobject(NO_BITS);
        out.string("");
        out.count(texts.len());
        for (text, number) in texts.iter().zip(1..) {
            out.object("TObjString", |out| {
                out.versioned(1, |out| {
                    out.numbered_tobject(number);
                    out.string(text);
                });
            });
            out.string("");
        }
    });
}
