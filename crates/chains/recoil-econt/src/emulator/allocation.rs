//! How many output links a module has.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::registers::Density;

/// Links of the module in `layer` when links are given where signal is: 5 in layer 9, 4 in layers 7 and 11, 3 in layer 13,
/// 2 in the other odd layers of CE-E and in CE-H; 0 in layers that are not read out.
pub const fn by_signal(layer: i32) -> usize {
    match layer {
        9 => 5,
        7 | 11 => 4,
        13 => 3,
        _ if layer >= 29 => 2,
        _ if layer > 0 && layer % 2 == 1 => 2,
        _ => 0,
    }
}

/// A module of the detector as it is cabled for pile-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Module {
    /// Output links of its ECON-T.
    pub links: usize,
    /// Size of its cells.
    pub density: Density,
    /// Shape and orientation: `FI`, `FM` and `FO` are full, the others partial.
    pub shape: &'static str,
}

impl Module {
    /// Whether the module is a full hexagon.
    pub fn is_full(&self) -> bool {
        is_full(self.shape)
    }
}

/// Whether a shape is that of a full hexagon.
pub fn is_full(shape: &str) -> bool {
    matches!(shape, "FI" | "FM" | "FO")
}

/// The module at (`layer`, `u`, `v`) with the links that it has when links are given where pile-up is; `None` if there is
/// no silicon module.
pub fn by_pile_up(layer: i32, u: i32, v: i32) -> Option<Module> {
    MODULES.get(&(layer, u, v)).copied()
}

/// Number of modules that the detector has in one endcap.
pub fn modules() -> usize {
    MODULES.len()
}

static MODULES: LazyLock<HashMap<(i32, i32, i32), Module>> = LazyLock::new(|| {
    let mut modules = HashMap::new();
    for line in include_str!("modules.csv").lines().skip(1) {
        let cells: Vec<&'static str> = line.split(',').collect();
        let [layer, u, v, links, density, shape] = cells.as_slice() else { continue };
        let (Ok(layer), Ok(u), Ok(v), Ok(links)) = (layer.parse(), u.parse(), v.parse(), links.parse()) else {
            continue;
        };
        let density = if *density == "HD" { Density::Hd } else { Density::Ld };
        modules.insert((layer, u, v), Module { links, density, shape });
    }
    modules
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        assert_eq!(modules(), 10392);
        let mut by_links = [0; 12];
        MODULES.values().for_each(|module| by_links[module.links] += 1);
        assert_eq!(by_links, [510, 696, 7878, 564, 240, 186, 114, 90, 30, 24, 48, 12]);
        let dense = MODULES.values().filter(|module| module.density == Density::Hd).count();
        assert_eq!(dense, 1590);
    }

    #[test]
    fn links_where_signal_is() {
        assert_eq!([1, 2, 7, 9, 11, 13, 28, 29, 30].map(by_signal), [2, 0, 4, 5, 4, 3, 0, 2, 2]);
    }
}
