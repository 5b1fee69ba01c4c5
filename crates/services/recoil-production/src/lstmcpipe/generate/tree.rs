//! The simulation that is there: nodes of the grid of pointings.

use super::Request;
use crate::error::{ProductionError, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the simulation of the whole sky lies.
pub(super) const DL0: &str = "/fefs/aswg/data/mc/DL0/LSTProd2";

/// A pointing of the simulation.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SkyNode {
    /// Name of its directory.
    pub name: String,
    /// Altitude in degrees.
    pub altitude: f64,
    /// Azimuth in degrees.
    pub azimuth: f64,
}

/// A path of the cluster where it really lies.
pub(super) fn local(request: &Request, path: &str) -> PathBuf {
    request.root.join(path.trim_start_matches('/'))
}

/// The nodes in a directory that hold simulation, by altitude and azimuth.
///
/// # Errors
/// When the directory cannot be read.
pub(super) fn nodes(request: &Request, directory: &str) -> Result<Vec<SkyNode>> {
    let path = local(request, directory);
    let entries = fs::read_dir(&path).map_err(ProductionError::file("list the simulation in", &path))?;
    let mut nodes: Vec<SkyNode> = entries
        .flatten()
        .filter(|entry| has_simulation(&entry.path()))
        .filter_map(|entry| node(&entry.file_name().to_string_lossy()))
        .collect();
    nodes.sort_by(|a, b| order(a, b).then_with(|| a.name.cmp(&b.name)));
    Ok(nodes)
}

fn order(a: &SkyNode, b: &SkyNode) -> std::cmp::Ordering {
    a.altitude.total_cmp(&b.altitude).then(a.azimuth.total_cmp(&b.azimuth))
}

fn has_simulation(node: &Path) -> bool {
    let files = fs::read_dir(node.join("output_v1.4")).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().as_encoded_bytes().ends_with(b".simtel.gz"))
}

/// The pointing in a name with `theta_ZENITH_az_AZIMUTH_`.
fn node(name: &str) -> Option<SkyNode> {
    let (_, after) = name.split_once("theta_")?;
    let (zenith, after) = after.split_once("_az_")?;
    let (azimuth, _) = after.split_once('_')?;
    let degrees = |text: &str| text.parse::<f64>().ok().filter(|value| value.is_finite());
    Some(SkyNode { name: name.into(), altitude: 90.0 - degrees(zenith)?, azimuth: degrees(azimuth)? })
}

/// Pairs of nodes with the same pointing, in the order of the first list.
pub(super) fn joined(first: &[SkyNode], second: &[SkyNode]) -> Vec<(SkyNode, SkyNode)> {
    let same = |a: &SkyNode, b: &SkyNode| order(a, b).is_eq();
    first.iter().flat_map(|a| second.iter().filter(move |b| same(a, b)).map(move |b| (a.clone(), b.clone()))).collect()
}
