//! PNG and PDF.

use std::sync::{Arc, LazyLock};

use krilla::embed::{AssociationKind, EmbeddedFile, MimeType};
use krilla::geom::Size;
use krilla::metadata::Metadata;
use krilla::page::PageSettings;
use krilla_svg::{SurfaceExt, SvgSettings};
use resvg::usvg::{Options, Tree, fontdb::Database};

use crate::error::{PlotError, Result};
use crate::figure::Figure;
use crate::font::Cut;
use crate::svg::TextAs;

/// Most pixels of a picture: 256 MiB in memory.
const MOST_PIXELS: f64 = 64.0 * 1024.0 * 1024.0;
/// One pixel (96 per inch) in points (72 per inch).
const POINTS_PER_PIXEL: f32 = 0.75;

impl Figure {
    /// The figure as a PNG file with `scale` pixels per pixel of [`Figure::pixels`]; 2 suits slides.
    /// The provenance stands in an `iTXt` chunk named `recoil.provenance`.
    ///
    /// # Errors
    /// A scale that gives no pixels or more than 64 million.
    pub fn png(&self, scale: f64) -> Result<Vec<u8>> {
        let (width, height) = self.pixels();
        let (width, height) = ((width * scale).round(), (height * scale).round());
        let size_error = || PlotError::Size { width, height };
        if !(width >= 1.0 && height >= 1.0 && width * height <= MOST_PIXELS) {
            return Err(size_error());
        }
        let tree = parse(&self.svg())?;
        let mut pixels = resvg::tiny_skia::Pixmap::new(width as u32, height as u32).ok_or_else(size_error)?;
        let transform = resvg::tiny_skia::Transform::from_scale(scale as f32, scale as f32);
        resvg::render(&tree, transform, &mut pixels.as_mut());
        let png = pixels.encode_png().map_err(|e| PlotError::Png(e.to_string()))?;
        let title = self.described();
        let mut texts = vec![("Title", title.as_str()), ("Software", "recoil")];
        texts.extend(self.provenance.as_deref().map(|json| ("recoil.provenance", json)));
        Ok(with_texts(&png, &texts))
    }

    /// The figure as a one-page PDF file with selectable text and embedded fonts. The provenance is
    /// attached as `provenance.json`.
    ///
    /// # Errors
    /// A page that the PDF writer refuses.
    pub fn pdf(&self) -> Result<Vec<u8>> {
        let tree = parse(&self.svg_with(TextAs::Text))?;
        let (width, height) = self.pixels();
        let size = Size::from_wh(width as f32 * POINTS_PER_PIXEL, height as f32 * POINTS_PER_PIXEL)
            .ok_or(PlotError::Size { width, height })?;
        let mut document = krilla::Document::new();
        let mut page = document.start_page_with(PageSettings::new(size));
        let mut surface = page.surface();
        surface
            .draw_svg(&tree, size, SvgSettings { embed_text: true, filter_scale: 2.0 })
            .ok_or_else(|| PlotError::Pdf("the drawing was refused".to_owned()))?;
        surface.finish();
        page.finish();
        let title = self.described();
        document.set_metadata(Metadata::new().title(title).creator("recoil".to_owned()).producer("recoil".to_owned()));
        if let Some(json) = &self.provenance {
            let file = EmbeddedFile {
                path: "provenance.json".to_owned(),
                mime_type: MimeType::new("application/json"),
                description: Some("how this figure was made".to_owned()),
                association_kind: AssociationKind::Source,
                data: json.clone().into_bytes().into(),
                modification_date: None,
                compress: Some(true),
                location: None,
            };
            document.embed_file(file).ok_or_else(|| PlotError::Pdf("the provenance was refused".to_owned()))?;
        }
        document.finish().map_err(|e| PlotError::Pdf(format!("{e:?}")))
    }
}

fn parse(svg: &str) -> Result<Tree> {
    static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
        let mut fonts = Database::new();
        Cut::ALL.iter().for_each(|cut| fonts.load_font_data(cut.bytes().to_vec()));
        Arc::new(fonts)
    });
    let options = Options { fontdb: Arc::clone(&FONTS), ..Options::default() };
    Tree::from_str(svg, &options).map_err(|e| PlotError::Svg(e.to_string()))
}

/// A PNG file with international text chunks after its header (PNG specification 11.3.4.5).
fn with_texts(png: &[u8], texts: &[(&str, &str)]) -> Vec<u8> {
    // eight bytes of signature, then the header chunk of 25 bytes
    let (head, tail) = png.split_at(png.len().min(33));
    let mut out = head.to_vec();
    for (keyword, text) in texts {
        let mut chunk = b"iTXt".to_vec();
        chunk.extend_from_slice(keyword.as_bytes());
        // end of keyword, not compressed, method 0, no language, no translated keyword
        chunk.extend_from_slice(&[0, 0, 0, 0, 0]);
        chunk.extend_from_slice(text.as_bytes());
        let length = u32::try_from(chunk.len() - 4).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&chunk);
        out.extend_from_slice(&crc32(&chunk).to_be_bytes());
    }
    out.extend_from_slice(tail);
    out
}

/// The checksum of PNG chunks (polynomial 0xedb88320).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::{Hist, Panel};

    fn sample() -> Figure {
        let panel = Panel::new(r"p_{T}^{gen} [GeV]", "Events").add(Hist::new(&[0.0, 1.0, 2.0], &[3.0, 5.0]).label("A"));
        Figure::new(panel).provenance(r#"{"seed": "ü"}"#)
    }

    #[test]
    fn checksum_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b"IEND"), 0xae42_6082);
    }

    #[test]
    fn files_hold_the_provenance_and_repeat() {
        let figure = sample();
        let png = figure.png(1.0).unwrap();
        assert!(png.windows(17).any(|w| w == b"recoil.provenance"));
        assert_eq!(png, figure.png(1.0).unwrap());
        let pdf = figure.pdf().unwrap();
        assert!(pdf.starts_with(b"%PDF") && pdf.windows(15).any(|w| w == b"provenance.json"));
        assert_eq!(pdf, figure.pdf().unwrap());
        assert!(figure.svg().contains("{&quot;seed&quot;: &quot;ü&quot;}"));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for scale in [0.0, -1.0, f64::NAN, 1e6] {
            assert!(matches!(sample().png(scale), Err(PlotError::Size { .. })));
        }
        assert!(matches!(sample().render("gif"), Err(PlotError::Format(_))));
    }
}
