//! Networks on other devices, such as graphics processors.
//!
//! A device holds the way through a network and back; events, losses and optimisers stay on the processor. So every loss
//! and optimiser works with every device, and a device that computes the same outputs trains the same network. The
//! devices are backends of burn and come with features of the build: without them the program knows their names and says
//! what it takes to have them.

#[cfg(feature = "burn")]
mod attention;
#[cfg(feature = "burn")]
mod backend;
#[cfg(feature = "burn")]
mod network;

use std::sync::Mutex;

use recoil_nn::tape::{Tape, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::{Architecture, Backbone, RegressionMode};
use super::forward::{Outputs, Rows, forward};
use super::model::Model;
use crate::error::{PflowError, Result};

/// Where a network computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The processor, with recoil's own kernels.
    #[default]
    Cpu,
    /// A graphics processor of NVIDIA (builds with the feature `cuda`).
    Cuda,
    /// A graphics processor through Vulkan, Metal or DirectX (builds with the feature `wgpu`).
    Wgpu,
    /// The processor, with the kernels of burn, to compare with (builds with the feature `flex`).
    Flex,
}

impl Device {
    /// Its name among the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Wgpu => "wgpu",
            Self::Flex => "flex",
        }
    }

    /// Refuses a device that this build lacks.
    ///
    /// # Errors
    /// Names the command that installs a build that has it.
    pub fn check(self) -> Result<()> {
        let is_there = match self {
            Self::Cpu => true,
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Flex => cfg!(feature = "flex"),
        };
        let name = self.name();
        match is_there {
            true => Ok(()),
            false => Err(PflowError::config(
                "device",
                format!(
                    "this build of recoil does not have '{name}': install one with `cargo install --path crates/recoil --features {name}`"
                ),
            )),
        }
    }

    /// Opens the device for networks of an architecture; none for the processor.
    ///
    /// # Errors
    /// A device that this build or this machine lacks, or a network that devices do not compute.
    pub fn open(self, architecture: &Architecture) -> Result<Option<Accelerator>> {
        self.check()?;
        if self == Self::Cpu {
            return Ok(None);
        }
        if architecture.backbone != Backbone::Attention {
            let reason = format!("'{}' computes networks with the backbone `attention` only", self.name());
            return Err(PflowError::config("device", reason));
        }
        #[cfg(feature = "burn")]
        return backend::open(self).map(Some);
        #[cfg(not(feature = "burn"))]
        Ok(None)
    }
}

/// What a network says, or the derivatives of a loss by that: row-major numbers of all rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// two logits per row
    pub binary: Vec<f32>,
    /// logits of the classes
    pub pid: Vec<f32>,
    /// components of the momentum
    pub momentum: [Vec<f32>; 5],
}

impl Numbers {
    /// As outputs on a tape; `leaves` are such that a loss has derivatives by.
    fn outputs(&self, tape: &Tape<'_>, rows: usize, architecture: &Architecture, leaves: bool) -> Result<Outputs> {
        let value = |values: &[f32], is_leaf: bool| -> Result<Value> {
            let columns = values.len() / rows.max(1);
            Ok(if is_leaf { tape.leaf(rows, columns, values)? } else { tape.input(rows, columns, values)? })
        };
        let mut momentum = Vec::new();
        for (values, (_, mode)) in self.momentum.iter().zip(architecture.modes()) {
            momentum.push(value(values, leaves && mode != RegressionMode::Element)?);
        }
        let momentum: [Value; 5] =
            momentum.try_into().map_err(|_| PflowError::config("device", "a momentum has five components"))?;
        Ok(Outputs {
            binary: value(&self.binary, leaves)?,
            pid: value(&self.pid, leaves)?,
            momentum,
            states: Vec::new(),
        })
    }

    fn append(&mut self, other: Self) {
        self.binary.extend(other.binary);
        self.pid.extend(other.pid);
        for (all, more) in self.momentum.iter_mut().zip(other.momentum) {
            all.extend(more);
        }
    }
}

/// Derivatives of a loss by the outputs.
type Judge<'a> = &'a mut (dyn FnMut(&Numbers) -> Result<Numbers> + Send);

/// A backend with its device.
trait Engine: Send {
    /// What the network says.
    fn outputs(&self, model: &Model, rows: &Rows) -> Result<Numbers>;

