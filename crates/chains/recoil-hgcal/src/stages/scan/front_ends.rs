//! Front ends to compare.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use recoil_stage::config;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, Error, IntoDeserializer as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use crate::front_end::{Compression, Density, FrontEndConfig, SuperCell};

/// One value, or several of them: a list, or words with commas between them.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<T: Serialize> Serialize for OneOrMore<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            all => all.serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values(PhantomData))
    }
}

struct Values<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for Values<T> {
    type Value = OneOrMore<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or a list of values")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(|value| OneOrMore(vec![value]))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        T::deserialize(value.into_deserializer()).map(|value| OneOrMore(vec![value]))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let one = |word: &str| match word.parse::<u64>() {
            Ok(number) => T::deserialize(number.into_deserializer()),
            Err(_) => T::deserialize(StrDeserializer::<E>::new(word)),
        };
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(one).collect::<Result<_, E>>().map(OneOrMore)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = list.next_element()? {
            all.push(value);
        }
        Ok(OneOrMore(all))
    }
}

impl<T: JsonSchema> JsonSchema for OneOrMore<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("OneOrMore{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}

/// The front ends of a scan: those of `hgcal run`, with several algorithms and numbers of links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FrontEnds {
    /// What the chips run, one or more: `none` (cells pass as they are), `threshold`, `super_trigger_cell`, `best_choice`,
    /// `repeater`, `autoencoder`.
    pub algorithm: OneOrMore<Compression>,
    /// Output links of every chip, 1 to 13; one or more numbers.
    pub links: OneOrMore<usize>,
    /// Folder of a trained autoencoder, or a folder with one for every number of links in `links2`, `links3`, ...;
    /// `{links}` in it stands for the number. Empty: the autoencoder that comes with the program.
    pub model: String,
    /// Whether the charges that arrive are `decoded` from the codes that are sent, or exact.
    pub decoded: bool,
    /// Charge from which a cell passes the threshold algorithm [counts].
    pub threshold: u32,
    /// What super trigger cells sum: `stc4_9`, `stc16_9`, `ctc4_7` or `stc4_7`. Empty: the kind that loses least.
    pub super_cell: Option<SuperCell>,
    /// Density of the modules' cells, which sets how many bits charges lose: `ld` (1) or `hd` (3).
    pub density: Density,
    /// Cells that the autoencoder's decoder makes below this are dropped [mipT].
    #[schemars(range(min = 0.0, max = 1000.0))]
    pub decoder_threshold: f64,
}

impl Default for FrontEnds {
    fn default() -> Self {
        let FrontEndConfig { algorithm, links, model, decoded, threshold, super_cell, density, decoder_threshold } =
            FrontEndConfig::default();
        let (algorithm, links) = (OneOrMore(vec![algorithm]), OneOrMore(vec![links]));
        Self { algorithm, links, model, decoded, threshold, super_cell, density, decoder_threshold }
    }
}

impl FrontEnds {
    /// The front end of a point that says nothing else. Algorithms that are compared are set by the points.
    pub(super) fn first(&self) -> FrontEndConfig {
        let usual = FrontEndConfig::default();
        FrontEndConfig {
            algorithm: Compression::None,
            links: self.links.0.first().copied().unwrap_or(usual.links),
            model: self.model.clone(),
            decoded: self.decoded,
            threshold: self.threshold,
            super_cell: self.super_cell,
            density: self.density,
            decoder_threshold: self.decoder_threshold,
        }
    }

    /// The keys with their values: the algorithm as soon as there is any, the links if there are several.
    pub(super) fn axes(&self) -> Vec<(String, Vec<Json>)> {
        fn json<T: Serialize>(values: &[T]) -> Vec<Json> {
            values.iter().filter_map(|value| config::to_json(value).ok()).collect()
        }
        let mut axes = Vec::new();
        if self.algorithm.0 != [Compression::None] {
            axes.push(("frontend.algorithm".to_owned(), json(&self.algorithm.0)));
        }
        if self.links.0.len() != 1 {
            axes.push(("frontend.links".to_owned(), json(&self.links.0)));
        }
        axes
    }
}
