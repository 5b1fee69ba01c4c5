//! Networks of the reference implementation: their descriptions, and the events that are stored with their weights.
//!
//! The reference pads events to one length. Rows of padding are no elements, but attention and hashes of its backbones see
//! them; here they do too, so that its numbers come out again.

use recoil_nn::safetensors::{Contents, Tensor};
use recoil_nn::tape::Weights;
use serde_json::Value as Json;

use super::architecture::{Architecture, Backbone, Shape};
use super::forward::Rows;
use super::gnn_lsh::{GnnLsh, Kernel};
use super::hept::Hept;
use super::loss::Truth;
use crate::data::Layout;
use crate::data::layout::{COS_PHI, ENERGY, ETA, PT, SIN_PHI, TYPE};
use crate::error::{PflowError, Result};

/// Prefix of stored weights.
pub const WEIGHTS: &str = "w.";
/// Prefix of stored inputs.
const INPUT: &str = "in.";
/// Columns of stored targets: class, and the components of the momentum.
const TARGET: [usize; 6] = [0, 2, 3, 4, 5, 6];

/// A network with padded events.
pub struct Stored {
    /// what the network looks like
    pub architecture: Architecture,
    /// what it reads and tells apart
    pub shape: Shape,
    /// its tensors
    pub weights: Weights,
    /// the rows of all events, padding among them
    pub rows: Rows,
    /// what the elements should become, if it is stored
    pub truth: Option<Truth>,
    /// number of events and of rows of each
    pub size: [usize; 2],
}

/// Builds architectures of the `kind`, `sub` (the settings of the layers) and `model` (those of the whole) of a description.
///
/// # Errors
/// A setting that is missing or unknown.
pub fn architecture(description: &Json) -> Result<Architecture> {
    let at = |path: &str| description.pointer(&format!("/{}", path.replace('.', "/")));
    let missing = |path: &str| PflowError::config(path, "is missing in the description of the network");
    let text = |path: &str| at(path).and_then(Json::as_str).ok_or_else(|| missing(path));
    let number = |path: &str| at(path).and_then(Json::as_u64).map(|n| n as usize).ok_or_else(|| missing(path));
    let flag = |path: &str| at(path).and_then(Json::as_bool).ok_or_else(|| missing(path));
    // names of the reference are those of recoil, up to their case
    fn choice<T: serde::de::DeserializeOwned>(path: &str, text: &str) -> Result<T> {
        let value = Json::String(text.to_owned());
        serde_json::from_value(value).map_err(|_| PflowError::config(path, format!("is '{text}', which is unknown")))
    }
    let by_heads = |width: usize, heads: usize| match heads > 0 && width.is_multiple_of(heads) {
        true => Ok((heads, width / heads)),
        false => Err(PflowError::config("sub.num_heads", format!("{heads} heads do not divide the width {width}"))),
    };
    let hept = || -> Result<Hept> {
        Ok(Hept {
            block_size: number("sub.block_size")?,
            hashes: number("sub.n_hashes")?,
            regions: number("sub.num_regions")?,
            distance_weights: number("sub.num_w_per_dist")?,
            width: number("sub.width")?,
        })
    };
    let (backbone, (heads, head_width)) = match text("kind")? {
        "attention" => (Backbone::Attention, (number("sub.num_heads")?, number("sub.head_dim")?)),
        "gnnlsh" => {
            let width = number("sub.embedding_dim")?;
            let config = GnnLsh {
                bin_size: number("sub.bin_size")?,
                max_bins: number("sub.max_num_bins")?,
                distance: number("sub.distance_dim")?,
                distance_width: number("sub.ffn_dist_hidden_dim")?,
                messages: number("sub.num_node_messages")?,
                hashes: number("sub.num_and_hashes")?,
                kernel: match text("sub.kernel_type")? {
                    "attention" => Kernel::Attention,
                    "gaussian" => Kernel::Gaussian,
                    other => {
                        return Err(PflowError::config("sub.kernel_type", format!("is '{other}', which is unknown")));
                    }
                },
                kernel_heads: number("sub.num_attention_heads")?,
                bin_heads: if flag("sub.use_interbin_attention")? { number("sub.num_interbin_heads")? } else { 0 },
                spread: false,
            };
            // only task queries have heads
            let heads = [8, 4, 2].into_iter().find(|heads| width.is_multiple_of(*heads)).unwrap_or(1);
            (Backbone::GnnLsh(config), by_heads(width, heads)?)
        }
        "hept" => (Backbone::Hept(hept()?), by_heads(number("sub.embedding_dim")?, number("sub.num_heads")?)?),
        "heptv2" => (Backbone::HeptV2(hept()?), by_heads(number("sub.embedding_dim")?, number("sub.num_heads")?)?),
        other => return Err(PflowError::config("kind", format!("is '{other}', which is unknown"))),
    };
    let layers = number("model.backbone.num_convs").or_else(|_| number("sub.num_convs"))?;
    let mode = |name: &str| {
        let path = format!("model.{name}_mode");
        choice(&path, text(&path)?)
    };
    let is_split = text("model.backbone.mode")? == "split";
    let architecture = Architecture {
        backbone,
        split_backbone: is_split,
        layers,
        heads,
        head_width,
        activation: choice("sub.activation", text("sub.activation")?)?,
        input_encoding: choice("model.input_encoding", text("model.input_encoding")?)?,
        representation: choice("model.learned_representation_mode", text("model.learned_representation_mode")?)?,
        // two backbones have no queries
        task_queries: flag("model.task_queries")? && !is_split,
        pt: mode("pt")?,
        eta: mode("eta")?,
        sin_phi: mode("sin_phi")?,
        cos_phi: mode("cos_phi")?,
        energy: mode("energy")?,
        ..Architecture::default()
    };
    architecture.check()?;
    Ok(architecture)
}

