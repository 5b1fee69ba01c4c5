//! The clustering radius: one number, or one per layer.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Radius per layer in the plane (x/|z|, y/|z|). On file a number or a list of numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Radius {
    /// The same for all layers.
    All(f64),
    /// One per layer, layer 1 first.
    PerLayer(Vec<f64>),
}

impl Default for Radius {
    /// The table of CMSSW: 0.015 at the entry of CE-E, growing to 0.050 in the back of CE-H.
    fn default() -> Self {
        let mut table = Vec::with_capacity(crate::data::MAX_LAYER);
        for (radius, layers) in [(0.015, 7), (0.020, 7), (0.030, 7), (0.040, 13), (0.050, 18)] {
            table.extend(std::iter::repeat_n(radius, layers));
        }
        Self::PerLayer(table)
    }
}

impl Radius {
    /// One entry per layer; a single number covers every layer.
    pub fn table(&self) -> Cow<'_, [f64]> {
        match self {
            Self::All(radius) => Cow::Owned(vec![*radius; crate::data::MAX_LAYER]),
            Self::PerLayer(table) => Cow::Borrowed(table),
        }
    }
}

impl Serialize for Radius {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All(radius) => serializer.serialize_f64(*radius),
            Self::PerLayer(table) => table.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Radius {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrList;
        impl<'de> Visitor<'de> for NumberOrList {
            type Value = Radius;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a list with one number per layer")
            }
            fn visit_f64<E>(self, value: f64) -> Result<Radius, E> {
                Ok(Radius::All(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Radius, E> {
                Ok(Radius::All(value as f64))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Radius, E> {
                Ok(Radius::All(value as f64))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Radius, A::Error> {
                let mut table = Vec::new();
                while let Some(value) = seq.next_element()? {
                    table.push(value);
                }
                Ok(Radius::PerLayer(table))
            }
        }
        deserializer.deserialize_any(NumberOrList)
    }
}

impl JsonSchema for Radius {
    fn schema_name() -> Cow<'static, str> {
        "Radius".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "one number for all layers, or a list with one number per layer",
            "anyOf": [
                { "type": "number", "minimum": 0 },
                { "type": "array", "items": { "type": "number", "minimum": 0 }, "minItems": 1 }
            ]
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_radius_is_a_number_or_a_list() {
        assert_eq!(serde_json::from_str::<Radius>("0.02").unwrap(), Radius::All(0.02));
        assert_eq!(serde_json::from_str::<Radius>("[0.02, 0]").unwrap(), Radius::PerLayer(vec![0.02, 0.0]));
        let error = serde_json::from_str::<Radius>("\"wide\"").unwrap_err().to_string();
        assert!(error.contains("a number, or a list"), "{error}");
        let table = Radius::default();
        assert_eq!(table.table().len(), 52);
        assert_eq!(serde_json::from_str::<Radius>(&serde_json::to_string(&table).unwrap()).unwrap(), table);
    }

    #[test]
    fn the_table_grows_at_the_layers_of_the_firmware() {
        let radius = Radius::default();
        let table = radius.table();
        for (layer, expected) in
            [(1, 0.015), (7, 0.015), (8, 0.02), (14, 0.02), (15, 0.03), (21, 0.03), (22, 0.04), (34, 0.04), (35, 0.05)]
        {
            assert_eq!(table[layer - 1], expected, "layer {layer}");
        }
    }
}
