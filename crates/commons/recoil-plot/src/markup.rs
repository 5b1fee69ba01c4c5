//! The small markup of labels: `p_{T}^{gen} [GeV]`, `|\eta| < 1.5`, `\bf{CMS} \it{Simulation}`.
//!
//! `_{…}` and `^{…}` are sub- and superscripts (one right after the other is stacked), `\name` is a
//! Greek letter or symbol (the longest name that fits: `\DeltaR` is ΔR), `\bf{…}` and `\it{…}` change the cut; `\\ \_ \^ \{ \}` stand for the
//! characters. A lone `_` or `^` is itself, so column names need no care. Malformed markup shows
//! as it was written.

use crate::font::{CAP_HEIGHT, Cut};

/// Scripts are this much smaller than what they belong to.
const SCRIPT_SIZE: f64 = 0.66;
/// Baseline shift of sub- and superscripts in units of the parent's size.
const SUB_DROP: f64 = 0.20;
const SUP_RISE: f64 = 0.40;
/// Further shift of scripts that are stacked, so that a descender stays clear of a capital.
const STACKED: f64 = 0.09;
/// Scripts in scripts beyond this depth are set on the line.
const MAX_DEPTH: usize = 4;

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String, Cut),
    Sub(Vec<Node>),
    Sup(Vec<Node>),
}

/// A piece of text on one baseline, relative to the start of the label at font size 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) cut: Cut,
    pub(crate) x: f64,
    /// upwards
    pub(crate) rise: f64,
    pub(crate) size: f64,
}

/// A label broken into pieces.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Label {
    pub(crate) pieces: Vec<Piece>,
    /// at font size 1
    pub(crate) width: f64,
}

impl Label {
    /// Lays out `markup` in the given cut.
    pub(crate) fn new(markup: &str, cut: Cut) -> Self {
        let mut label = Self::default();
        label.width = label.place(&parse(markup, cut), 0.0, 0.0, 1.0);
        label
    }

    fn place(&mut self, nodes: &[Node], mut x: f64, rise: f64, size: f64) -> f64 {
        let mut following = nodes.iter().peekable();
        while let Some(node) = following.next() {
            match node {
                Node::Text(text, cut) => {
                    self.pieces.push(Piece { text: text.clone(), cut: *cut, x, rise, size });
                    x += cut.width(text) * size;
                }
                Node::Sub(first) | Node::Sup(first) => {
                    let is_sub = matches!(node, Node::Sub(_));
                    let stacked = match (is_sub, following.peek()) {
                        (true, Some(Node::Sup(second))) | (false, Some(Node::Sub(second))) => Some(second),
                        _ => None,
                    };
                    let apart = if stacked.is_some() { STACKED } else { 0.0 };
                    let shift = |sub: bool| rise + size * if sub { -SUB_DROP - apart } else { SUP_RISE + apart };
                    let mut end = self.place(first, x, shift(is_sub), size * SCRIPT_SIZE);
                    if let Some(second) = stacked {
                        end = end.max(self.place(second, x, shift(!is_sub), size * SCRIPT_SIZE));
                        following.next();
                    }
                    x = end + 0.03 * size;
                }
            }
        }
        x
    }

    /// The label without markup, for screen readers and search.
    pub(crate) fn plain(&self) -> String {
        self.pieces.iter().map(|piece| piece.text.as_str()).collect()
    }

    /// How far the label rises above its baseline, at font size 1.
    pub(crate) fn ascent(&self) -> f64 {
        self.pieces.iter().map(|p| p.rise + p.size * CAP_HEIGHT).fold(CAP_HEIGHT, f64::max)
    }
}

/// HTML with `<sub>`, `<sup>`, `<b>` and `<i>`, escaped.
pub(crate) fn html(markup: &str) -> String {
    let mut out = String::new();
    write_html(&parse(markup, Cut::Regular), &mut out);
    out
}

fn write_html(nodes: &[Node], out: &mut String) {
    for node in nodes {
        match node {
            Node::Text(text, cut) => {
                let (open, close) = match cut {
                    Cut::Regular => ("", ""),
                    Cut::Bold => ("<b>", "</b>"),
                    Cut::Italic => ("<i>", "</i>"),
                };
                out.push_str(open);
                crate::svg::escape(text, out);
                out.push_str(close);
            }
            Node::Sub(inner) => {
                out.push_str("<sub>");
                write_html(inner, out);
                out.push_str("</sub>");
            }
            Node::Sup(inner) => {
                out.push_str("<sup>");
                write_html(inner, out);
                out.push_str("</sup>");
            }
        }
    }
}

fn parse(markup: &str, cut: Cut) -> Vec<Node> {
    let chars: Vec<char> = markup.chars().collect();
    parse_chars(&chars, cut, 0)
}

