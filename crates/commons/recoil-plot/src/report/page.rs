//! The page and its sections.

use super::Table;
use crate::error::{PlotError, Result};
use crate::figure::Figure;
use crate::markup;
use crate::svg::escape;

/// Tells who wrote a page.
const GENERATOR: &str = "<meta name=\"generator\" content=\"recoil\">";
/// Behind title, style and what else is not shown.
const HEAD_END: &str = "</head>";
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// A report: one HTML file that holds everything it shows.
///
/// ```
/// use recoil_plot::report::{Page, Section, Table};
///
/// let html = Page::new("Radius scan")
///     .lead("Photons at PU 0.")
///     .section(Section::new("Results").table(Table::new(&["Radius", "Efficiency"]).row(&["0.015", "0.98"])))
///     .provenance(r#"{"seed": 1}"#)
///     .html();
/// assert!(html.starts_with("<!doctype html>"));
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    title: String,
    lead: String,
    sections: Vec<Section>,
    provenance: Option<String>,
}

/// A part of a report with a heading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Section {
    /// As HTML.
    title: String,
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq)]
enum Block {
    Prose(String),
    Code(String),
    Table(Table),
    Figure {
        svg: String,
        name: String,
        caption: String,
    },
    /// Blocks of another page, as they are written there.
    Written(String),
}

impl Page {
    /// A page without sections.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// What stands under the title; written as [`Section::prose`].
    pub fn lead(mut self, text: impl Into<String>) -> Self {
        self.lead = text.into();
        self
    }

    /// Adds a section.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// Adds the sections of another page, with its title before theirs. `html` is what [`Page::html`] gave.
    ///
    /// # Errors
    /// A text that is no such page.
    pub fn chapter(mut self, html: &str) -> Result<Self> {
        let head = html.split_once(HEAD_END).map_or("", |(head, _)| head);
        if !head.contains(GENERATOR) {
            return Err(PlotError::Page("it was not written by recoil"));
        }
        let body = between(html, "<main>", "</main>").ok_or(PlotError::Page("it ends too early"))?;
        if body.contains("<script") {
            return Err(PlotError::Page("it was changed: there is a script among its sections"));
        }
        let title = between(body, "<h1>", "</h1>").ok_or(PlotError::Page("it has no title"))?;
        for number in 1.. {
            let Some((_, rest)) = body.split_once(&format!("<section id=\"s{number}\"><h2>")) else { break };
            let own = rest.split_once("</h2>\n").and_then(|(own, rest)| Some((own, rest.split_once("</section>")?.0)));
            let (own, blocks) = own.ok_or(PlotError::Page("a section has no end"))?;
            let blocks = vec![Block::Written(blocks.to_owned())];
            self.sections.push(Section { title: format!("{title}: {own}"), blocks });
        }
        Ok(self)
    }

    /// The provenance record (JSON), folded away at the end of the page. JSON is indented; anything
    /// else is shown as it is.
    pub fn provenance(mut self, json: impl Into<String>) -> Self {
        self.provenance = Some(json.into());
        self
    }

    /// The HTML document. The same page always gives the same bytes.
    pub fn html(&self) -> String {
        let mut out = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
        out.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        out.push_str("<meta name=\"color-scheme\" content=\"light dark\">");
        out.push_str(GENERATOR);
        out.push_str("\n<title>");
        escape(&markup::Label::new(&self.title, crate::font::Cut::Regular).plain(), &mut out);
        out.push_str("</title>\n<style>");
        out.push_str(STYLE);
        out.push_str("</style>");
        out.push_str(HEAD_END);
        out.push_str("<body>\n");
        self.contents(&mut out);
        out.push_str("<main>\n<h1>");
        out.push_str(&markup::html(&self.title));
        out.push_str("</h1>\n");
        if !self.lead.is_empty() {
            out.push_str("<div class=\"lead\">");
            prose(&self.lead, &mut out);
            out.push_str("</div>\n");
        }
        for (i, section) in self.sections.iter().enumerate() {
            section.write(i + 1, &mut out);
        }
        if let Some(provenance) = &self.provenance {
            out.push_str(
                "<section id=\"provenance\"><h2>Provenance</h2><details><summary>How this was made</summary><pre>",
            );
            let parsed = serde_json::from_str::<serde_json::Value>(provenance);
            let shown = parsed.ok().and_then(|value| serde_json::to_string_pretty(&value).ok());
            escape(shown.as_deref().unwrap_or(provenance), &mut out);
            out.push_str("</pre></details></section>\n");
        }
        out.push_str("</main>\n<script>");
        out.push_str(SCRIPT);
        out.push_str("</script></body></html>\n");
        out
    }

    fn contents(&self, out: &mut String) {
        out.push_str("<nav aria-label=\"Contents\"><strong>Contents</strong><ol>");
        for (i, section) in self.sections.iter().enumerate() {
            out.push_str(&format!("<li><a href=\"#s{}\">{}</a></li>", i + 1, section.title));
        }
        if self.provenance.is_some() {
            out.push_str("<li><a href=\"#provenance\">Provenance</a></li>");
        }
        out.push_str("</ol></nav>\n");
    }
}

