//! Every network by name.

use super::loss::LossConfig;
use super::models::{Arithmetic, KeepPixels, ModelConfig};
use crate::arrangement::Image;
use crate::error::{EcontError, Result};

/// A model by name: its network and what it is trained with.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// Its network.
    pub network: ModelConfig,
    /// Its loss.
    pub loss: LossConfig,
}

/// All models: those of today, then those of the studies that led to them.
pub fn all() -> Vec<Model> {
    let mut models = present();
    models.extend(per_third());
    models.extend(one_image());
    models.extend(separate_channels());
    models
}

/// The model of this name.
///
/// # Errors
/// When there is none; the message names those that are near.
pub fn named(name: &str) -> Result<Model> {
    let models = all();
    let names: Vec<&str> = models.iter().map(|model| model.name).collect();
    let advice =
        recoil_stage::config::did_you_mean(name, &names).unwrap_or_else(|| format!("known: {}", names.join(", ")));
    models
        .into_iter()
        .find(|model| model.name == name)
        .ok_or_else(|| EcontError::Config { key: "model", reason: format!("there is no model '{name}' ({advice})") })
}

fn model(name: &'static str, network: ModelConfig, loss: LossConfig) -> Model {
    Model { name, network, loss }
}

/// Where the last bias of today's models starts: with images that are nearly empty, as wafers are. From zero, as in the
/// reference, all 64 pixels begin at one half, and trainings stay on a plateau for 15 epochs or more.
const NEARLY_EMPTY: f32 = -4.0;

/// The network of the chip with its losses and number formats.
fn present() -> Vec<Model> {
    let usual = || ModelConfig { output_bias: NEARLY_EMPTY, ..ModelConfig::default() };
    let asic = || ModelConfig { arithmetic: Arithmetic::Asic, links: 5, ..usual() };
    let mut models = vec![
        model("8x8_c8_S2_tele", usual(), LossConfig::telescope()),
        model("8x8_c8_S2", usual(), LossConfig::weighted_mse()),
        model("8x8_c8_pool_tele", ModelConfig { stride: 1, pool: vec![true], ..usual() }, LossConfig::telescope()),
        model("8x8_c8_S2_emd", usual(), LossConfig::emd()),
        model("8x8_c8_S2_ae_emdCNN", usual(), LossConfig::surrogate()),
        model("8x8_c8_S2_conditional", ModelConfig { conditional: true, ..asic() }, LossConfig::telescope()),
        model("8x8_c8_S2_asic", asic(), LossConfig::telescope()),
        model("8x8_c8_S2_asic_wide", ModelConfig { decoder: vec![128, 256], ..asic() }, LossConfig::telescope()),
    ];
    for (name, loss) in [
        ("8x8_c8_S2_qK", LossConfig::weighted_mse()),
        ("8x8_c8_S2_qK_RTL", LossConfig::weighted_mse()),
        ("8x8_c8_S2_qK_RTL_MSE", LossConfig::weighted_mse()),
        ("8x8_c8_S2_qK_tele", LossConfig::telescope()),
        ("8x8_c8_S2_qK_RTL_tele", LossConfig::telescope()),
        ("8x8_c8_S2_qK_RTL_emd", LossConfig::emd()),
        ("8x8_c8_S2_qK_RTL_emd_ttbar", LossConfig::surrogate()),
        ("8x8_c8_S2_qK_RTL_emd_egun", LossConfig::surrogate()),
        ("8x8_c8_S2_qK_RTL_emd_epgun", LossConfig::surrogate()),
        ("8x8_c8_S2_qK_RTL_emd_lphe", LossConfig::surrogate()),
    ] {
        models.push(model(name, ModelConfig { arithmetic: Arithmetic::Seed, links: 5, ..usual() }, loss));
    }
    for (name, links) in [("8x8_c8_S2_qK_1b7", 4), ("8x8_c8_S2_qK_1b5", 3), ("8x8_c8_S2_qK_1b3", 2)] {
        let network = ModelConfig { arithmetic: Arithmetic::Seed, links, ..usual() };
        models.push(model(name, network, LossConfig::weighted_mse()));
    }
    models
}

