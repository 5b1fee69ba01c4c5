//! Reading the table from YAML or JSON, in today's layout and that of the older tools.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value as Json;

use super::table::{Block, Cone, DEFAULT, Feature, FeatureTable, Grid, Scaling, Scope};
use crate::error::{Result, TauError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// Absent in the layout of the older tools.
    version: Option<u32>,
    flat: Option<String>,
    global: Option<String>,
    objects: Option<BTreeMap<String, ObjectsEntry>>,
    grids: Option<GridsEntry>,
    isolation_cone: Option<f64>,
    remove_inner_from_outer: Option<bool>,
    inputs: Option<serde_json::Map<String, Json>>,
    blocks: serde_json::Map<String, Json>,
    #[serde(default, rename = "description")]
    _description: Option<String>,
    #[serde(default, rename = "phase2_disabled")]
    _phase2_disabled: Option<Json>,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectsEntry {
    collection: String,
    #[serde(rename = "where")]
    only: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GridsEntry {
    inner: GridEntry,
    outer: GridEntry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GridEntry {
    cells: usize,
    cell_size: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureEntry {
    name: String,
    selection: Option<String>,
    expression: Option<String>,
    scaling: String,
    limits: Option<Json>,
    enabled: Option<bool>,
    disabled: Option<bool>,
}

/// Most cells along a side: a cell's number has to fit into 16 bits.
const MOST_CELLS: usize = 255;

fn document(text: &str, file: &str) -> Result<Document> {
    serde_saphyr::from_str(text).map_err(|error| TauError::content(file, error.to_string()))
}

pub(super) fn table(text: &str, file: &str) -> Result<FeatureTable> {
    let mut given = document(text, file)?;
    let refuse = |key: &str, reason: String| TauError::content(file, format!("`{key}`: {reason}"));
    let is_old = match given.version {
        None => true,
        Some(1) => false,
        Some(other) => return Err(refuse("version", format!("version {other} is not known, only 1"))),
    };
    // what a table does not say is as in the default table
    let shipped = document(DEFAULT, "the default table")?;
    let flat = given.flat.or(shipped.flat).unwrap_or_default();
    let global = given.global.or(shipped.global).unwrap_or_default();
    let objects = given.objects.or(shipped.objects).unwrap_or_default();
    let grids = given.grids.or(shipped.grids).ok_or_else(|| refuse("grids", "is missing".into()))?;
    let inputs = given.inputs.or(shipped.inputs).unwrap_or_default();
    let isolation_cone = given.isolation_cone.or(shipped.isolation_cone).unwrap_or(0.5);
    let grid = |name: &str, entry: &GridEntry| {
        let GridEntry { cells, cell_size } = *entry;
        let key = format!("grids.{name}");
        match cells {
            0 => Err(refuse(&key, "needs at least one cell".into())),
            n if n > MOST_CELLS => Err(refuse(&key, format!("has more than {MOST_CELLS} cells along a side"))),
            _ if !cell_size.is_finite() || cell_size <= 0.0 => Err(refuse(&key, "needs cells wider than 0".into())),
            _ => Ok(Grid { cells, cell_size }),
        }
    };
    let mut blocks = Vec::new();
    for (name, entries) in std::mem::take(&mut given.blocks) {
        let scope = if name == flat {
            Scope::Flat
        } else if name == global {
            Scope::Global
        } else {
            let known = objects.get(&name);
            let ObjectsEntry { collection, only } = known.cloned().ok_or_else(|| {
                refuse(&format!("blocks.{name}"), "`objects` does not say which objects these are".into())
            })?;
            Scope::Objects { collection, only }
        };
        let key = format!("blocks.{name}");
        let entries: Vec<FeatureEntry> =
            serde_json::from_value(entries).map_err(|error| refuse(&key, error.to_string()))?;
        let read = |entry| feature(entry, is_old).map_err(|(name, reason)| refuse(&format!("{key}.{name}"), reason));
        let features: Vec<Feature> = entries.into_iter().map(read).collect::<Result<_>>()?;
        let mut names = BTreeSet::new();
        if let Some(twice) = features.iter().find(|feature| !names.insert(feature.name.as_str())) {
            return Err(refuse(&key, format!("the feature '{}' is there twice", twice.name)));
        }
        blocks.push(Block { name, scope, features });
    }
    let inputs = inputs
        .into_iter()
        .map(|(name, list)| {
            let key = format!("inputs.{name}");
            let list: Vec<String> = serde_json::from_value(list).map_err(|error| refuse(&key, error.to_string()))?;
            match list.iter().find(|block| blocks.iter().all(|known| known.name != **block)) {
                Some(unknown) => Err(refuse(&key, format!("there is no block '{unknown}'"))),
                None => Ok((name, list)),
            }
        })
        .collect::<Result<Vec<_>>>()?;
    let table = FeatureTable {
        blocks,
        inner: grid("inner", &grids.inner)?,
        outer: grid("outer", &grids.outer)?,
        isolation_cone,
        remove_inner_from_outer: given.remove_inner_from_outer.unwrap_or(false),
        inputs,
    };
    // expressions are understood here, not when the first file is read
    for block in &table.blocks {
        block.compile(&block.features).and_then(|_| block.membership()).map_err(|error| match error {
            TauError::Config { key, reason } => refuse(&key, reason),
            other => other,
        })?;
    }
    Ok(table)
}

fn feature(entry: FeatureEntry, is_old: bool) -> Result<Feature, (String, String)> {
    let FeatureEntry { name, selection, expression, scaling, limits, enabled, disabled } = entry;
    let scaling = match scaling.as_str() {
        "none" | "no_scaling" => Scaling::None,
        "categorical" => Scaling::Categorical,
        "linear" => match limits.as_ref().and_then(linear_limits) {
            Some(limits) => Scaling::Linear(limits),
            None => return Err((name, "linear scaling needs `limits`, [low, high] or both per cone".into())),
        },
        "normal" => match limits.as_ref().map(pair) {
            None => Scaling::Normal([f64::NEG_INFINITY, f64::INFINITY]),
            Some(Some(limits)) => Scaling::Normal(limits),
            Some(None) => return Err((name, "`limits` should be [low, high]".into())),
        },
        other => return Err((name, format!("the scaling '{other}' is none, categorical, linear or normal"))),
    };
    let is_flag = is_old && expression.is_none() && name.ends_with("_valid");
    let expression = match expression {
        None if is_flag => "1".to_owned(),
        None => name.clone(),
        Some(text) if is_old => as_today(&text),
        Some(text) => text,
    };
    let enabled = enabled.unwrap_or(true) && !disabled.unwrap_or(false);
    Ok(Feature { name, selection, expression, scaling, enabled })
}

/// Two expressions of the older tools in which scaling and loading did not agree, as loading has them.
fn as_today(text: &str) -> String {
    match text.split_once('-').map(|(a, b)| (a.trim(), b.trim())) {
        Some((phi, "tau_phi")) if phi.ends_with("_phi") => format!("delta_phi({phi}, tau_phi)"),
        _ if text.replace(' ', "") == "tau_decayMode//5+1" => "tau_decayMode // 5".to_owned(),
        _ => text.to_owned(),
    }
}

fn pair(limits: &Json) -> Option<[f64; 2]> {
    match limits.as_array()?.as_slice() {
        [low, high] => Some([low.as_f64()?, high.as_f64()?]).filter(|[low, high]| low < high),
        _ => None,
    }
}

fn linear_limits(limits: &Json) -> Option<BTreeMap<Cone, [f64; 2]>> {
    let by_cone = match limits {
        Json::Array(items) => match items.as_slice() {
            [Json::Object(cones)] => Some(cones),
            _ => None,
        },
        Json::Object(cones) => Some(cones),
        _ => None,
    };
    let Some(cones) = by_cone else { return Some(BTreeMap::from([(Cone::Global, pair(limits)?)])) };
    let [inner, outer] = Cone::GRIDS.map(|cone| cones.get(cone.name()).and_then(pair).map(|limits| (cone, limits)));
    Some(BTreeMap::from([inner?, outer?]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_default_table_has_242_features_in_9_blocks() {
        let table = FeatureTable::shipped().unwrap();
        assert_eq!(table.blocks.len(), 9);
        assert_eq!(table.blocks.iter().map(|block| block.features.len()).sum::<usize>(), 242);
        let widths: Vec<usize> = table.blocks.iter().map(|block| block.enabled().count()).collect();
        assert_eq!(widths, [43, 4, 22, 23, 27, 7, 23, 37, 37]);
        let width = |name: &str| table.block(name).unwrap().enabled().count();
        let inputs: Vec<usize> = table.inputs.iter().map(|(_, list)| list.iter().map(|b| width(b)).sum()).collect();
        assert_eq!(inputs, [86, 64, 38]);
    }

    #[test]
    fn older_layouts_are_understood() {
        let text = r#"{"blocks": {"TauFlat": [
            {"name": "tau_n_charged_prongs", "selection": null, "expression": "tau_decayMode//5 + 1",
             "scaling": "categorical", "limits": null, "disabled": false}],
          "Muon": [{"name": "muon_valid", "selection": null, "expression": null, "scaling": "no_scaling",
                    "limits": null, "disabled": true},
                   {"name": "muon_dphi", "selection": null, "expression": "muon_phi - tau_phi", "scaling": "linear",
                    "limits": [{"inner": [-0.1, 0.1], "outer": [-0.5, 0.5]}], "disabled": false}]}}"#;
        let old = text.replace("]}}", "]}, \"inputs\": {}}");
        let table = FeatureTable::of_text(&old, "old").unwrap();
        let muon = table.block("Muon").unwrap();
        assert_eq!(muon.features[0].expression, "1");
        assert!(!muon.features[0].enabled);
        assert_eq!(muon.features[1].expression, "delta_phi(muon_phi, tau_phi)");
        assert_eq!(table.flat().unwrap().features[0].expression, "tau_decayMode // 5");
    }

    #[test]
    fn faults_name_their_place() {
        let fault = |text: &str| FeatureTable::of_text(text, "t.yaml").unwrap_err().to_string();
        let one = |rest: &str| format!("version: 1\ninputs: {{}}\nblocks:\n  Muon:\n    - {{name: a, {rest}}}\n");
        assert!(fault(&one("scaling: linear")).contains("`blocks.Muon.a`: linear scaling needs `limits`"));
        assert!(fault(&one("scaling: none, expression: \"1 +\"")).contains("`blocks.Muon.a`: in `1 +` at letter 4"));
        assert!(fault("version: 2\nblocks: {}").contains("version 2 is not known"));
        assert!(fault("version: 1\nblocks: {Nothing: []}\ninputs: {}").contains("`objects` does not say"));
        assert!(fault("versoin: 1\nblocks: {}").contains("versoin"));
    }
}
