//! Tracks: the fit at the origin.

use super::row::Row;
use crate::data::kinematics::pt_of_curvature;
use crate::error::{PflowError, Result};
use crate::import::branches::{Branches, mend};

const TRACK: [&str; 4] = ["chi2", "ndf", "trackStates_begin", "trackStates_end"];
const STATE: [&str; 5] = ["D0", "phi", "omega", "Z0", "tanLambda"];
const ENERGY_LOSS: [&str; 3] = ["dEdx", "dEdxError", "radiusOfInnermostHit"];
const REFERENCE: [&str; 3] = ["location", "referencePoint.x", "referencePoint.y"];
/// Location of the state at the innermost hit.
const FIRST_HIT: f64 = 2.0;

/// Where the tracks of a file stand.
pub(super) struct Tracks {
    name: String,
    states: String,
    /// collection of energy losses, in newer files
    losses: Option<String>,
    has_losses: bool,
    has_reference: bool,
    has_time: bool,
}

impl Tracks {
    pub(super) fn find(branches: &Branches, name: String) -> Result<Self> {
        // a subset of tracks uses the states of the full collection
        let full = name.split('_').next().unwrap_or(&name).to_owned();
        let mut names = Vec::new();
        for name in [&name, &full] {
            names.extend([format!("{name}_1"), format!("_{name}_trackStates"), format!("{name}_trackStates")]);
        }
        let states = names.iter().find(|name| branches.has(&format!("{name}.omega"))).cloned();
        let states = states.ok_or_else(|| {
            let reason = format!("is missing: track states of {name} ({})", names.join(", "));
            PflowError::column(branches.file(), format!("_{name}_trackStates"), reason)
        })?;
        let has = |collection: &str, members: &[&str]| {
            members.iter().all(|member| branches.has(&format!("{collection}.{member}")))
        };
        let losses = [format!("{name}_dQdx"), format!("{full}_dQdx")];
        let losses = losses.into_iter().find(|losses| branches.has(&format!("{losses}.dQdx.value")));
        Ok(Self {
            losses,
            has_losses: has(&name, &ENERGY_LOSS),
            has_reference: has(&states, &REFERENCE),
            has_time: has(&states, &["time"]),
            name,
            states,
        })
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = TRACK.iter().map(|member| format!("{}.{member}", self.name)).collect();
        names.extend(STATE.iter().map(|member| format!("{}.{member}", self.states)));
        if self.has_losses {
            names.extend(ENERGY_LOSS.iter().map(|member| format!("{}.{member}", self.name)));
        }
        if let Some(losses) = &self.losses {
            names.extend([format!("{losses}.dQdx.value"), format!("{losses}.dQdx.error")]);
        }
        if self.has_reference {
            names.extend(REFERENCE.iter().map(|member| format!("{}.{member}", self.states)));
        }
        names.extend(self.has_time.then(|| format!("{}.time", self.states)));
        names
    }

    /// Appends the features of all tracks; how many there are.
    pub(super) fn features(&self, row: &Row, field: f64, mended: &mut u64, features: &mut Vec<f32>) -> Result<usize> {
        let tracks = row.members(&self.name, &TRACK)?;
        let states = row.members(&self.states, &STATE)?;
        let optional = |is_there: bool, collection: &str, members: &[&str]| match is_there {
            true => row.members(collection, members),
            false => Ok(super::row::Members::default()),
        };
        let old_losses = optional(self.has_losses, &self.name, &ENERGY_LOSS)?;
        let losses = match &self.losses {
            Some(losses) => row.members(losses, &["dQdx.value", "dQdx.error"])?,
            None => old_losses.clone(),
        };
        let references = optional(self.has_reference, &self.states, &REFERENCE)?;
        let times = optional(self.has_time, &self.states, &["time"])?;
        for index in 0..tracks.len() {
            let (begin, end) = (tracks.at(2, index) as usize, tracks.at(3, index) as usize);
            if begin >= end || end > states.len() {
                return Err(row.fault(format!("track {index} has the states {begin}..{end} of {}", states.len())));
            }
            let first_hit = (begin..end).find(|state| references.at(0, *state) == FIRST_HIT);
            let innermost = match first_hit {
                Some(state) => references.at(1, state).hypot(references.at(2, state)),
                None => old_losses.at(2, index),
            };
            let (phi, omega, tan_lambda) = (states.at(1, begin), states.at(2, begin), states.at(4, begin));
            let pt = pt_of_curvature(omega, field);
            let values = [
                1.0,
                pt,
                tan_lambda.asinh(),
                phi.sin(),
                phi.cos(),
                pt * 1.0f64.hypot(tan_lambda),
                tracks.at(0, index),
                tracks.at(1, index),
                losses.at(0, index),
                losses.at(1, index),
                innermost,
                tan_lambda,
                states.at(0, begin),
                omega,
                states.at(3, begin),
                times.at(0, begin),
                0.0,
            ];
            features.extend(values.map(|value| mend(value, mended) as f32));
        }
        Ok(tracks.len())
    }
}