fn parse_chars(chars: &[char], cut: Cut, depth: usize) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut text = String::new();
    let mut at = 0;
    let flush = |text: &mut String, nodes: &mut Vec<Node>| {
        if !text.is_empty() {
            nodes.push(Node::Text(std::mem::take(text), cut));
        }
    };
    while let Some(&c) = chars.get(at) {
        let rest = chars.get(at + 1..).unwrap_or_default();
        let group = if depth < MAX_DEPTH { braced(rest) } else { None };
        match (c, group) {
            ('_' | '^', Some(inner)) => {
                flush(&mut text, &mut nodes);
                let children = parse_chars(inner, cut, depth + 1);
                nodes.push(if c == '_' { Node::Sub(children) } else { Node::Sup(children) });
                at += inner.len() + 3;
            }
            ('\\', _) => {
                let name: String = rest.iter().take_while(|c| c.is_ascii_alphabetic()).collect();
                let after = rest.get(name.len()..).unwrap_or_default();
                let style = match name.as_str() {
                    "bf" => Some(Cut::Bold),
                    "it" => Some(Cut::Italic),
                    "rm" => Some(Cut::Regular),
                    _ => None,
                };
                if let (Some(style), Some(inner), true) = (style, braced(after), depth < MAX_DEPTH) {
                    flush(&mut text, &mut nodes);
                    nodes.extend(parse_chars(inner, style, depth + 1));
                    at += name.len() + inner.len() + 3;
                } else if let Some((symbol, length)) = longest_symbol(&name) {
                    text.push_str(symbol);
                    at += length + 1;
                } else if let Some(&next @ ('\\' | '_' | '^' | '{' | '}')) = rest.first() {
                    text.push(next);
                    at += 2;
                } else if let Some(',') = rest.first() {
                    text.push('\u{a0}');
                    at += 2;
                } else {
                    text.push(c);
                    at += 1;
                }
            }
            // a hyphen at the start of a number or between spaces is a minus sign
            ('-', _)
                if (rest.first().is_some_and(char::is_ascii_digit) && !text.ends_with(char::is_alphanumeric))
                    || (rest.first() == Some(&' ') && (text.is_empty() || text.ends_with(' ')) && at > 0) =>
            {
                text.push('\u{2212}');
                at += 1;
            }
            _ => {
                text.push(c);
                at += 1;
            }
        }
    }
    flush(&mut text, &mut nodes);
    nodes
}

/// What stands between `{` at the start and its `}`.
fn braced(chars: &[char]) -> Option<&[char]> {
    if chars.first() != Some(&'{') {
        return None;
    }
    let mut open = 0usize;
    for (i, c) in chars.iter().enumerate() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return chars.get(1..i);
        }
    }
    None
}

/// The longest start of `name` that names a symbol, and its length: `DeltaR` is Δ and R.
fn longest_symbol(name: &str) -> Option<(&'static str, usize)> {
    (1..=name.len()).rev().find_map(|length| Some((symbol(name.get(..length)?)?, length)))
}

fn symbol(name: &str) -> Option<&'static str> {
    Some(match name {
        "alpha" => "α",
        "beta" => "β",
        "gamma" => "γ",
        "delta" => "δ",
        "epsilon" | "varepsilon" => "ε",
        "zeta" => "ζ",
        "eta" => "η",
        "theta" => "θ",
        "iota" => "ι",
        "kappa" => "κ",
        "lambda" => "λ",
        "mu" => "μ",
        "nu" => "ν",
        "xi" => "ξ",
        "pi" => "π",
        "rho" => "ρ",
        "sigma" => "σ",
        "tau" => "τ",
        "upsilon" => "υ",
        "phi" | "varphi" => "φ",
        "chi" => "χ",
        "psi" => "ψ",
        "omega" => "ω",
        "Gamma" => "Γ",
        "Delta" => "Δ",
        "Theta" => "Θ",
        "Lambda" => "Λ",
        "Xi" => "Ξ",
        "Pi" => "Π",
        "Sigma" => "Σ",
        "Phi" => "Φ",
        "Psi" => "Ψ",
        "Omega" => "Ω",
        "pm" => "±",
        "times" => "×",
        "cdot" => "·",
        "leq" | "le" => "≤",
        "geq" | "ge" => "≥",
        "neq" | "ne" => "≠",
        "approx" => "≈",
        "to" | "rightarrow" => "→",
        "sqrt" => "√",
        "infty" => "∞",
        "sum" => "∑",
        "int" => "∫",
        "partial" => "∂",
        "ell" => "ℓ",
        "degree" | "deg" => "°",
        "prime" => "′",
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_symbols() {
        let label = Label::new(r"p_{T}^{gen} [GeV]", Cut::Regular);
        let texts: Vec<&str> = label.pieces.iter().map(|p| p.text.as_str()).collect();
        assert_eq!(texts, ["p", "T", "gen", " [GeV]"]);
        assert_eq!(label.pieces[1].x, label.pieces[2].x, "sub and superscript are stacked");
        assert!(label.pieces[1].rise < 0.0 && label.pieces[2].rise > 0.0);
        assert_eq!(Label::new(r"1.6 < |\eta| < 2.7", Cut::Regular).plain(), "1.6 < |η| < 2.7");
        assert_eq!(Label::new(r"\DeltaR, \mum, \eta bins", Cut::Regular).plain(), "ΔR, μm, η bins");
        assert_eq!(Label::new("E / E - 1, a-b", Cut::Regular).plain(), "E / E \u{2212} 1, a-b");
        assert_eq!(Label::new("10^{-3}", Cut::Regular).plain(), "10\u{2212}3");
    }

    #[test]
    fn plain_names_and_malformed_markup_stay() {
        for text in ["tc_energy", "a_{b", "x^", r"\nosuch{1}", "}{", r"\", "_"] {
            assert_eq!(Label::new(text, Cut::Regular).plain(), text);
        }
        assert_eq!(Label::new(r"a\_\{b\}", Cut::Regular).plain(), "a_{b}");
        let deep = "_{".repeat(5000) + &"}".repeat(5000);
        assert!(!Label::new(&deep, Cut::Regular).plain().is_empty());
    }

    #[test]
    fn cuts_and_html() {
        let label = Label::new(r"\bf{CMS} \it{Simulation}", Cut::Regular);
        assert_eq!(label.pieces[0].cut, Cut::Bold);
        assert_eq!(label.pieces[2].cut, Cut::Italic);
        assert_eq!(html(r"p_{T}^{2} < <5"), "p<sub>T</sub><sup>2</sup> &lt; &lt;5");
    }
}
