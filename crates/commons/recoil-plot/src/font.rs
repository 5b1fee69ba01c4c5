//! The embedded typeface: widths for the layout, outlines for the drawing.

use std::fmt::Write as _;
use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// Name of the family; the PDF embeds it under this name.
#[cfg(feature = "raster")]
pub(crate) const FAMILY: &str = "Recoil Sans";

/// Height of capital letters in units of the font size.
pub(crate) const CAP_HEIGHT: f64 = 1409.0 / 2048.0;

/// The three cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cut {
    #[default]
    Regular,
    Bold,
    Italic,
}

impl Cut {
    pub(crate) const ALL: [Self; 3] = [Self::Regular, Self::Bold, Self::Italic];

    pub(crate) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Regular => include_bytes!("../fonts/RecoilSans-Regular.ttf"),
            Self::Bold => include_bytes!("../fonts/RecoilSans-Bold.ttf"),
            Self::Italic => include_bytes!("../fonts/RecoilSans-Italic.ttf"),
        }
    }

    fn face(self) -> Option<&'static Face<'static>> {
        static FACES: LazyLock<[Option<Face<'static>>; 3]> =
            LazyLock::new(|| Cut::ALL.map(|cut| Face::parse(cut.bytes(), 0).ok()));
        FACES.get(self as usize)?.as_ref()
    }

    /// Width of `text` at font size 1.
    pub(crate) fn width(self, text: &str) -> f64 {
        let Some(face) = self.face() else { return 0.0 };
        let units: u32 = text.chars().map(|c| u32::from(face.glyph_hor_advance(glyph(face, c)).unwrap_or(0))).sum();
        f64::from(units) / f64::from(face.units_per_em())
    }

    /// SVG path data of `text` with its baseline starting at (x, y).
    pub(crate) fn outline(self, text: &str, x: f64, y: f64, size: f64) -> String {
        let Some(face) = self.face() else { return String::new() };
        let scale = size / f64::from(face.units_per_em());
        let mut pen = Pen { data: String::new(), x, y, scale };
        for c in text.chars() {
            let id = glyph(face, c);
            // a glyph without outline is a space
            let _ = face.outline_glyph(id, &mut pen);
            pen.x += f64::from(face.glyph_hor_advance(id).unwrap_or(0)) * scale;
        }
        pen.data
    }
}

/// The glyph of a character; what the font lacks shows as its "missing" box.
fn glyph(face: &Face<'_>, c: char) -> GlyphId {
    face.glyph_index(c).unwrap_or(GlyphId(0))
}

struct Pen {
    data: String,
    x: f64,
    y: f64,
    scale: f64,
}

impl Pen {
    fn put(&mut self, command: char, points: &[(f32, f32)]) {
        self.data.push(command);
        for (i, &(px, py)) in points.iter().enumerate() {
            let x = crate::svg::number(self.x + f64::from(px) * self.scale);
            let y = crate::svg::number(self.y - f64::from(py) * self.scale);
            let space = if i == 0 { "" } else { " " };
            // writing to a String cannot fail
            let _ = write!(self.data, "{space}{x} {y}");
        }
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.put('M', &[(x, y)]);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.put('L', &[(x, y)]);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.put('Q', &[(x1, y1), (x, y)]);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.put('C', &[(x1, y1), (x2, y2), (x, y)]);
    }

    fn close(&mut self) {
        self.data.push('Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_is_readable_and_has_greek() {
        for cut in Cut::ALL {
            assert!(cut.face().is_some());
            for c in "AZaz09ηφΔμσ×±≤≥√∞→−".chars() {
                assert!(cut.face().is_some_and(|f| f.glyph_index(c).is_some()), "{cut:?} lacks {c}");
            }
        }
        // Helvetica widths: digits are 0.556 of the size wide
        assert!((Cut::Regular.width("10") - 2.0 * 0.556).abs() < 1e-3);
        assert!(Cut::Regular.outline("I", 0.0, 10.0, 10.0).starts_with('M'));
        assert_eq!(Cut::Regular.outline(" ", 0.0, 0.0, 10.0), "");
    }
}
