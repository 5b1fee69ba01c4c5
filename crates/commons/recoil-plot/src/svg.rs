//! A list of shapes as the text of an SVG document.

use std::fmt::Write as _;

use crate::color::Color;
#[cfg(feature = "raster")]
use crate::font::{Cut, FAMILY};
use crate::markup::Label;
use crate::scene::{Anchor, Dash, Fill, Point, Rect, Scene, Shape, Stroke};

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextAs {
    /// Outlines: the same look in every viewer.
    Paths,
    /// Text in the embedded family: selectable, for the PDF writer that brings the font along.
    #[cfg(feature = "raster")]
    Text,
}

/// A decimal with at most two places, without trailing zeros; what is not finite becomes 0.
pub(crate) fn number(v: f64) -> String {
    let v = if v.is_finite() { v.clamp(-1e6, 1e6) } else { 0.0 };
    let mut text = format!("{v:.2}");
    let kept = text.trim_end_matches('0').trim_end_matches('.').len();
    text.truncate(kept);
    if text == "-0" { "0".to_owned() } else { text }
}

/// Appends `text` with the five special characters of XML escaped and control characters, which
/// XML cannot hold, replaced.
pub(crate) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// What stands around the shapes.
pub(crate) struct Document<'a> {
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// what the figure shows, for screen readers
    pub(crate) title: &'a str,
    pub(crate) provenance: Option<&'a str>,
}

/// The SVG document of a scene. Names inside it start with a hash of the drawing, so that several
/// documents can be put into one page.
pub(crate) fn svg(scene: &Scene, document: &Document<'_>, text_as: TextAs) -> String {
    let mut writer = Writer { out: String::new(), clips: 0, text_as };
    writer.shapes(&scene.shapes);
    let hash = writer
        .out
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let (w, h) = (number(document.width), number(document.height));
    let mut head = String::new();
    // writing to a String cannot fail
    let _ = write!(
        head,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" role=\"img\">"
    );
    head.push_str("<title>");
    escape(document.title, &mut head);
    head.push_str("</title>");
    if let Some(provenance) = document.provenance {
        head.push_str("<metadata><provenance xmlns=\"https://github.com/recoil-hep/recoil/provenance\">");
        escape(provenance, &mut head);
        head.push_str("</provenance></metadata>");
    }
    let _ = writeln!(head, "<rect width=\"{w}\" height=\"{h}\" fill=\"#ffffff\"/>");
    head.push_str(&writer.out.replace(NAME_PREFIX, &format!("r{hash:016x}")));
    head.push_str("</svg>\n");
    head
}

/// Stands for the hash until the drawing is complete; escaped text cannot hold it.
const NAME_PREFIX: char = '\u{1}';

struct Writer {
    out: String,
    clips: usize,
    text_as: TextAs,
}

impl Writer {
    fn shapes(&mut self, shapes: &[Shape]) {
        for shape in shapes {
            match shape {
                Shape::Path { parts, closed, crisp, fill, stroke } => {
                    self.path(parts, *closed, *crisp, fill.as_ref(), stroke.as_ref());
                }
                Shape::Dots { centres, radius, color } => self.dots(centres, *radius, *color),
                Shape::Text { label, at, size, anchor, color, vertical } => {
                    self.text(label, *at, *size, *anchor, *color, *vertical);
                }
                Shape::ColorBar(bar) => self.color_bar(bar),
                Shape::Clipped(to, inner) => self.clipped(to, inner),
            }
        }
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // writing to a String cannot fail
        let _ = self.out.write_fmt(text);
    }

    fn path(&mut self, parts: &[Vec<Point>], closed: bool, crisp: bool, fill: Option<&Fill>, stroke: Option<&Stroke>) {
        let data = path_data(parts, closed);
        if data.is_empty() {
            return;
        }
        self.put(format_args!("<path d=\"{data}\""));
        match fill {
            Some(fill) => self.put(format_args!(" fill=\"{}\"", fill.color.css())),
            None => self.out.push_str(" fill=\"none\""),
        }
        if let Some(fill) = fill.filter(|fill| fill.opacity < 1.0) {
            self.put(format_args!(" fill-opacity=\"{}\"", number(fill.opacity)));
        }
        if let Some(stroke) = stroke {
            let (color, width) = (stroke.color.css(), number(stroke.width));
            self.put(format_args!(" stroke=\"{color}\" stroke-width=\"{width}\" stroke-linejoin=\"round\""));
            let w = stroke.width.max(1.0);
            let pattern: &[f64] = match stroke.dash {
                Dash::Solid => &[],
                Dash::Dashed => &[4.5, 2.5],
                Dash::Dotted => &[1.0, 2.0],
                Dash::DashDot => &[5.0, 2.0, 1.2, 2.0],
            };
            if !pattern.is_empty() {
                let lengths: Vec<String> = pattern.iter().map(|p| number(p * w)).collect();
                self.put(format_args!(" stroke-dasharray=\"{}\"", lengths.join(" ")));
            }
        }
        match (crisp, self.text_as, fill) {
            (true, TextAs::Paths, _) => self.out.push_str(" shape-rendering=\"crispEdges\""),
            // PDF viewers smooth every edge: cells overlap a little instead
            #[cfg(feature = "raster")]
            (true, TextAs::Text, Some(fill)) => {
                self.put(format_args!(" stroke=\"{}\" stroke-width=\"0.5\"", fill.color.css()));
            }
            _ => {}
        }
        self.out.push_str("/>\n");
    }

