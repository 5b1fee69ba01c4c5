//! Tables of a report.

use crate::markup;

/// A table with a header. Cells are label markup; columns of numbers are right-aligned and can be
/// sorted by clicking on the header.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    caption: String,
}

impl Table {
    /// A table without rows.
    pub fn new(header: &[&str]) -> Self {
        Self { header: header.iter().map(|cell| (*cell).to_owned()).collect(), ..Self::default() }
    }

    /// Adds a row; missing cells stay empty, surplus cells are left out.
    pub fn row<S: AsRef<str>>(mut self, cells: &[S]) -> Self {
        self.rows.push(cells.iter().map(|cell| cell.as_ref().to_owned()).collect());
        self
    }

    /// A line above the table (label markup).
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = caption.into();
        self
    }

    fn is_numeric(&self, column: usize) -> bool {
        let cells = || self.rows.iter().filter_map(|row| row.get(column)).filter(|cell| !cell.is_empty());
        cells().next().is_some() && cells().all(|cell| leading_number(cell).is_some())
    }

    pub(super) fn write(&self, out: &mut String) {
        out.push_str("<div class=\"table\"><table>");
        if !self.caption.is_empty() {
            out.push_str("<caption>");
            out.push_str(&markup::html(&self.caption));
            out.push_str("</caption>");
        }
        let numeric: Vec<bool> = (0..self.header.len()).map(|column| self.is_numeric(column)).collect();
        let class = |numeric: bool| if numeric { " class=\"n\"" } else { "" };
        out.push_str("<thead><tr>");
        for (cell, numeric) in self.header.iter().zip(&numeric) {
            out.push_str("<th scope=\"col\"");
            out.push_str(class(*numeric));
            out.push_str("><button type=\"button\">");
            out.push_str(&markup::html(cell));
            out.push_str("</button></th>");
        }
        out.push_str("</tr></thead><tbody>\n");
        for row in &self.rows {
            out.push_str("<tr>");
            for (column, numeric) in numeric.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                out.push_str("<td");
                out.push_str(class(*numeric));
                if let Some(value) = leading_number(cell) {
                    out.push_str(&format!(" data-v=\"{value}\""));
                }
                out.push('>');
                out.push_str(&markup::html(cell));
                out.push_str("</td>");
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody></table></div>\n");
    }
}

/// The number a cell starts with (`0.93 ± 0.01`, `12 %`): what it is sorted by.
fn leading_number(cell: &str) -> Option<f64> {
    let first = cell.split_whitespace().next()?.trim_end_matches('%').replace('\u{2212}', "-");
    first.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_escaped_and_sorted_by_value() {
        let mut out = String::new();
        Table::new(&["<b>", "x"]).row(&["<script>", "1.5 ± 0.2"]).row(&["p_{T}", "12 %"]).write(&mut out);
        assert!(out.contains("&lt;script&gt;") && !out.contains("<script>"));
        assert!(out.contains("<td class=\"n\" data-v=\"12\">") && out.contains("p<sub>T</sub>"));
    }
}