    /// Derivatives of a loss by the weights, added to `gradient`; `judge` gives those by the outputs.
    fn gradient(&self, model: &Model, rows: &Rows, seed: u64, judge: Judge<'_>, gradient: &mut [f32]) -> Result<()>;
}

/// A device that computes one thing at a time.
pub struct Accelerator {
    device: Device,
    engine: Mutex<Box<dyn Engine>>,
}

/// Most numbers of a matrix of attentions: beyond it events go one after the other.
const MOST: usize = 1 << 26;

/// Whether events of these sizes fit beside each other: they are padded to the longest.
fn fits(heads: usize, events: usize, longest: usize) -> bool {
    events <= 1 || heads.saturating_mul(events).saturating_mul(longest).saturating_mul(longest) <= MOST
}

impl Accelerator {
    /// The device.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Whether events of these numbers of elements fit beside each other.
    pub(super) fn fits(&self, architecture: &Architecture, sizes: impl Iterator<Item = usize>) -> bool {
        let (events, longest) = sizes.fold((0, 0), |(events, longest), size| (events + 1, longest.max(size)));
        fits(architecture.heads, events, longest)
    }

    fn engine(&self) -> Result<std::sync::MutexGuard<'_, Box<dyn Engine>>> {
        self.engine.lock().map_err(|_| self.fault("it failed before"))
    }

    fn fault(&self, reason: impl Into<String>) -> PflowError {
        PflowError::Device { device: self.device.name(), reason: reason.into() }
    }

    /// What the network says of events, as outputs on a tape that go no way back.
    fn outputs(&self, tape: &Tape<'_>, model: &Model, rows: &Rows) -> Result<Outputs> {
        self.refuse_padding(rows)?;
        let mut all = Numbers::default();
        let sizes: Vec<usize> = rows.offsets.windows(2).map(|pair| pair[1].saturating_sub(pair[0]) as usize).collect();
        let mut first = 0;
        while first < sizes.len() {
            let mut count = 1;
            let together = |count: usize| sizes.get(first..first + count);
            while together(count + 1).is_some_and(|sizes| self.fits(&model.architecture, sizes.iter().copied())) {
                count += 1;
            }
            let part = rows.events(first..first + count, model.shape.features);
            if !part.is_empty() {
                all.append(self.engine()?.outputs(model, &part)?);
            }
            first += count;
        }
        all.outputs(tape, rows.len(), &model.architecture, false)
    }

    /// Adds the derivatives of a loss by the weights to `gradient`; `loss` computes it from outputs on a tape without
    /// weights.
    ///
    /// # Errors
    /// Weights that do not fit, or a device that fails.
    pub fn gradient<T: Send>(
        &self,
        model: &Model,
        rows: &Rows,
        seed: u64,
        loss: impl Fn(&Tape<'_>, &Outputs) -> Result<(Value, T)> + Sync,
        gradient: &mut [f32],
    ) -> Result<T> {
        self.refuse_padding(rows)?;
        let mut result = None;
        let (none, pool) = (recoil_nn::tape::Weights::new(0), recoil_nn::tape::Pool::default());
        let mut judge = |numbers: &Numbers| -> Result<Numbers> {
            let tape = Tape::new(&none, &pool, recoil_nn::tape::Mode::Gradients);
            let outputs = numbers.outputs(&tape, rows.len(), &model.architecture, true)?;
            let (total, rest) = loss(&tape, &outputs)?;
            let back = tape.backward(&total, &mut [])?;
            result = Some(rest);
            let of = |value: &Value| match back.of(value) {
                Some(own) => own.to_vec(),
                None => vec![0.0; value.values().len()],
            };
            let momentum = outputs.momentum.each_ref().map(of);
            Ok(Numbers { binary: of(&outputs.binary), pid: of(&outputs.pid), momentum })
        };
        self.engine()?.gradient(model, rows, seed, &mut judge, gradient)?;
        result.ok_or_else(|| self.fault("it gave no outputs"))
    }

    fn refuse_padding(&self, rows: &Rows) -> Result<()> {
        match rows.real.is_empty() {
            true => Ok(()),
            false => Err(self.fault("it does not see padding as the reference implementation does")),
        }
    }
}

/// What a network says of some events, by the processor or another device.
///
/// # Errors
/// Weights that do not fit, or a device that fails.
pub fn outputs(tape: &Tape<'_>, model: &Model, rows: &Rows, on: Option<&Accelerator>) -> Result<Outputs> {
    match on {
        None => Ok(forward(tape, &model.architecture, &model.shape, rows, false)?),
        Some(accelerator) => accelerator.outputs(tape, model, rows),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_build_tells_what_it_lacks() {
        let features = [
            (Device::Cuda, cfg!(feature = "cuda")),
            (Device::Wgpu, cfg!(feature = "wgpu")),
            (Device::Flex, cfg!(feature = "flex")),
        ];
        for (device, is_there) in features {
            let answer = device.check().map_err(|error| error.to_string());
            assert_eq!(answer.is_ok(), is_there, "{answer:?}");
            let command = format!("--features {}", device.name());
            assert!(is_there || answer.unwrap_err().contains(&command));
        }
    }

    #[test]
    fn events_that_fit_beside_each_other() {
        assert!(fits(16, 4, 1024) && !fits(16, 5, 1024));
        assert!(fits(16, 1, 100_000), "a single event has to fit");
    }
}