/// Images of 4x4 pixels with a channel per third.
fn per_third() -> Vec<Model> {
    let network = |filters: &[usize]| ModelConfig {
        image: Image::FourByFour,
        filters: filters.to_vec(),
        stride: 1,
        ..ModelConfig::default()
    };
    let with_dense = |filters: &[usize]| ModelConfig { dense: vec![16], ..network(filters) };
    let kernels = |filters: &[usize]| ModelConfig { kernels: vec![5, 5, 3], ..network(filters) };
    [
        ("4x4x3_c8", network(&[8])),
        ("4x4x3_c8_d16", with_dense(&[8])),
        ("4x4x3_c8_k5_d16", ModelConfig { kernel: 5, ..with_dense(&[8]) }),
        ("4x4x3_c8_d16_e12", ModelConfig { latent: 12, ..with_dense(&[8]) }),
        ("4x4x3_c8_d16_e20", ModelConfig { latent: 20, ..with_dense(&[8]) }),
        ("4x4x3_c8_pool_d16", ModelConfig { pool: vec![true], ..with_dense(&[8]) }),
        ("4x4x3_c8_c8_d16", with_dense(&[8, 8])),
        ("4x4x3_c8_c8_c8_d16", with_dense(&[8, 8, 8])),
        ("4x4x3_c4_c4_c4_d16", with_dense(&[4, 4, 4])),
        ("4x4x3_c8_c4_c2_d16", with_dense(&[8, 4, 2])),
        ("4x4x3_c8_c4_c4_c4_c2_d16", with_dense(&[8, 4, 4, 4, 2])),
        ("4x4x3_c12_d16", with_dense(&[12])),
        ("4x4x3_c20_d16", with_dense(&[20])),
        ("Sep1_CNN_keras_norm", network(&[8])),
        ("Sep1_CNN_keras_v1", network(&[8, 8])),
        ("Sep1_CNN_keras_v2", network(&[8, 8, 8])),
        ("Sep1_CNN_keras_v3", network(&[4, 4, 4])),
        ("Sep1_CNN_keras_v4", network(&[8, 4, 2])),
        ("Sep1_CNN_keras_v5", kernels(&[8, 4, 2])),
        ("Sep1_CNN_keras_v6", kernels(&[4, 4, 4])),
        ("Sep1_CNN_keras_v7", network(&[8, 4, 4, 4, 2])),
        ("Sep1_CNN_keras_v8", ModelConfig { kernel: 5, ..network(&[8]) }),
        ("Sep1_CNN_keras_v9", network(&[12])),
        ("Sep1_CNN_keras_v10", ModelConfig { pool: vec![true], ..network(&[8]) }),
        ("Sep1_CNN_keras_v12", ModelConfig { latent: 12, ..network(&[8]) }),
        ("Sep1_CNN_keras_v13", ModelConfig { latent: 20, ..network(&[8]) }),
        ("Sep1_CNN_keras_v14", with_dense(&[8])),
        ("Sep1_CNN_keras_v15", ModelConfig { dense: vec![16], ..kernels(&[4, 4, 4]) }),
        ("Sep1_CNN_keras_v16", ModelConfig { pool: vec![true], ..network(&[20]) }),
    ]
    .map(|(name, network)| model(name, network, LossConfig::telescope()))
    .into()
}

/// Images of 8x8 pixels.
fn one_image() -> Vec<Model> {
    let network = |filters| ModelConfig { filters: vec![filters], stride: 1, ..ModelConfig::default() };
    let pooled = |filters| ModelConfig { pool: vec![true], ..network(filters) };
    let kept = |filters| ModelConfig { keep_pixels: Some(KeepPixels::Shown), ..network(filters) };
    let shown_twice = || ModelConfig { image: Image::EightByEightDuplicated, ..network(8) };
    let strided = |filters| ModelConfig { filters: vec![filters], ..ModelConfig::default() };
    [
        ("8x8_c2", network(2)),
        ("8x8_c4", network(4)),
        ("8x8_c6", network(6)),
        ("8x8_c8", network(8)),
        ("8x8_c8_dup", shown_twice()),
        ("8x8_c8_wedge", ModelConfig { image: Image::EightByEightWedge, ..network(8) }),
        ("Sep9_CNN_keras_8x8_v1", network(8)),
        ("Sep9_CNN_keras_8x8_v2", network(2)),
        ("Sep9_CNN_keras_8x8_v3", pooled(8)),
        ("Sep9_CNN_keras_8x8_v4", ModelConfig { image: Image::EightByEightRotated, ..network(8) }),
        ("Sep9_CNN_keras_8x8_v5", network(4)),
        ("Sep9_CNN_keras_8x8_v6", network(6)),
        ("Sep9_CNN_keras_8x8_v7", kept(8)),
        ("Sep9_CNN_keras_8x8_v8", kept(6)),
        ("Sep9_CNN_keras_8x8_v9", kept(4)),
        ("Sep9_CNN_keras_8x8_v7.2", pooled(8)),
        ("Sep9_CNN_keras_8x8_v8.2", pooled(6)),
        ("Sep9_CNN_keras_8x8_v9.2", pooled(4)),
        ("Sep9_CNN_keras_8x8_v10", shown_twice()),
        ("Sep9_CNN_keras_8x8_v11", ModelConfig { keep_pixels: Some(KeepPixels::Counted), ..shown_twice() }),
        ("Oct30_8x8_k5", ModelConfig { kernel: 5, ..network(8) }),
        ("Oct30_8x8_k5_pool", ModelConfig { kernel: 5, ..pooled(8) }),
        ("Oct30_8x8_c6_k5_pool", ModelConfig { kernel: 5, ..pooled(6) }),
        ("Oct30_8x8_c4_k5_pool", ModelConfig { kernel: 5, ..pooled(4) }),
        ("Nov10_8x8_c6_S2", strided(6)),
        ("Nov10_8x8_c8_S2", strided(8)),
        ("Nov10_8x8_c10_S2", strided(10)),
    ]
    .map(|(name, network)| model(name, network, LossConfig::weighted_mse()))
    .into()
}