impl Stored {
    /// The network of a description with the tensors of a file: weights `w.*`, inputs `in.X` (events, rows, features) and
    /// `in.mask`, and perhaps `in.ytarget`. `file` is what errors call it.
    ///
    /// # Errors
    /// Tensors that are missing or do not fit.
    pub fn new(file: &str, description: &Json, contents: &Contents) -> Result<Self> {
        let fault = |reason: String| PflowError::content(file, reason);
        let architecture = architecture(description).map_err(|error| fault(error.to_string()))?;
        let input = |name: &str| -> Result<&Tensor> {
            let name = format!("{INPUT}{name}");
            contents.tensor(&name).ok_or_else(|| fault(format!("tensor '{name}' is missing")))
        };
        let x = input("X")?;
        let &[events, rows, features] = x.shape.as_slice() else {
            return Err(fault(format!("tensor 'in.X' has the shape {:?}, not events, rows, features", x.shape)));
        };
        if features <= ENERGY {
            return Err(fault(format!("tensor 'in.X' has {features} features")));
        }
        let mask = input("mask")?;
        if mask.shape != [events, rows] {
            return Err(fault(format!("tensor 'in.mask' has the shape {:?}, not {:?}", mask.shape, [events, rows])));
        }
        for tensor in contents.tensors.iter().filter(|tensor| tensor.name.starts_with(INPUT)) {
            if let Some(index) = tensor.values.iter().position(|value| !value.is_finite()) {
                return Err(fault(format!("tensor '{}': element {index} is not a finite number", tensor.name)));
            }
        }
        let mut tensors = Vec::new();
        for tensor in &contents.tensors {
            if let Some(name) = tensor.name.strip_prefix(WEIGHTS) {
                tensors.push(Tensor { name: name.to_owned(), ..tensor.clone() });
            }
        }
        let weights = Weights::from_tensors(&tensors).map_err(|error| fault(error.to_string()))?;
        let layout = Layout::ALL.into_iter().find(|layout| layout.features().len() == features);
        let layout = layout.ok_or_else(|| fault(format!("elements of {features} features are unknown")))?;
        let shape = Shape::of(layout, features);
        let expected = super::weights::start(&architecture, &shape, 0)?;
        if let Some(missing) = expected.tensors().iter().find(|tensor| !weights.contains(&tensor.name)) {
            return Err(fault(format!("tensor '{WEIGHTS}{}' is missing", missing.name)));
        }
        let place = |kind: f32| shape.types.iter().position(|known| *known == kind as i32);
        let elements = || x.values.chunks_exact(features);
        let stored = Rows {
            offsets: (0..=events).map(|event| (event * rows) as u32).collect(),
            features: x.values.clone(),
            elements: elements().map(|row| [PT, ETA, SIN_PHI, COS_PHI, ENERGY].map(|index| row[index])).collect(),
            types: elements().map(|row| place(row[TYPE]).map_or(u32::MAX, |place| place as u32)).collect(),
            real: mask.values.iter().map(|mask| *mask > 0.0).collect(),
        };
        let truth = match contents.tensor(&format!("{INPUT}ytarget")) {
            Some(target) => Some(truth(target, &stored, &shape, [events, rows]).map_err(fault)?),
            None => None,
        };
        Ok(Self { architecture, shape, weights, rows: stored, truth, size: [events, rows] })
    }
}

fn truth(
    target: &Tensor,
    rows: &Rows,
    shape: &Shape,
    [events, count]: [usize; 2],
) -> std::result::Result<Truth, String> {
    let &[found_events, found_count, columns] = target.shape.as_slice() else {
        return Err(format!("tensor 'in.ytarget' has the shape {:?}", target.shape));
    };
    if (found_events, found_count) != (events, count) || columns <= TARGET[5] {
        return Err(format!("tensor 'in.ytarget' has the shape {:?}", target.shape));
    }
    let mut truth = Truth::default();
    for (values, element) in target.values.chunks_exact(columns).zip(&rows.elements) {
        let [class, momentum @ ..] = TARGET.map(|column| values[column]);
        if !(0.0..shape.classes.len() as f32).contains(&class) {
            return Err(format!("tensor 'in.ytarget' has the class {class} of {}", shape.classes.len()));
        }
        truth.classes.push(class as u32);
        // the transverse momentum from the logarithm of its ratio to the element's
        truth.pt.push(momentum[0].exp() * element[0]);
        for (list, value) in truth.momentum.iter_mut().zip(momentum) {
            list.push(value);
        }
    }
    Ok(truth)
}