impl Section {
    /// A section without content.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: markup::html(&title.into()), blocks: Vec::new() }
    }

    /// Paragraphs, separated by empty lines. Label markup works; text in backticks is code.
    pub fn prose(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Prose(text.into()));
        self
    }

    /// Text shown as it is, in a fixed-width face: commands, configuration.
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.blocks.push(Block::Code(text.into()));
        self
    }

    /// A table.
    pub fn table(mut self, table: Table) -> Self {
        self.blocks.push(Block::Table(table));
        self
    }

    /// A figure with its caption (as prose) and buttons that save it as SVG and PNG.
    pub fn figure(mut self, figure: &Figure, caption: impl Into<String>) -> Self {
        let name = file_name(&figure.described());
        self.blocks.push(Block::Figure { svg: figure.svg(), name, caption: caption.into() });
        self
    }

    fn write(&self, number: usize, out: &mut String) {
        out.push_str(&format!("<section id=\"s{number}\"><h2>{}</h2>\n", self.title));
        let mut in_figures = false;
        for block in &self.blocks {
            let is_figure = matches!(block, Block::Figure { .. });
            // figures that follow one another share rows
            if is_figure != in_figures {
                out.push_str(if is_figure { "<div class=\"figures\">\n" } else { "</div>\n" });
                in_figures = is_figure;
            }
            match block {
                Block::Prose(text) => prose(text, out),
                Block::Code(text) => {
                    out.push_str("<pre><code>");
                    escape(text, out);
                    out.push_str("</code></pre>\n");
                }
                Block::Table(table) => table.write(out),
                Block::Written(html) => out.push_str(html),
                Block::Figure { svg, name, caption } => {
                    out.push_str("<figure>");
                    out.push_str(svg.trim_end());
                    out.push_str("<figcaption><div>");
                    prose(caption, out);
                    out.push_str(&format!(
                        "</div><span class=\"save\"><button type=\"button\" data-save=\"svg\" data-name=\"{name}\">SVG</button>\
                         <button type=\"button\" data-save=\"png\" data-name=\"{name}\">PNG</button></span></figcaption></figure>\n"
                    ));
                }
            }
        }
        if in_figures {
            out.push_str("</div>\n");
        }
        out.push_str("</section>\n");
    }
}

/// The text between the first `open` and the next `close`.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    Some(text.split_once(open)?.1.split_once(close)?.0)
}

/// Paragraphs with label markup and code in backticks.
fn prose(text: &str, out: &mut String) {
    for paragraph in text.split("\n\n").filter(|p| !p.trim().is_empty()) {
        out.push_str("<p>");
        for (i, part) in paragraph.trim().split('`').enumerate() {
            if i % 2 == 0 {
                out.push_str(&markup::html(part));
            } else {
                out.push_str("<code>");
                escape(part, out);
                out.push_str("</code>");
            }
        }
        out.push_str("</p>");
    }
}

/// Letters, digits and underscores of a title, for a file name.
fn file_name(title: &str) -> String {
    let words = title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: String = words.take(8).collect::<Vec<_>>().join("_").to_lowercase();
    if name.is_empty() { "figure".to_owned() } else { name }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Hist, Panel};

    #[test]
    fn hostile_text_stays_text() {
        let bad = "</script><script>alert(1)</script>\" onload=\"x";
        let figure = Figure::new(Panel::new(bad, bad).add(Hist::new(&[0.0, 1.0], &[1.0]).label(bad))).title(bad);
        let html = Page::new(bad)
            .lead(bad)
            .section(Section::new(bad).prose(bad).code(bad).figure(&figure, bad).table(Table::new(&[bad]).row(&[bad])))
            .provenance(bad)
            .html();
        assert!(!html.contains("alert(1)</script>") && !html.contains("\" onload"));
        assert_eq!(html.matches("<script>").count(), 1);
    }

    #[test]
    fn sections_of_another_page_are_a_chapter() {
        let figure = Figure::new(Panel::new("x", "y").add(Hist::new(&[0.0, 1.0], &[1.0])));
        let inner = Page::new(r"\tau leptons <i>")
            .section(Section::new("One & two").prose("</section> <section id=\"s2\"><h2>").figure(&figure, "c"))
            .section(Section::new("Three").table(Table::new(&["a"]).row(&["1"])))
            .provenance("{}")
            .html();
        let html = Page::new("Whole").section(Section::new("Own")).chapter(&inner).unwrap().html();
        assert!(html.contains("<h2>τ leptons &lt;i&gt;: One &amp; two</h2>"), "{html}");
        assert!(html.contains("<section id=\"s3\"><h2>τ leptons &lt;i&gt;: Three</h2>"));
        assert_eq!([html.matches("<figure>").count(), html.matches("</section>").count()], [1, 3]);
        assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
        let changed = |from: &str, to: &str| inner.replace(from, to);
        for wrong in
            ["", "<html></html>", &changed("<h1>", "<h1><script>"), &changed("</main>", ""), &changed("recoil", "x")]
        {
            assert!(Page::new("Whole").chapter(wrong).is_err());
        }
    }

    #[test]
    fn pages_are_complete_and_repeat() {
        let figure = Figure::new(Panel::new("x", "y").add(Hist::new(&[0.0, 1.0], &[1.0])));
        let page = Page::new("T")
            .section(Section::new("A").prose("one\n\ntwo `x_{1}`").figure(&figure, "c").figure(&figure, "d"))
            .provenance("{\"a\":1}");
        let html = page.html();
        assert_eq!(html, page.html());
        assert!(html.contains("<p>one</p><p>two <code>x_{1}</code></p>"));
        assert!(html.contains("&quot;a&quot;: 1"));
        assert_eq!(html.matches("<figure>").count(), 2);
        assert_eq!(html.matches("<div").count(), html.matches("</div>").count());
        // nothing is loaded from anywhere
        assert!(!html.contains("src=") && !html.contains("@import") && !html.contains("url(http"));
    }
}
