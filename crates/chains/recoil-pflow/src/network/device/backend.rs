//! Backends of burn as devices.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use burn_autodiff::Autodiff;
use burn_tensor::backend::{AutodiffBackend, Backend};
use burn_tensor::{Tensor, TensorData};
use recoil_nn::tape::Weights;

use super::attention::Padding;
use super::network::{Pass, Said, Tensors};
use super::{Accelerator, Device, Engine, Judge, Numbers};
use crate::error::{PflowError, Result};
use crate::network::forward::Rows;
use crate::network::model::Model;

/// Opens a device that this build has.
pub(super) fn open(device: Device) -> Result<Accelerator> {
    let engine: Box<dyn Engine> = match device {
        #[cfg(feature = "cuda")]
        Device::Cuda => Box::new(Burn::<burn_cuda::Cuda>::open(device)?),
        #[cfg(feature = "wgpu")]
        Device::Wgpu => Box::new(Burn::<burn_wgpu::Wgpu>::open(device)?),
        #[cfg(feature = "flex")]
        Device::Flex => Box::new(Burn::<burn_flex::Flex>::open(device)?),
        _ => return Err(fault(device, "this build does not have it")),
    };
    Ok(Accelerator { device, engine: Mutex::new(engine) })
}

fn fault(device: Device, reason: impl Into<String>) -> PflowError {
    PflowError::Device { device: device.name(), reason: reason.into() }
}

/// Does what a library may panic in, such as one that finds no driver.
fn guarded<T>(device: Device, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(fault(device, text.unwrap_or("its library gave up").trim()))
    })
}

/// A backend and its first device.
struct Burn<B: Backend> {
    device: Device,
    own: B::Device,
}

impl<B: Backend> Burn<B> {
    fn open(device: Device) -> Result<Self> {
        guarded(device, || {
            let engine = Self { device, own: B::Device::default() };
            // a device that is not there shows when it first computes
            let sum = Tensor::<B, 1>::from_data(TensorData::from([1.0_f32, 2.0]), &engine.own).sum();
            match engine.numbers(sum)?.as_slice() {
                [3.0] => Ok(engine),
                other => Err(fault(device, format!("it says that 1 + 2 is {other:?}"))),
            }
        })
    }

    /// Brings numbers back.
    fn numbers<C: Backend, const D: usize>(&self, tensor: Tensor<C, D>) -> Result<Vec<f32>> {
        let data = tensor.try_into_data().map_err(|error| fault(self.device, error.to_string()))?;
        data.into_vec().map_err(|error| fault(self.device, format!("{error:?}")))
    }

    fn said<C: Backend>(&self, said: &Said<C>, padding: &Padding<C>) -> Result<Numbers> {
        let of = |tensor: &Tensor<C, 2>| -> Result<Vec<f32>> {
            let columns = tensor.dims()[1];
            Ok(padding.gather(&self.numbers(tensor.clone())?, columns))
        };
        let [pt, eta, sin_phi, cos_phi, energy] = said.momentum.each_ref().map(of);
        let momentum = [pt?, eta?, sin_phi?, cos_phi?, energy?];
        Ok(Numbers { binary: of(&said.binary)?, pid: of(&said.pid)?, momentum })
    }

    /// All tensors of a network; they travel together.
    fn tensors<C: Backend>(&self, weights: &Weights, device: &C::Device) -> Vec<Tensor<C, 1>> {
        let all = TensorData::new(weights.values().to_vec(), [weights.len()]);
        let all = Tensor::<C, 1>::from_data(all, device);
        weights.tensors().iter().map(|tensor| all.clone().slice([tensor.range.clone()])).collect()
    }
}

fn named<B: Backend>(weights: &Weights, tensors: &[Tensor<B, 1>]) -> Tensors<B> {
    let pairs = weights.tensors().iter().zip(tensors);
    pairs.map(|(own, tensor)| (own.name.clone(), (tensor.clone(), own.shape.clone()))).collect()
}

impl<B: Backend> Engine for Burn<B> {
    fn outputs(&self, model: &Model, rows: &Rows) -> Result<Numbers> {
        guarded(self.device, || {
            let padding = Padding::<B>::new(&rows.offsets, &self.own);
            let weights = named(&model.weights, &self.tensors(&model.weights, &self.own));
            let said = Pass::new(model, &weights, &padding, rows, &self.own, None).outputs()?;
            self.said(&said, &padding)
        })
    }

    fn gradient(&self, model: &Model, rows: &Rows, seed: u64, judge: Judge<'_>, gradient: &mut [f32]) -> Result<()> {
        guarded(self.device, || {
            let padding = Padding::<Autodiff<B>>::new(&rows.offsets, &self.own);
            let leaves = self.tensors::<B>(&model.weights, &self.own).into_iter();
            let leaves: Vec<Tensor<Autodiff<B>, 1>> =
                leaves.map(|tensor| Tensor::from_inner(tensor).require_grad()).collect();
            let weights = named(&model.weights, &leaves);
            let said = Pass::new(model, &weights, &padding, rows, &self.own, Some(seed)).outputs()?;
            let slopes = judge(&self.said(&said, &padding)?)?;
            let back = self.back(&said, &slopes, &padding);
            let derivatives =
                leaves.iter().map(|leaf| leaf.grad(&back).unwrap_or_else(|| leaf.clone().inner().zeros_like()));
            let all = self.numbers(Tensor::cat(derivatives.collect(), 0))?;
            gradient.iter_mut().zip(all).for_each(|(sum, g)| *sum += g);
            Ok(())
        })
    }
}

impl<B: Backend> Burn<B> {
    /// Goes back from the derivatives by the outputs.
    fn back(
        &self,
        said: &Said<Autodiff<B>>,
        slopes: &Numbers,
        padding: &Padding<Autodiff<B>>,
    ) -> <Autodiff<B> as AutodiffBackend>::Gradients {
        let along = |output: &Tensor<Autodiff<B>, 2>, slopes: &[f32]| {
            let [rows, columns] = output.dims();
            let slopes = TensorData::new(padding.spread(slopes, columns), [rows, columns]);
            (output.clone() * Tensor::from_data(slopes, &self.own)).sum()
        };
        let mut sum = along(&said.binary, &slopes.binary) + along(&said.pid, &slopes.pid);
        for (output, slopes) in said.momentum.iter().zip(&slopes.momentum) {
            sum = sum + along(output, slopes);
        }
        sum.backward()
    }
}
