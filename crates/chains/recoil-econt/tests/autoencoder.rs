//! The networks against their reference: forward passes, integers, losses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::io::Read as _;

use recoil_econt::arrangement::{Arrangement, Image};
use recoil_econt::autoencoder::integer::IntegerEncoder;
use recoil_econt::autoencoder::loss::{LossConfig, WaferLoss};
use recoil_econt::autoencoder::models::{Arithmetic, ModelConfig};
use recoil_econt::autoencoder::surrogate::{Surrogate, SurrogateConfig};
use recoil_econt::autoencoder::trained::Start;
use recoil_econt::autoencoder::{Autoencoder, catalogue, export};
use recoil_econt::data::Wafer;
use recoil_nn::lane::{LANES, Lane};
use recoil_nn::loss::{Loss, LossBlock};
use recoil_nn::{Parameters, Tensor};
use serde::Deserialize;

fn folder() -> String {
    format!("{}/../../../testdata/golden/econt", env!("CARGO_MANIFEST_DIR"))
}

fn unpacked(name: &str) -> String {
    let mut text = String::new();
    let file = std::fs::File::open(format!("{}/{name}.gz", folder())).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

/// Rows of numbers without a header.
fn rows(name: &str) -> Vec<f32> {
    let text = unpacked(&format!("autoencoder/{name}.csv"));
    text.lines().flat_map(|line| line.split(',').map(|word| word.parse::<f32>().unwrap()).collect::<Vec<_>>()).collect()
}

/// Rows of 48 numbers, with or without a header.
fn family(name: &str) -> Vec<f64> {
    let text = unpacked(&format!("unit/{name}.csv"));
    let numbers = text.lines().filter(|line| !line.starts_with(|c: char| c.is_ascii_alphabetic()));
    numbers.flat_map(|line| line.split(',').map(|word| word.parse().unwrap()).collect::<Vec<f64>>()).collect()
}

#[derive(Deserialize)]
struct Weights {
    weights: std::collections::BTreeMap<String, Values>,
}

#[derive(Deserialize)]
struct Values {
    shape: Vec<usize>,
    data: Vec<f32>,
}

/// The reference's model: its weights under this program's names.
fn model(name: &str, file: &str, names: &[(&str, &str)]) -> Autoencoder {
    let known = catalogue::named(name).unwrap();
    let weights: Weights = serde_json::from_str(&unpacked(&format!("autoencoder/{file}.json"))).unwrap();
    let start = Autoencoder::new(name, &known.network, &known.loss, Start::Seed(1)).unwrap();
    let mut parameters: Parameters = start.parameters().clone();
    assert_eq!(weights.weights.len(), parameters.specs().len());
    for (key, values) in weights.weights {
        let key = key.trim_end_matches(":0");
        let (layer, word) = key.rsplit_once('/').unwrap();
        let own = names.iter().find(|(reference, _)| *reference == layer).unwrap_or_else(|| panic!("{layer}")).1;
        parameters.set(&Tensor { name: format!("{own}/{word}"), shape: values.shape, values: values.data }).unwrap();
    }
    Autoencoder::new(name, &known.network, &known.loss, Start::Given(&parameters)).unwrap()
}

fn float() -> Autoencoder {
    model(
        "8x8_c8_S2_tele",
        "weights_tele",
        &[
            ("enc_conv", "enc_conv_0"),
            ("enc_dense", "encoded_vector"),
            ("dec_dense", "dec_dense"),
            ("dec_convT_0", "dec_convT_0"),
            ("dec_convT_final", "dec_convT_final"),
        ],
    )
}

fn quantised() -> Autoencoder {
    model(
        "8x8_c8_S2_qK_RTL_tele",
        "weights_qk_tele",
        &[
            ("conv2d_0_m", "enc_conv_0"),
            ("encoded_vector", "encoded_vector"),
            ("de_dense_final", "dec_dense"),
            ("conv2D_t_0", "dec_convT_0"),
            ("conv2d_t_final", "dec_convT_final"),
        ],
    )
}

fn compare(what: &str, found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0)).fold(0.0, f32::max);
    println!("{what}: {} values, largest difference {worst:e}", found.len());
    assert!(worst <= tolerance, "{what}: {worst}");
}

