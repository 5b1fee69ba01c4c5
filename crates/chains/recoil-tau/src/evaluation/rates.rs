//! Efficiencies in bins, read back from the table that holds them.

use std::path::Path;

use recoil_stats::Interval;

use super::Fake;
use super::efficiency::Variable;
use super::figures::Binned;
use crate::error::{Result, TauError};

/// Efficiencies of the working points against one kind of fakes in bins of one variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    /// Kind of fakes.
    pub kind: Fake,
    /// What the bins are in.
    pub variable: Variable,
    /// Edges of the bins.
    pub edges: Vec<f64>,
    /// Name of each working point, efficiencies of taus, rates of fakes.
    pub points: Vec<(String, Vec<Interval>, Vec<Interval>)>,
}

/// What the columns of the table begin with.
pub const HEADER: [&str; 9] = ["vs_type", "variable", "low", "high", "kind", "wp", "eff", "eff_up", "eff_down"];

impl Rates {
    /// As figures take them.
    pub fn binned(&self) -> Vec<Binned<'_>> {
        self.points
            .iter()
            .map(|(label, taus, fakes)| Binned { label, taus: taus.clone(), fakes: fakes.clone() })
            .collect()
    }
}

/// Reads the table that `tau efficiency` writes.
///
/// # Errors
/// Files that are no such table, with the line.
pub fn read(path: &Path) -> Result<Vec<Rates>> {
    let text = std::fs::read_to_string(path).map_err(|error| TauError::io(path, error))?;
    let bad = |line: usize, reason: &str| TauError::content(format!("{}, line {line}", path.display()), reason);
    let mut lines = text.lines().zip(1..);
    let head: Vec<&str> = lines.next().map(|(line, _)| line.split(',').collect()).unwrap_or_default();
    if !head.starts_with(&HEADER) {
        return Err(bad(1, "is not the header of a table of efficiencies"));
    }
    let mut found: Vec<Rates> = Vec::new();
    for (line, number) in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let [kind, variable, low, high, of, point, eff, up, down, ..] = fields.as_slice() else {
            return Err(bad(number, "has too few columns"));
        };
        let value = |text: &str| match text {
            "" => Ok(f64::NAN),
            text => text.parse::<f64>().map_err(|_| bad(number, &format!("'{text}' is no number"))),
        };
        let kind = Fake::of_name(kind).ok_or_else(|| bad(number, &format!("'{kind}' is no kind of fake")))?;
        let variable =
            Variable::of_name(variable).ok_or_else(|| bad(number, &format!("'{variable}' is no variable")))?;
        let (low, high, eff) = (value(low)?, value(high)?, value(eff)?);
        let interval = Interval { value: eff, low: eff - value(down)?, high: eff + value(up)? };
        let place = match found.iter().position(|rates| (rates.kind, rates.variable) == (kind, variable)) {
            Some(place) => place,
            None => {
                found.push(Rates { kind, variable, edges: vec![low], points: Vec::new() });
                found.len() - 1
            }
        };
        let Some(rates) = found.get_mut(place) else { continue };
        if rates.edges.last().is_some_and(|last| high > *last) {
            rates.edges.push(high);
        }
        if !rates.points.iter().any(|(name, ..)| name == point) {
            rates.points.push(((*point).to_owned(), Vec::new(), Vec::new()));
        }
        let own = rates.points.iter_mut().find(|(name, ..)| name == point);
        match (own, *of) {
            (Some((_, taus, _)), "tau") => taus.push(interval),
            (Some((.., fakes)), "fake") => fakes.push(interval),
            _ => return Err(bad(number, &format!("'{of}' is neither tau nor fake"))),
        }
    }
    Ok(found)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("efficiency.csv");
        let table = "jet,tau_pt,20,30,tau,Loose,0.5,0.25,0.125,1,2,2\njet,tau_pt,30,40,tau,Loose,,,,0,0,0\n\
                     jet,tau_pt,20,30,fake,Loose,0.25,0.5,0.125,1,4,4\njet,tau_pt,30,40,fake,Loose,0,0.5,0,0,2,2\n";
        let text = format!("{},pass,total,effective_total\n{table}", HEADER.join(","));
        std::fs::write(&path, &text).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, found[0].variable), (Fake::Jet, Variable::Pt));
        assert_eq!(found[0].edges, [20.0, 30.0, 40.0]);
        let (name, taus, fakes) = &found[0].points[0];
        assert_eq!((name.as_str(), taus[0]), ("Loose", Interval { value: 0.5, low: 0.375, high: 0.75 }));
        assert!(taus[1].value.is_nan());
        assert_eq!(fakes[1], Interval { value: 0.0, low: 0.0, high: 0.5 });
        for (from, to, message) in [
            ("vs_type", "x", "line 1"),
            ("jet,tau_pt,20,30,fake", "cat,tau_pt,20,30,fake", "line 4: 'cat' is no kind of fake"),
            ("0.25,0.5", "much,0.5", "line 4: 'much' is no number"),
        ] {
            std::fs::write(&path, text.replace(from, to)).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
