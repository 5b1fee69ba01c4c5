//! Models for other programs: ONNX, the weight registers of the chip, and a folder for hls4ml.

use std::fmt::Write as _;

use recoil_nn::onnx;
use recoil_nn::{LayerSpec, Parameters};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::integer::IntegerEncoder;
use super::trained::Autoencoder;
use crate::error::{EcontError, Result};

/// Bits of a weight on the chip.
const WEIGHT_BITS: usize = 6;
/// Bits of a weight register, and their number.
const REGISTER_BITS: usize = 1072;
/// Registers of the weight image.
const REGISTERS: usize = 12;

/// Part of an autoencoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelPart {
    /// From images to images.
    #[default]
    Autoencoder,
    /// From images to latent numbers.
    Encoder,
    /// From latent numbers to images.
    Decoder,
}

/// A part of a model in ONNX form.
pub fn onnx_model(model: &Autoencoder, part: ModelPart) -> onnx::Model {
    let (network, parameters) = match part {
        ModelPart::Autoencoder => (model.network(), model.parameters()),
        ModelPart::Encoder => model.encoder(),
        ModelPart::Decoder => model.decoder(),
    };
    onnx::export(network, parameters)
}

/// The weights as the chip's registers hold them: twelve words of 1072 bits, register 0 with the lowest bits first, each as
/// 268 hexadecimal digits. Weights are six-bit two's complement numbers, from the lowest bit on: convolution (72), its
/// biases (8), dense layer (2048), its biases (16).
///
/// # Errors
/// A model whose encoder is not that of the chip, or whose number formats are not.
pub fn weight_image(model: &Autoencoder) -> Result<String> {
    let encoder = IntegerEncoder::new(model)?;
    if !encoder.is_of_the_chip() {
        let reason = "its weights are not of six bits with step 1/32: train it with network.arithmetic=asic".to_owned();
        return Err(EcontError::Config { key: "model", reason });
    }
    let mut bits = Vec::with_capacity(REGISTERS * REGISTER_BITS);
    for weight in encoder.weights() {
        bits.extend((0..WEIGHT_BITS).map(|place| weight >> place & 1 == 1));
    }
    let mut text = String::new();
    for register in bits.chunks(REGISTER_BITS) {
        for digit in register.rchunks(4).map(|digit| digit.iter().rev().fold(0, |sum, &bit| 2 * sum + u32::from(bit))) {
            let _ = write!(text, "{digit:x}");
        }
        text.push('\n');
    }
    Ok(text)
}

/// The weights of an image that [`weight_image`] wrote, in units of 1/32.
///
/// # Errors
/// Text that is no such image.
pub fn read_weight_image(text: &str) -> Result<Vec<i32>> {
    let refuse = |reason: String| EcontError::Config { key: "weights", reason };
    let mut bits = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.len() != REGISTER_BITS / 4 {
            return Err(refuse(format!("register {index} has {} digits, not {}", line.len(), REGISTER_BITS / 4)));
        }
        for digit in line.chars().rev() {
            let digit = digit.to_digit(16).ok_or_else(|| refuse(format!("register {index}: '{digit}' is no digit")))?;
            bits.extend((0..4).map(|place| digit >> place & 1 == 1));
        }
    }
    let whole = |bits: &[bool]| {
        let value = bits.iter().rev().fold(0, |sum, &bit| 2 * sum + i32::from(bit));
        if value >= 1 << (WEIGHT_BITS - 1) { value - (1 << WEIGHT_BITS) } else { value }
    };
    Ok(bits.chunks_exact(WEIGHT_BITS).map(whole).collect())
}

/// What hls4ml needs to make firmware of the encoder, as a tar archive: the network as ONNX with rounded weights, a
/// configuration with the precision of every layer, and the weights as lists of numbers.
pub fn hls4ml_archive(model: &Autoencoder) -> Vec<u8> {
    let (network, parameters) = model.encoder();
    let mut archive = Vec::new();
    append(&mut archive, "encoder.onnx", &onnx::export(network, parameters).to_bytes());
    append(&mut archive, "hls4ml.yml", configuration(model).as_bytes());
    for tensor in network.tensors() {
        let name = format!("weights/{}.txt", tensor.name.replace('/', "_"));
        append(&mut archive, &name, list(parameters, &tensor.name).as_bytes());
    }
    // two empty blocks end an archive
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// Appends a file to a tar archive (ustar).
fn append(archive: &mut Vec<u8>, name: &str, contents: &[u8]) {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name.get(..name.len().min(99)).unwrap_or_default());
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, &format!("{:011o}", contents.len()));
    put(136, "00000000000");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar");
    put(263, "00");
    let sum: u32 = header.iter().copied().map(u32::from).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend(header);
    archive.extend(contents);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

fn list(parameters: &Parameters, name: &str) -> String {
    let values = parameters.quantised(name).unwrap_or_default();
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ") + "\n"
}

fn configuration(model: &Autoencoder) -> String {
    let precision = |quantiser: recoil_nn::Quantiser| {
        let integer = i32::from(quantiser.integer_bits()) + i32::from(quantiser.signed());
        let kind = if quantiser.signed() { "ap_fixed" } else { "ap_ufixed" };
        let mode = if quantiser.truncates() { "AP_TRN" } else { "AP_RND_CONV" };
        format!("{kind}<{},{integer},{mode},AP_SAT>", quantiser.width())
    };
    let mut text = String::from(
        "Backend: Catapult\nOnnxModel: encoder.onnx\nIOType: io_parallel\nClockPeriod: 25\nHLSConfig:\n  Model:\n    \
         Precision: ap_fixed<32,12>\n    ReuseFactor: 1\n    Strategy: Latency\n  LayerName:\n",
    );
    let (network, _) = model.encoder();
    for layer in &model.about().encoder.layers {
        let name = &layer.name;
        match &layer.layer {
            LayerSpec::Quantise(quantiser) => {
                let _ = write!(text, "    {name}:\n      Precision:\n        result: {}\n", precision(*quantiser));
            }
            LayerSpec::Conv2d(_) | LayerSpec::Dense(_) => {
                let quantiser = network.tensor(&format!("{name}/kernel")).ok().and_then(|tensor| tensor.quantiser);
                let weight = quantiser.map_or_else(|| "ap_fixed<16,6>".to_owned(), precision);
                let _ = write!(
                    text,
                    "    {name}:\n      Precision:\n        weight: {weight}\n        bias: {weight}\n      ReuseFactor: 1\n"
                );
            }
            _ => {}
        }
    }
    text
}