#[test]
fn every_layer_of_the_float_model() {
    let model = float();
    let input = rows("fwd_tele_input");
    for (file, layer) in [
        ("enc_conv", "enc_conv_0"),
        ("latent", "encoded_vector"),
        ("dec_dense", "dec_dense"),
        ("dec_convT_final", "dec_convT_final"),
        ("output", "output"),
    ] {
        let found = model.network().layer_output(model.parameters(), &[&input], layer).unwrap();
        compare(layer, &found, &rows(&format!("fwd_tele_{file}")), 1e-5);
    }
}

#[test]
fn every_layer_of_the_quantised_model() {
    let model = quantised();
    let input = rows("fwd_qk_tele_input");
    for (file, layer, tolerance) in [
        ("input_qa", "input_round", 0.0),
        ("conv2d_0_m", "enc_conv_0", 0.0),
        ("accum1_qa", "conv_round", 0.0),
        ("encoded_vector", "encoded_vector", 0.0),
        ("encod_qa", "latent", 0.0),
        ("decoder_output", "output", 1e-5),
    ] {
        let found = model.network().layer_output(model.parameters(), &[&input], layer).unwrap();
        compare(layer, &found, &rows(&format!("fwd_qk_tele_{file}")), tolerance);
    }
}

/// Wafers whose images are the reference's inputs.
fn wafers(input: &[f32]) -> Vec<Wafer> {
    let arrangement = Arrangement::of(Image::EightByEight);
    // charges over a power of two: the smallest that makes all of them whole
    let whole = |image: &[f32]| {
        let wafer = arrangement.wafer(image);
        let mut scales =
            (0..22).map(|n| f32::from(1u16 << n.min(15)) * if n > 15 { (n - 15) as f32 * 2.0 } else { 1.0 });
        let scale = scales.find(|scale| wafer.iter().all(|v| (v * scale).fract() == 0.0)).unwrap();
        wafer.map(|v| (v * scale) as u32)
    };
    input.chunks_exact(64).map(whole).collect()
}

#[test]
fn whole_numbers_and_quantised_floats_are_the_same() {
    let model = quantised();
    let wafers = wafers(&rows("fwd_qk_tele_input"));
    let integer = IntegerEncoder::new(&model).unwrap();
    let found: Vec<f32> = integer.encode_all(&wafers).into_iter().flatten().map(|code| code as f32).collect();
    compare("integer latents", &found, &rows("qk_integer_latent_x256"), 0.0);

    // and on many made wafers, for both sets of formats and every number of links
    let config = recoil_econt::simulate::WaferConfig::default();
    let made: Vec<Wafer> =
        (0..2000).map(|i| recoil_econt::simulate::wafer(&config, recoil_stage::Seed::new(5), i).charges).collect();
    for (arithmetic, links) in
        [(Arithmetic::Seed, 5), (Arithmetic::Asic, 5), (Arithmetic::Asic, 3), (Arithmetic::Asic, 2)]
    {
        let known = catalogue::named("8x8_c8_S2_qK_RTL_tele").unwrap();
        let network = ModelConfig { arithmetic, links, ..known.network };
        let start = Autoencoder::new("test", &network, &known.loss, Start::Given(quantised().parameters())).unwrap();
        let integer = IntegerEncoder::new(&start).unwrap();
        let images = start.prepare(&made).images;
        let float = start.encode(&images).unwrap();
        let whole: Vec<f32> =
            integer.encode_all(&made).iter().flatten().map(|&code| code as f32 * integer.step()).collect();
        compare(&format!("{arithmetic:?} on {links} links"), &whole, &float, 0.0);
        if arithmetic == Arithmetic::Asic {
            let image = export::weight_image(&start).unwrap();
            assert_eq!(image.lines().count(), 12);
            assert_eq!(export::read_weight_image(&image).unwrap(), integer.weights().collect::<Vec<_>>());
        }
    }
}

/// Lanes of rows of a table.
fn lanes(table: &[f64], width: usize, first: usize) -> Vec<Lane> {
    let value = |row: usize, column: usize| table.get((first + row) * width + column).copied().unwrap_or(0.0) as f32;
    (0..width).map(|column| Lane(std::array::from_fn(|row| value(row, column)))).collect()
}

