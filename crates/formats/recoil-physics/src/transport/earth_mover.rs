//! The earth mover's distance over fixed places.

use super::simplex::Transport;
use crate::error::{Error, Result};

/// Earth mover's distances between distributions over the same places.
#[derive(Debug, Clone)]
pub struct EarthMover {
    places: usize,
    /// One row per place.
    distances: Vec<f64>,
    transport: Transport,
    above: Vec<u32>,
    below: Vec<u32>,
    potentials: Vec<f64>,
}

/// Differences below this share of the total mass are rounding.
const ROUNDING: f64 = 1e-16;

impl EarthMover {
    /// For `places` places with these distances, one row per place.
    ///
    /// # Errors
    /// A wrong number of distances, or distances that are no metric.
    pub fn new(places: usize, distances: &[f64]) -> Result<Self> {
        if distances.len() != places * places {
            return Err(Error::Length {
                column: "distances".into(),
                expected: places * places,
                found: distances.len(),
            });
        }
        check_metric(places, distances)?;
        Ok(Self {
            places,
            distances: distances.to_vec(),
            transport: Transport::default(),
            above: Vec::with_capacity(places),
            below: Vec::with_capacity(places),
            potentials: vec![0.0; places],
        })
    }

    /// The distance of two distributions, each normalised to unit sum.
    ///
    /// # Errors
    /// A distribution of another length, with a number that is negative or not finite, or without mass.
    pub fn distance(&mut self, a: &[f64], b: &[f64]) -> Result<f64> {
        let (sum_a, sum_b) = (self.mass("first distribution", a)?, self.mass("second distribution", b)?);
        self.above.clear();
        self.below.clear();
        let excess = |place: u32| {
            let of = |values: &[f64], sum: f64| values.get(place as usize).copied().unwrap_or_default() / sum;
            of(a, sum_a) - of(b, sum_b)
        };
        for place in 0..self.places as u32 {
            let excess = excess(place);
            if excess > ROUNDING {
                self.above.push(place);
            } else if excess < -ROUNDING {
                self.below.push(place);
            }
        }
        // one of them without the other is rounding as well
        if self.above.is_empty() || self.below.is_empty() {
            self.above.clear();
            self.below.clear();
        }
        let transport = &mut self.transport;
        transport.begin(self.above.len(), self.below.len());
        transport.supplies.extend(self.above.iter().map(|place| excess(*place)));
        transport.demands.extend(self.below.iter().map(|place| -excess(*place)));
        let stride = transport.stride;
        for (row, from) in transport.costs.chunks_exact_mut(stride).zip(&self.above) {
            let start = *from as usize * self.places;
            let distances = self.distances.get(start..start + self.places).unwrap_or_default();
            for (cost, to) in row.iter_mut().zip(&self.below) {
                *cost = distances.get(*to as usize).copied().unwrap_or_default();
            }
        }
        transport.run()
    }

    /// Potentials of all places from the last distance: it is the sum over places of potential times (first minus second
    /// normalised distribution). They change by at most the distance between two places, and are the gradient of the
    /// distance with respect to the first distribution (up to a constant), minus that with respect to the second.
    pub fn potentials(&mut self) -> &[f64] {
        let prices = self.transport.demand_potentials();
        for (place, potential) in self.potentials.iter_mut().enumerate() {
            let row = self.distances.get(place * self.places..(place + 1) * self.places).unwrap_or_default();
            let through = |(to, price): (&u32, &f64)| row.get(*to as usize).copied().unwrap_or_default() - price;
            let least = self.below.iter().zip(prices).map(through).fold(f64::INFINITY, f64::min);
            *potential = if least.is_finite() { least } else { 0.0 };
        }
        &self.potentials
    }

    /// Number of places.
    pub fn places(&self) -> usize {
        self.places
    }

    fn mass(&self, column: &str, values: &[f64]) -> Result<f64> {
        if values.len() != self.places {
            return Err(Error::Length { column: column.into(), expected: self.places, found: values.len() });
        }
        let mut sum = 0.0;
        for (row, &value) in values.iter().enumerate() {
            if !(value.is_finite() && value >= 0.0) {
                let wanted = "finite and not negative";
                return Err(Error::Value { column: column.into(), row, value: value as f32, wanted });
            }
            sum += value;
        }
        if sum > 0.0 && sum.is_finite() {
            return Ok(sum);
        }
        Err(Error::Parameter { name: format!("sum of the {column}"), value: sum, wanted: "positive and finite" })
    }
}

fn check_metric(places: usize, distances: &[f64]) -> Result<()> {
    let fault = |row: usize, value: f64, wanted| {
        Err(Error::Value { column: "distances".into(), row, value: value as f32, wanted })
    };
    let rows: Vec<&[f64]> = distances.chunks_exact(places.max(1)).collect();
    let largest = distances.iter().copied().fold(0.0, f64::max);
    for (a, row) in rows.iter().enumerate() {
        for (b, &distance) in row.iter().enumerate() {
            if !(distance.is_finite() && distance >= 0.0) {
                return fault(a, distance, "finite and not negative");
            }
            let back = rows.get(b).and_then(|row| row.get(a)).copied().unwrap_or_default();
            if (a == b && distance != 0.0) || (distance - back).abs() > 1e-9 * largest {
                return fault(a, distance, "symmetric and zero from a place to itself");
            }
            let others = rows.get(b).copied().unwrap_or_default();
            let detour = row.iter().zip(others).map(|(there, on)| there + on).fold(f64::INFINITY, f64::min);
            if detour < distance - 1e-9 * largest {
                return fault(a, distance, "at most as long as any detour");
            }
        }
    }
    Ok(())
}