    /// Discs as round caps of lines without length: one short element for any number of points.
    fn dots(&mut self, centres: &[Point], radius: f64, color: Color) {
        if centres.is_empty() {
            return;
        }
        let mut data = String::new();
        for (x, y) in centres {
            let _ = write!(data, "M{} {}h.01", number(*x), number(*y));
        }
        let (color, width) = (color.css(), number(2.0 * radius));
        self.put(format_args!(
            "<path d=\"{data}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" stroke-linecap=\"round\"/>\n"
        ));
    }

    fn text(&mut self, label: &Label, at: Point, size: f64, anchor: Anchor, color: Color, vertical: bool) {
        let plain = label.plain();
        if plain.trim().is_empty() {
            return;
        }
        let shift = match anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => -0.5 * label.width * size,
            Anchor::End => -label.width * size,
        };
        let mut name = String::new();
        escape(&plain, &mut name);
        let (x, y) = if vertical {
            self.put(format_args!(
                "<g aria-label=\"{name}\" fill=\"{}\" transform=\"translate({} {}) rotate(-90)\">",
                color.css(),
                number(at.0),
                number(at.1)
            ));
            (shift, 0.0)
        } else {
            self.put(format_args!("<g aria-label=\"{name}\" fill=\"{}\">", color.css()));
            (at.0 + shift, at.1)
        };
        match self.text_as {
            TextAs::Paths => {
                let pieces = label.pieces.iter();
                let data: String =
                    pieces.map(|p| p.cut.outline(&p.text, x + p.x * size, y - p.rise * size, p.size * size)).collect();
                self.put(format_args!("<path d=\"{data}\"/>"));
            }
            #[cfg(feature = "raster")]
            TextAs::Text => {
                for p in &label.pieces {
                    let style = match p.cut {
                        Cut::Regular => "",
                        Cut::Bold => " font-weight=\"bold\"",
                        Cut::Italic => " font-style=\"italic\"",
                    };
                    let (px, py, ps) = (number(x + p.x * size), number(y - p.rise * size), number(p.size * size));
                    self.put(format_args!(
                        "<text xml:space=\"preserve\" font-family=\"{FAMILY}\" font-size=\"{ps}\" x=\"{px}\" y=\"{py}\"{style}>"
                    ));
                    escape(&p.text, &mut self.out);
                    self.out.push_str("</text>");
                }
            }
        }
        self.out.push_str("</g>\n");
    }

    fn color_bar(&mut self, bar: &Rect) {
        let id = format!("{NAME_PREFIX}v");
        self.put(format_args!("<linearGradient id=\"{id}\" x1=\"0\" y1=\"1\" x2=\"0\" y2=\"0\">"));
        for i in 0..=32 {
            let t = f64::from(i) / 32.0;
            self.put(format_args!("<stop offset=\"{t}\" stop-color=\"{}\"/>", Color::viridis(t).css()));
        }
        let (x, y, w, h) = (number(bar.x), number(bar.y), number(bar.w), number(bar.h));
        self.put(format_args!(
            "</linearGradient><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"url(#{id})\"/>\n"
        ));
    }

    fn clipped(&mut self, to: &Rect, inner: &[Shape]) {
        self.clips += 1;
        let id = format!("{NAME_PREFIX}c{}", self.clips);
        let (x, y, w, h) = (number(to.x), number(to.y), number(to.w), number(to.h));
        self.put(format_args!(
            "<clipPath id=\"{id}\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"/></clipPath>"
        ));
        self.put(format_args!("<g clip-path=\"url(#{id})\">\n"));
        self.shapes(inner);
        self.out.push_str("</g>\n");
    }
}

fn path_data(parts: &[Vec<Point>], closed: bool) -> String {
    let mut data = String::new();
    for part in parts.iter().filter(|part| part.len() > 1) {
        let mut before: Option<(String, String)> = None;
        for (x, y) in part {
            let (x, y) = (number(*x), number(*y));
            // horizontal and vertical strokes, most of a histogram, are written short
            let _ = match &before {
                None => write!(data, "M{x} {y}"),
                Some((_, last_y)) if *last_y == y => write!(data, "H{x}"),
                Some((last_x, _)) if *last_x == x => write!(data, "V{y}"),
                Some(_) => write!(data, "L{x} {y}"),
            };
            before = Some((x, y));
        }
        if closed {
            data.push('Z');
        }
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_finite() {
        assert_eq!(number(1.0), "1");
        assert_eq!(number(-0.001), "0");
        assert_eq!(number(12.345), "12.35");
        assert_eq!(number(f64::NAN), "0");
        assert_eq!(number(1e300), "1000000");
    }

    #[test]
    fn text_is_escaped() {
        let mut out = String::new();
        escape("<a href='x'>&\"\u{0}", &mut out);
        assert_eq!(out, "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{fffd}");
    }

    #[test]
    fn steps_are_written_short() {
        let path = path_data(&[vec![(0.0, 1.0), (5.0, 1.0), (5.0, 3.0), (6.0, 4.0)], vec![(1.0, 1.0)]], true);
        assert_eq!(path, "M0 1H5V3L6 4Z");
    }
}