#[test]
fn losses_and_their_gradients() {
    let (a, b) = (family("pairs_a"), family("pairs_b"));
    let values = unpacked("unit/pairs_values.csv");
    let mut lines = values.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let table: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|word| word.parse().unwrap_or(f64::NAN)).collect()).collect();
    println!("{header:?}");
    let column = |name: &str| -> Vec<f64> {
        let at = header.iter().position(|known| *known == name).unwrap_or_else(|| panic!("{name}: {header:?}"));
        table.iter().map(|row| row[at]).collect()
    };
    let arrangement = Arrangement::of(Image::FourByFour);
    let dir = tempfile::tempdir().unwrap();
    surrogate("ae_mse", SurrogateConfig::default()).write(dir.path()).unwrap();
    let text = unpacked("autoencoder/ae_mse_outputs.csv");
    let on_scale = text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    let surrogate_model = dir.path().to_str().unwrap().to_owned();
    for (loss, reference, tolerance) in [
        (LossConfig::telescope(), column("tele64"), 2e-6),
        (LossConfig { emd: 1.0, telescope: 0.0, sum: 0.0, ..LossConfig::emd() }, column("emd"), 2e-5),
        (LossConfig { surrogate_model, ..LossConfig::surrogate() }, on_scale, 2e-5),
    ] {
        let loss = WaferLoss::new(&loss, &arrangement).unwrap();
        let (mut worst, mut tested, mut equal) = (0.0_f64, 0, 0);
        for first in (0..200).step_by(LANES) {
            let samples = LANES.min(200 - first);
            let truth = lanes(&a, 48, first);
            let cells = lanes(&b, 48, first);
            let remap = arrangement.remap();
            let mut output = vec![Lane::ZERO; 48];
            for (cell, &pixel) in remap.iter().enumerate() {
                output[pixel] = cells[cell];
            }
            let target: Vec<Lane> = truth.iter().copied().chain(output.iter().copied()).collect();
            let mut gradient = vec![Lane::ZERO; 48];
            let found = loss.evaluate(&LossBlock { output: &output, target: &target, samples }, &mut gradient);
            for sample in 0..samples {
                let expected = reference[first + sample];
                let difference = (f64::from(found.0[sample]) - expected).abs() / expected.abs().max(1.0);
                worst = worst.max(difference);
            }
            for pixel in [0, 17, 40] {
                let at = |step: f32| {
                    let mut moved = output.clone();
                    moved[pixel].0.iter_mut().for_each(|value| *value += step);
                    let mut unused = vec![Lane::ZERO; 48];
                    loss.evaluate(&LossBlock { output: &moved, target: &target, samples }, &mut unused)
                };
                let (up, here, down) = (at(2e-3), at(0.0), at(-2e-3));
                for sample in 0..samples {
                    let right = (up.0[sample] - here.0[sample]) / 2e-3;
                    let left = (here.0[sample] - down.0[sample]) / 2e-3;
                    let near = |a: f32, b: f32| (a - b).abs() < 0.03 * a.abs().max(0.3);
                    // kinks have no slope
                    if near(left, right) {
                        tested += 1;
                        equal += usize::from(near(0.5 * (left + right), gradient[pixel].0[sample]));
                    }
                }
            }
        }
        println!("largest difference {worst:e}, {equal} of {tested} slopes");
        assert!(worst < tolerance, "{worst}");
        assert!(tested > 150 && equal * 100 >= tested * 99, "{equal} of {tested}");
    }
}

#[test]
fn networks_that_estimate_distances() {
    let config = SurrogateConfig { filters: 32, kernel: 5, convolutions: 4, units: 32, dense: 1 };
    estimates("pair_msle", config);
    estimates("ae_mse", SurrogateConfig::default());
}

fn surrogate(name: &str, config: SurrogateConfig) -> Surrogate {
    let contents = recoil_nn::safetensors::read(format!("{}/autoencoder/{name}.safetensors", folder()).as_ref());
    Surrogate::new(config, &contents.unwrap().tensors).unwrap()
}

fn estimates(name: &str, config: SurrogateConfig) {
    let surrogate = surrogate(name, config);
    let text = unpacked(&format!("autoencoder/{name}_outputs.csv"));
    let expected: Vec<[f32; 4]> = text
        .lines()
        .skip(1)
        .map(|line| <[f32; 4]>::try_from(line.split(',').map(|w| w.parse().unwrap()).collect::<Vec<_>>()).unwrap())
        .collect();
    let wafers = |name: &str, unit: bool| -> Vec<[f32; 48]> {
        let table = family(name);
        table
            .chunks(48)
            .map(|row| {
                let sum: f64 = if unit { row.iter().sum() } else { 1.0 };
                std::array::from_fn(|i| (row[i] / sum) as f32)
            })
            .collect()
    };
    let found = surrogate.estimate(&wafers("pairs_a", true), &wafers("pairs_b", true)).unwrap();
    let raw = surrogate.estimate(&wafers("pairs_a", false), &wafers("pairs_b", false)).unwrap();
    let flat = |pick: &dyn Fn(usize) -> f32| (0..200).map(pick).collect::<Vec<f32>>();
    compare("forward", &flat(&|i| found[i][0]), &flat(&|i| expected[i][1]), 1e-5);
    compare("reverse", &flat(&|i| found[i][1]), &flat(&|i| expected[i][2]), 1e-5);
    compare("mean", &flat(&|i| found[i][2]), &flat(&|i| expected[i][0]), 1e-5);
    compare("on the scale of the loss", &flat(&|i| raw[i][2]), &flat(&|i| expected[i][3]), 1e-5);
}

