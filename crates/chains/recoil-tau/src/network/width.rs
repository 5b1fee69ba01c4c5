//! Widths of layers from formulas such as `2*n*(1+drop)`.

use crate::error::{Result, TauError};

/// Evaluates a formula of numbers, `n`, `drop`, `+`, `-`, `*`, `/` and brackets; between a number or a bracket and a
/// name or a bracket the sign of multiplication may be left out.
///
/// # Errors
/// Text that is no such formula.
pub fn evaluate(formula: &str, n: usize, drop: f64) -> Result<f64> {
    let mut reader = Reader { rest: formula.trim_start(), n: n as f64, drop };
    let value = reader.sum();
    match value {
        Some(value) if reader.rest.is_empty() && value.is_finite() => Ok(value),
        _ => Err(TauError::config(
            "width",
            format!(
                "'{formula}' is no formula of numbers, n, drop, +, -, *, / and brackets (stopped before '{}')",
                reader.rest
            ),
        )),
    }
}

struct Reader<'a> {
    rest: &'a str,
    n: f64,
    drop: f64,
}

impl Reader<'_> {
    fn take(&mut self, sign: &str) -> bool {
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        loop {
            if self.take("+") {
                value += self.product()?;
            } else if self.take("-") {
                value -= self.product()?;
            } else {
                return Some(value);
            }
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.factor()?;
        loop {
            if self.take("*") {
                value *= self.factor()?;
            } else if self.take("/") {
                value /= self.factor()?;
            } else if self.rest.starts_with(['n', 'd', '(']) {
                value *= self.factor()?;
            } else {
                return Some(value);
            }
        }
    }

    fn factor(&mut self) -> Option<f64> {
        if self.take("-") {
            return Some(-self.factor()?);
        }
        if self.take("(") {
            let value = self.sum()?;
            return self.take(")").then_some(value);
        }
        if self.take("drop") {
            return Some(self.drop);
        }
        if self.take("n") {
            return Some(self.n);
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
        let value = self.rest.get(..end)?.parse().ok()?;
        self.rest = self.rest.get(end..)?.trim_start();
        Some(value)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::evaluate;

    #[test]
    fn formulas_worked_by_hand() {
        assert_eq!(evaluate("2n(1+drop)", 43, 0.25).unwrap(), 107.5);
        assert_eq!(evaluate(" 2 * n * ( 1 + drop ) ", 43, 0.25).unwrap(), 107.5);
        assert_eq!(evaluate("200", 43, 0.2).unwrap(), 200.0);
        assert_eq!(evaluate("0.5*n - -3/2", 10, 0.0).unwrap(), 6.5);
        for bad in ["", "2+", "n m", "(n", "1..2", "1/0"] {
            assert!(evaluate(bad, 3, 0.1).is_err(), "{bad}");
        }
    }
}
