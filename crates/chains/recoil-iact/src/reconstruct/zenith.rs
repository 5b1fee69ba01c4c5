//! Interpolation between the pointings of the training.
//!
//! A forest that was trained at a few zenith angles answers for the nearest of them, with a jump half-way. So the
//! altitude of the telescope is replaced by those of the two nearest pointings on the same side of culmination, and both
//! answers are combined linearly in the cosine of the zenith angle.

use crate::error::{IactError, Result};
use std::path::Path;

/// Zenith angles nearer to each other than this \[rad\] weigh the same.
const NEAR: f64 = 1e-4;

/// The two pointings that an event is interpolated between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nodes {
    /// Altitudes of the nearest and second nearest pointing \[rad\].
    pub alt: [f64; 2],
    /// Weights of the answers there; they add up to one and may be negative.
    pub weight: [f64; 2],
}

/// Pointings of a training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pointings {
    /// Altitude and azimuth \[rad\].
    pub nodes: Vec<(f64, f64)>,
}

impl Pointings {
    /// Nodes and weights for a pointing; nothing if the training had fewer than two pointings.
    pub fn around(&self, alt: f64, az: f64) -> Option<Nodes> {
        let side = |other: f64| other.sin() * az.sin() > 0.0;
        let distance = |(node_alt, node_az): &(f64, f64)| {
            // on the other side of culmination everything is far away
            if side(*node_az) { (node_alt - alt).abs() } else { std::f64::consts::FRAC_PI_2 }
        };
        let mut order: Vec<(f64, f64)> = self.nodes.iter().map(|node| (distance(node), node.0)).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let [(_, first), (_, second), ..] = order.as_slice() else { return None };
        let (first, second) = (*first, *second);
        // the cosine of the zenith angle is the sine of the altitude
        let second_weight =
            if (first - second).abs() <= NEAR { 0.5 } else { (alt.sin() - first.sin()) / (second.sin() - first.sin()) };
        Some(Nodes { alt: [first, second], weight: [1.0 - second_weight, second_weight] })
    }

    /// Reads a table with columns `zd` and `az` in degrees or radians (ECSV).
    ///
    /// # Errors
    /// A file that cannot be read or is no such table.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| IactError::io(path, source))?;
        let wrong = |line: usize, what: &str| IactError::content(path.display(), format!("line {line}: {what}"));
        let unit = |name: &str| {
            let line = text.lines().find(|line| line.starts_with('#') && line.contains(&format!("name: {name},")));
            if line.is_some_and(|line| line.contains("unit: rad")) { 1.0 } else { 1_f64.to_radians() }
        };
        let mut rows = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
        let (number, header) = rows.next().ok_or_else(|| wrong(1, "the table is empty"))?;
        let split = |line: &str| -> Vec<String> {
            line.split([' ', ',', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        let names = split(header);
        let place = |name: &str| {
            names
                .iter()
                .position(|known| known == name)
                .ok_or_else(|| wrong(number + 1, "columns zd and az are expected"))
        };
        let (zd, az) = (place("zd")?, place("az")?);
        let mut nodes = Vec::new();
        for (number, line) in rows {
            let words = split(line);
            let value = |place: usize| {
                let value =
                    words.get(place).and_then(|word| word.parse::<f64>().ok()).filter(|value| value.is_finite());
                value.ok_or_else(|| wrong(number + 1, "two numbers are expected"))
            };
            nodes.push((std::f64::consts::FRAC_PI_2 - value(zd)? * unit("zd"), value(az)? * unit("az")));
        }
        Ok(Self { nodes })
    }

    /// The table that [`Pointings::read`] reads, in degrees.
    pub fn to_ecsv(&self) -> String {
        let mut text = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: zd, unit: deg, datatype: float64, description: zenith \
                        angle of the telescope}\n# - {name: az, unit: deg, datatype: float64, description: azimuth of the \
                        telescope}\n# schema: astropy-2.0\nzd az\n"
            .to_owned();
        for (alt, az) in &self.nodes {
            text.push_str(&format!("{:?} {:?}\n", 90.0 - alt.to_degrees(), az.to_degrees()));
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn linear_in_the_cosine_of_the_zenith_angle() {
        let alt = |zenith: f64| (90.0 - zenith).to_radians();
        let pointings = Pointings { nodes: vec![(alt(20.0), 1.0), (alt(40.0), 1.0), (alt(30.0), -1.0)] };
        let nodes = pointings.around(alt(25.0), 0.5).unwrap();
        assert_eq!(nodes.alt, [alt(20.0), alt(40.0)]);
        let cos = |zenith: f64| zenith.to_radians().cos();
        let expected = (cos(25.0) - cos(20.0)) / (cos(40.0) - cos(20.0));
        assert!((nodes.weight[1] - expected).abs() < 1e-14);
        assert!((nodes.weight[0] + nodes.weight[1] - 1.0).abs() < 1e-15);
        // outside of the range the line goes on
        assert!(pointings.around(alt(10.0), 0.5).unwrap().weight[1] < 0.0);
        assert_eq!(Pointings { nodes: vec![(1.0, 1.0)] }.around(1.0, 1.0), None);
        let twice = Pointings { nodes: vec![(1.0, 1.0), (1.0, 2.0)] };
        assert_eq!(twice.around(0.9, 1.0).unwrap().weight, [0.5, 0.5]);
    }

    #[test]
    fn a_table_comes_back() {
        let pointings = Pointings { nodes: vec![(1.2, 3.1), (0.8, 0.1)] };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("training_dirs.ecsv");
        std::fs::write(&path, pointings.to_ecsv()).unwrap();
        for (found, expected) in Pointings::read(&path).unwrap().nodes.iter().zip(&pointings.nodes) {
            assert!((found.0 - expected.0).abs() < 1e-14 && (found.1 - expected.1).abs() < 1e-14);
        }
        std::fs::write(&path, "zd az\n1 x\n").unwrap();
        assert!(Pointings::read(&path).unwrap_err().to_string().contains("line 2"));
    }
}