#[test]
fn the_entropic_loss() {
    // the reference works in units of the coordinates, of which a small sensor cell has so many
    const UNIT: f64 = 1.20840075;
    let (a, b) = (family("pairs_a"), family("pairs_b"));
    let config =
        LossConfig { sinkhorn: 1.0, sinkhorn_regularisation: 0.5 / UNIT, telescope: 0.0, ..LossConfig::telescope() };
    let arrangement = Arrangement::of(Image::FourByFour);
    let loss = WaferLoss::new(&config, &arrangement).unwrap();
    let text = unpacked("unit/sinkhorn.csv");
    let (mut worst, mut tested, mut equal) = (0.0_f64, 0, 0);
    for line in text.lines().skip(1) {
        let numbers: Vec<f64> = line.split(',').map(|word| word.parse().unwrap()).collect();
        let truth = lanes(&a, 48, numbers[0] as usize);
        let cells = lanes(&b, 48, numbers[1] as usize);
        let mut output = vec![Lane::ZERO; 48];
        for (cell, &pixel) in arrangement.remap().iter().enumerate() {
            output[pixel] = cells[cell];
        }
        // one pair for all lanes
        let one = |lanes: &[Lane]| -> Vec<Lane> { lanes.iter().map(|lane| Lane::splat(lane.0[0])).collect() };
        let (truth, output) = (one(&truth), one(&output));
        let target: Vec<Lane> = truth.iter().copied().chain(output.iter().copied()).collect();
        let mut gradient = vec![Lane::ZERO; 48];
        let value = |output: &[Lane], gradient: &mut [Lane]| {
            f64::from(loss.evaluate(&LossBlock { output, target: &target, samples: 1 }, gradient).0[0])
        };
        let found = value(&output, &mut gradient);
        worst = worst.max((found * UNIT - numbers[4]).abs() / numbers[4]);
        for pixel in [3, 21, 40] {
            let at = |step: f32| {
                let mut moved = output.clone();
                moved[pixel].0[0] += step;
                value(&moved, &mut vec![Lane::ZERO; 48])
            };
            let slope = (at(4e-3) - at(0.0)) / 4e-3;
            tested += 1;
            equal += usize::from((slope - f64::from(gradient[pixel].0[0])).abs() < 0.1 * slope.abs().max(1.0));
        }
    }
    println!("largest relative difference {worst:e}, {equal} of {tested} slopes");
    assert!(worst < 1e-4, "{worst}");
    assert!(equal * 10 >= tested * 9, "{equal} of {tested}");
}

#[test]
fn models_come_back_from_their_folder() {
    let dir = tempfile::tempdir().unwrap();
    let model = float();
    model.write(dir.path()).unwrap();
    let back = Autoencoder::read(dir.path()).unwrap();
    assert_eq!(back.parameters(), model.parameters());
    assert!(IntegerEncoder::new(&back).unwrap_err().to_string().contains("not quantised"));

    // parameters of another arrangement
    let other = catalogue::named("4x4x3_c8").unwrap();
    let other = Autoencoder::new("4x4x3_c8", &other.network, &other.loss, Start::Seed(1)).unwrap();
    other.parameters().write(&dir.path().join("weights.safetensors")).unwrap();
    let message = Autoencoder::read(dir.path()).unwrap_err().to_string();
    assert!(message.contains("shape") || message.contains("missing"), "{message}");
    let text = std::fs::read_to_string(dir.path().join("model.json")).unwrap();
    std::fs::write(dir.path().join("model.json"), text.replace("8x8", "4x4x3")).unwrap();
    assert!(Autoencoder::read(dir.path()).is_err());
    assert!(Autoencoder::read(&dir.path().join("nowhere")).unwrap_err().to_string().contains("nowhere"));
}
