//! The few Python literals that array headers are made of.

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Int(u64),
    Bool(bool),
    /// A tuple or a list.
    Sequence(Vec<Literal>),
    Dict(Vec<(String, Literal)>),
}

/// Nesting beyond which a header is refused.
const DEEPEST: usize = 32;

/// Reads a text that is one literal.
pub(super) fn parse(text: &str) -> Option<Literal> {
    let mut parser = Parser { rest: text.trim() };
    let literal = parser.value(0)?;
    parser.rest.trim_matches(['\0', ' ', '\n']).is_empty().then_some(literal)
}

struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn eat(&mut self, sign: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        if depth > DEEPEST {
            return None;
        }
        if self.eat('{') {
            return self.dict(depth);
        }
        for (open, close) in [('(', ')'), ('[', ']')] {
            if self.eat(open) {
                return self.sequence(close, depth);
            }
        }
        self.rest = self.rest.trim_start();
        if self.rest.starts_with(['\'', '"', 'u', 'b']) {
            return self.text().map(Literal::Text);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        match word {
            "True" => Some(Literal::Bool(true)),
            "False" => Some(Literal::Bool(false)),
            number => number.trim_end_matches('L').parse().ok().map(Literal::Int),
        }
    }

    fn text(&mut self) -> Option<String> {
        let rest = self.rest.trim_start().trim_start_matches(['u', 'b']);
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => text.push(chars.next()?.1),
                c if c == quote => {
                    self.rest = rest.get(at + quote.len_utf8()..)?;
                    return Some(text);
                }
                c => text.push(c),
            }
        }
        None
    }

    fn sequence(&mut self, close: char, depth: usize) -> Option<Literal> {
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(self.value(depth + 1)?);
            if !self.eat(',') {
                return self.eat(close).then_some(Literal::Sequence(items));
            }
        }
        Some(Literal::Sequence(items))
    }

    fn dict(&mut self, depth: usize) -> Option<Literal> {
        let mut pairs = Vec::new();
        while !self.eat('}') {
            let key = self.text()?;
            if !self.eat(':') {
                return None;
            }
            pairs.push((key, self.value(depth + 1)?));
            if !self.eat(',') {
                return self.eat('}').then_some(Literal::Dict(pairs));
            }
        }
        Some(Literal::Dict(pairs))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_numpy_are_read() {
        let text = "{'descr': [('a', '<f4'), ('b', '<i2', (3, 2))], 'fortran_order': False, 'shape': (5,), }   \n";
        let Some(Literal::Dict(pairs)) = parse(text) else { unreachable!() };
        assert_eq!(pairs.len(), 3);
        assert_eq!(pairs[1], ("fortran_order".to_owned(), Literal::Bool(false)));
        assert_eq!(pairs[2].1, Literal::Sequence(vec![Literal::Int(5)]));
        for bad in ["", "{", "{'a'}", "(1", "{'a': (1,}", "'a", "1 2", "-1", &"(".repeat(100_000)] {
            assert_eq!(parse(bad), None, "{bad:.20}");
        }
    }
}
