//! Histograms.

use crate::bytes::Bytes;
use crate::error::Decoded;
use crate::event::short_count;
use crate::reader::Object;

/// One axis of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Axis {
    /// Number of bins.
    pub bins: usize,
    /// Entries below and above.
    pub outside: [i32; 2],
    /// Lower edge of the first bin.
    pub lower: f64,
    /// Upper edge of the last bin.
    pub upper: f64,
}

/// A histogram of one or two dimensions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Number.
    pub id: i32,
    /// Title.
    pub title: String,
    /// Letter of the type: `F` and `D` hold real numbers.
    pub kind: char,
    /// Entries.
    pub entries: i32,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis; no bins for histograms of one dimension.
    pub y: Axis,
    /// Contents, the horizontal axis fastest; zeros if there are no entries.
    pub data: Vec<f64>,
}

impl Histogram {
    /// Reads all histograms of an object.
    ///
    /// # Errors
    /// Content that is too short, or an unknown version.
    pub fn parse_all(object: &Object<'_>) -> Decoded<Vec<Self>> {
        object.versions(1, 2)?;
        let mut bytes = object.bytes();
        let count = short_count(&mut bytes, 20)?;
        (0..count).map(|_| Self::parse(&mut bytes)).collect()
    }

    fn parse(bytes: &mut Bytes<'_>) -> Decoded<Self> {
        let kind = char::from(bytes.u8()?);
        let length = bytes.i16()?;
        let length = bytes.count(length, 1)?;
        let title = String::from_utf8_lossy(bytes.take(length)?).into_owned();
        if length.is_multiple_of(2) {
            bytes.u8()?;
        }
        let id = bytes.i32()?;
        let (nx, ny) = (bytes.i16()?, bytes.i16()?);
        let (entries, within) = (bytes.i32()?, bytes.i32()?);
        let wide = matches!(kind, 'F' | 'D');
        let real = wide || matches!(kind, 'R' | 'r');
        let x = axis(bytes, nx, real)?;
        let y = if ny > 0 { axis(bytes, ny, real)? } else { Axis::default() };
        if wide {
            bytes.take(40)?;
        }
        let cells = x.bins * if ny > 0 { y.bins } else { 1 };
        let data = match (within > 0, wide) {
            (false, _) => vec![0.0; cells],
            (true, true) => bytes.f32s(cells)?.into_iter().map(f64::from).collect(),
            (true, false) => bytes.i32s(cells)?.into_iter().map(f64::from).collect(),
        };
        Ok(Self { id, title, kind, entries, x, y, data })
    }
}

fn axis(bytes: &mut Bytes<'_>, bins: i16, real: bool) -> Decoded<Axis> {
    let bins = usize::try_from(bins).map_err(|_| bytes.fault(format!("{bins} bins")))?;
    let outside = [bytes.i32()?, bytes.i32()?];
    let mut edge = || -> Decoded<f64> { if real { bytes.f32().map(f64::from) } else { bytes.i32().map(f64::from) } };
    let (lower, upper) = (edge()?, edge()?);
    // sums over the entries
    bytes.take(8)?;
    Ok(Axis { bins, outside, lower, upper })
}