/// Kernels that see one third at a time.
fn separate_channels() -> Vec<Model> {
    let of_thirds = |image, latent| ModelConfig {
        image,
        filters: vec![8],
        stride: 1,
        latent,
        per_channel: true,
        ..ModelConfig::default()
    };
    let thirds = || of_thirds(Image::FourByFour, 16);
    let pool = || vec![true];
    let neighbours =
        |filters| ModelConfig { filters: vec![filters], valid: true, ..of_thirds(Image::SixBySixChannels, 16) };
    let mut models: Vec<Model> = [
        ("SepConv_443", of_thirds(Image::FourByFour, 12)),
        ("SepConv_663", ModelConfig { valid: true, ..of_thirds(Image::SixBySixChannels, 12) }),
        ("Sep21_CNN_keras_SepConv_v1", thirds()),
        ("Sep21_CNN_keras_SepConv_v2", ModelConfig { own_kernels: true, ..thirds() }),
        ("Sep21_CNN_keras_SepConv_v3", ModelConfig { pool: pool(), ..thirds() }),
    ]
    .map(|(name, network)| model(name, network, LossConfig::telescope()))
    .into();
    models.extend(
        [
            ("Oct8_663", ModelConfig { per_channel: false, ..neighbours(8) }),
            ("Oct8_SepConv_663", neighbours(8)),
            ("Oct8_SepConv_663_pool", ModelConfig { pool: pool(), ..neighbours(8) }),
            ("Oct8_SepConv_663_pool_noShareFilters", ModelConfig { pool: pool(), own_kernels: true, ..neighbours(8) }),
            ("Oct8_SepConv_663_c4", neighbours(4)),
            ("Oct8_SepConv_663_c2", neighbours(2)),
            ("Oct8_SepConv_663_c4_pool", ModelConfig { pool: pool(), ..neighbours(4) }),
            ("Oct8_SepConv_663_c2_pool", ModelConfig { pool: pool(), ..neighbours(2) }),
            ("Oct8_SepConv_663_c8_k5_vpad", ModelConfig { kernel: 5, ..neighbours(8) }),
            ("Oct8_SepConv663_c10_k5_vpad", ModelConfig { kernel: 5, ..neighbours(10) }),
        ]
        .map(|(name, network)| model(name, network, LossConfig::weighted_mse())),
    );
    models
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::arrangement::Arrangement;
    use recoil_nn::Network;

    #[test]
    fn every_model_can_be_built_and_gives_an_image() {
        let mut names = std::collections::BTreeSet::new();
        for model in all() {
            assert!(names.insert(model.name), "{} stands twice", model.name);
            let halves = model.network.halves().unwrap_or_else(|error| unreachable!("{}: {error}", model.name));
            let whole = halves.encoder.clone().then(&halves.decoder).unwrap();
            let network = Network::new(&whole).unwrap_or_else(|error| unreachable!("{}: {error}", model.name));
            assert_eq!(network.output_shape(), Arrangement::of(model.network.image).shape(), "{}", model.name);
            Network::new(&halves.encoder).unwrap();
            Network::new(&halves.decoder).unwrap();
        }
    }

    #[test]
    fn parameters_and_operations_of_the_known_models() {
        let cost = |name: &str| {
            let halves = named(name).unwrap().network.halves().unwrap();
            let encoder = Network::new(&halves.encoder).unwrap().cost();
            let whole = Network::new(&halves.encoder.then(&halves.decoder).unwrap()).unwrap().cost();
            (encoder.parameters, whole.parameters, encoder.operations)
        };
        assert_eq!(cost("8x8_c8_S2_tele"), (2144, 4977, 6544));
        assert_eq!(cost("8x8_c8_S2_qK_RTL"), (2144, 4977, 6544));
        assert_eq!(cost("4x4x3_c8").0, 2288);
        // 48 pixels of 8 filters each reach the dense layer
        assert_eq!(cost("Sep9_CNN_keras_8x8_v7").0, 80 + 16 * (48 * 8 + 1));
        assert_eq!(cost("Sep9_CNN_keras_8x8_v11").0, cost("Sep9_CNN_keras_8x8_v7").0);
    }

    #[test]
    fn a_name_that_is_nearly_right_gets_advice() {
        assert!(named("8x8_c8_S2_telle").unwrap_err().to_string().contains("8x8_c8_S2_tele"));
    }
}
