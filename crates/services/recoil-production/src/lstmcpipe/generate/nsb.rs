//! Grids of productions that differ in the noise of the night sky.

use super::{Class, Request, analysis, generate, read_analysis};
use crate::error::Result;
use std::path::{Path, PathBuf};

/// The declinations of a grid unless others are asked for.
pub const DECS: [&str; 9] = [
    "dec_2276",
    "dec_3476",
    "dec_4822",
    "dec_6166",
    "dec_6676",
    "dec_931",
    "dec_min_1802",
    "dec_min_2924",
    "dec_min_413",
];

/// A file of a grid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridFile {
    /// Its name, below the directory of the grid.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// The files of a grid: for each level a directory `NSB-0.38` with `lstchain_config_nsb0.38.json` and
/// `lstmcpipe_config_nsb0.38.yml`. A level of 0 is no additional noise.
///
/// # Errors
/// As [`generate`], and a configuration that cannot be read.
pub fn grid(
    request: &Request,
    levels: &[f64],
    prefix: Option<&str>,
    base: &Path,
) -> Result<(Vec<GridFile>, Vec<String>)> {
    let config = read_analysis(base)?;
    let mut files = Vec::new();
    let mut warnings = Vec::new();
    for &level in levels {
        let folder = PathBuf::from(format!("NSB-{level:.2}"));
        let text = analysis::json(&tuned(&config, level)) + "\n";
        files.push(GridFile { path: folder.join(format!("lstchain_config_nsb{level:.2}.json")), text });
        let prefix = prefix.map(|prefix| format!("{prefix}_")).unwrap_or_default();
        let own = Request { prod_id: format!("{prefix}allsky_nsb_tuning_{level:.2}"), ..request.clone() };
        let made = generate(&own)?;
        files.push(GridFile { path: folder.join(format!("lstmcpipe_config_nsb{level:.2}.yml")), text: made.yaml });
        for warning in made.warnings {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    Ok((files, warnings))
}

/// The class of a grid unless another is asked for.
pub const CLASS: Class = Class::AllSkyFullSplitDiffuse;

/// A configuration with the noise raised by a level: a rate in GHz, or a ratio if that is what it has (lstchain before
/// 0.10.12).
fn tuned(config: &crate::yaml::Node, level: f64) -> crate::yaml::Node {
    const BLOCK: &str = "waveform_nsb_tuning";
    let mut root = config.clone();
    let has = |key: &str| config.get(BLOCK).and_then(|block| block.get(key)).is_some();
    let key = match has("nsb_tuning_ratio") && !has("nsb_tuning_rate_GHz") {
        true => "nsb_tuning_ratio",
        false => "nsb_tuning_rate_GHz",
    };
    let on = if level == 0.0 { "false" } else { "true" };
    analysis::set(&mut root, &[BLOCK, "nsb_tuning"], analysis::word(on, true));
    if level != 0.0 {
        analysis::set(&mut root, &[BLOCK, key], analysis::word(&format!("{level:?}"), true));
    }
    root
}
