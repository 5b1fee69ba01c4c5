//! The encoders and decoders that come with the program: trained on simulated wafers, in the number formats of each preset,
//! for two to five links. `recoil econt train --links 2,3,4,5` made them from 50,000 wafers, first with the telescope loss,
//! then with the exact distance; the guide of the autoencoders has the command and what they reach.

use recoil_nn::{Parameters, safetensors};

use super::catalogue;
use super::loss::LossConfig;
use super::models::{Arithmetic, ModelConfig};
use super::trained::{Autoencoder, Start};
use crate::error::{EcontError, Result};
use crate::transmission::Preset;

/// Name of the model in the number formats of the chip, and in those of the reference training.
const NAMES: [&str; 2] = ["8x8_c8_S2_asic", "8x8_c8_S2_qK_RTL_tele"];

macro_rules! weights {
    ($preset:literal) => {
        [
            include_bytes!(concat!("shipped/", $preset, "2.safetensors")),
            include_bytes!(concat!("shipped/", $preset, "3.safetensors")),
            include_bytes!(concat!("shipped/", $preset, "4.safetensors")),
            include_bytes!(concat!("shipped/", $preset, "5.safetensors")),
        ]
    };
}

/// Parameters by preset and number of links from two on.
static WEIGHTS: [[&[u8]; 4]; 2] = [weights!("asic"), weights!("seed")];

/// The model that comes with the program for a preset and a number of links. On one link it is that of two links, on more
/// than five that of five.
///
/// # Errors
/// Never: the parameters are those of the network.
pub fn shipped(preset: Preset, links: usize) -> Result<Autoencoder> {
    let links = links.clamp(2, 5);
    let (place, arithmetic) = match preset {
        Preset::Asic => (0, Arithmetic::Asic),
        Preset::Seed => (1, Arithmetic::Seed),
    };
    let name = NAMES.get(place).copied().unwrap_or_default();
    let bytes = WEIGHTS.get(place).and_then(|all| all.get(links - 2)).copied().unwrap_or_default();
    let network = ModelConfig { arithmetic, links, ..catalogue::named(name)?.network };
    let loss = LossConfig { telescope: 1.0, ..LossConfig::emd() };
    let start = Autoencoder::new(name, &network, &loss, Start::Seed(0))?;
    let contents = safetensors::parse(name.as_ref(), bytes).map_err(EcontError::Network)?;
    let parameters = Parameters::from_tensors(start.network(), &contents.tensors).map_err(EcontError::Network)?;
    Autoencoder::new(name, &network, &loss, Start::Given(&parameters))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::autoencoder::integer::IntegerEncoder;
    use crate::metrics::WaferEmd;
    use crate::simulate::{WaferConfig, wafer};

    #[test]
    fn shipped_models_encode_and_decode() {
        let wafers: Vec<_> =
            (0..300).map(|i| wafer(&WaferConfig::default(), recoil_stage::Seed::new(8), i).charges).collect();
        let mut emd = WaferEmd::new().unwrap();
        for preset in [Preset::Asic, Preset::Seed] {
            for links in 1..=6 {
                let model = shipped(preset, links).unwrap();
                assert!(IntegerEncoder::new(&model).is_ok());
                let received = model.transmit(&wafers, None, 0.0).unwrap();
                let pairs = wafers.iter().zip(&received);
                let distances =
                    pairs.map(|(wafer, got)| emd.outcome(&wafer.map(f64::from), got).unwrap().distance().unwrap());
                let mean = distances.sum::<f64>() / 300.0;
                assert!(mean < 1.2, "{preset:?} on {links} links: {mean}");
            }
        }
    }
}
