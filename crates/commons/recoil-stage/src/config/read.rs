//! Turns a [`Node`] into a typed configuration; every fault points at the value that caused it.

use super::fault::Fault;
use super::suggest::did_you_mean;
use super::tree::{Entry, Node, Value};
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};

/// Deserialiser over a borrowed node.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    node: &'a Node,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(node: &'a Node) -> Self {
        Self { node }
    }

    fn unexpected(&self) -> Unexpected<'a> {
        match &self.node.value {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(value), _) => Unexpected::Signed(value),
                (_, Ok(value)) => Unexpected::Unsigned(value),
                _ => Unexpected::Other("a huge number"),
            },
            Value::Float(value) => Unexpected::Float(*value),
            Value::Text(text) => Unexpected::Str(text),
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
        }
    }

    fn refuse<T>(&self, visitor: &dyn serde::de::Expected) -> Result<T, Fault> {
        Err(self.placed(Fault::invalid_type(self.unexpected(), visitor)))
    }

    fn placed(&self, fault: Fault) -> Fault {
        fault.at(&self.node.place)
    }

    /// A scalar as it was typed, for text and choices: `1.0` and `on` keep their spelling.
    fn spelling(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::Text(text) => Some(text),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => Some(self.node.place.text()).filter(|t| !t.is_empty()),
            _ => None,
        }
    }

    fn whole<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = match self.node.value {
            Value::Int(value) => value,
            // 1e4 events is what a physicist types
            Value::Float(value) if value.fract() == 0.0 && value.abs() < 9.0e15 && self.has_exponent() => value as i128,
            _ => return self.refuse(&visitor),
        };
        let read = match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => visitor.visit_i64(value),
            (_, Ok(value)) => visitor.visit_u64(value),
            _ => Err(Fault::invalid_value(Unexpected::Other("a huge number"), &visitor)),
        };
        read.map_err(|fault| self.placed(fault))
    }

    fn has_exponent(&self) -> bool {
        self.node.place.text().contains(['e', 'E'])
    }

    fn number(&self) -> Option<f64> {
        match self.node.value {
            Value::Int(value) => Some(value as f64),
            Value::Float(value) => Some(value),
            _ => None,
        }
    }

    fn text<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.spelling() {
            Some(text) => visitor.visit_str(text).map_err(|fault| self.placed(fault)),
            None => self.refuse(&visitor),
        }
    }

    fn list<V: Visitor<'a>>(self, visitor: V, expected: Option<usize>) -> Result<V::Value, Fault> {
        let Value::List(items) = &self.node.value else { return self.refuse(&visitor) };
        match expected {
            Some(len) if len != items.len() => {
                let found = items.len();
                Err(self.placed(Fault::new(format!("expected a list of {len} items, found {found}"))))
            }
            _ => visitor.visit_seq(Items(items.iter())).map_err(|fault| self.placed(fault)),
        }
    }

    fn mapping<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Value::Map(entries) = &self.node.value else { return self.refuse(&visitor) };
        visitor.visit_map(Entries { rest: entries.iter(), current: None }).map_err(|fault| self.placed(fault))
    }
}

macro_rules! whole_numbers {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.whole(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Null => visitor.visit_unit().map_err(|fault| self.placed(fault)),
            Value::Bool(value) => visitor.visit_bool(*value).map_err(|fault| self.placed(fault)),
            Value::Int(_) => self.whole(visitor),
            Value::Float(value) => visitor.visit_f64(*value).map_err(|fault| self.placed(fault)),
            Value::Text(_) => self.text(visitor),
            Value::List(_) => self.list(visitor, None),
            Value::Map(_) => self.mapping(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Bool(value) => visitor.visit_bool(value).map_err(|fault| self.placed(fault)),
            _ => self.refuse(&visitor),
        }
    }

    whole_numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.number() {
            Some(value) if (value as f32).is_finite() => visitor.visit_f64(value).map_err(|fault| self.placed(fault)),
            Some(value) => Err(self.placed(Fault::invalid_value(Unexpected::Float(value), &visitor))),
            None => self.refuse(&visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.number() {
            Some(value) => visitor.visit_f64(value).map_err(|fault| self.placed(fault)),
            None => self.refuse(&visitor),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor, None)
    }
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor, None)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Null => visitor.visit_unit(),
            _ => self.refuse(&visitor),
        }
    }
    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self).map_err(|fault| self.placed(fault))
    }
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor, None)
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor, Some(len))
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.list(visitor, Some(len))
    }
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.mapping(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Value::Map(entries) = &self.node.value
            && let Some(entry) = entries.iter().find(|entry| !fields.contains(&entry.key.as_str()))
        {
            let known = || format!("known keys: {}", fields.join(", "));
            let help = did_you_mean(&entry.key, fields).or_else(|| (!fields.is_empty()).then(known));
            return Err(Fault::new(format!("unknown key '{}'", entry.key)).help(help).at(&entry.key_place));
        }
        self.mapping(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let choice = match (&self.node.value, self.spelling()) {
            (_, Some(name)) => Choice { name, node: None, holder: self.node },
            (Value::Map(entries), _) => {
                // a later source that chooses another variant replaces the earlier choice
                let last = entries.iter().map(|entry| entry.layer).max();
                let mut newest = entries.iter().filter(|entry| Some(entry.layer) == last);
                match (newest.next(), newest.next()) {
                    (Some(entry), None) => Choice { name: &entry.key, node: Some(&entry.node), holder: self.node },
                    _ => {
                        let message = format!("expected exactly one of {}", variants.join(", "));
                        return Err(self.placed(Fault::new(message)));
                    }
                }
            }
            _ => {
                let found = Fault::invalid_type(self.unexpected(), &"a choice").message;
                return Err(self.placed(Fault::new(found.replacen("a choice", &one_of(variants), 1))));
            }
        };
        visitor.visit_enum(choice).map_err(|fault| self.placed(fault))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.text(visitor)
    }
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

fn one_of(variants: &[&str]) -> String {
    format!("one of {}", variants.join(", "))
}

struct Items<'a>(std::slice::Iter<'a, Node>);

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        self.0.next().map(|node| seed.deserialize(Reader::new(node)).map_err(|fault| fault.at(&node.place))).transpose()
    }
    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'a> {
    rest: std::slice::Iter<'a, Entry>,
    current: Option<&'a Entry>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.rest.next() else { return Ok(None) };
        self.current = Some(entry);
        seed.deserialize(entry.key.as_str().into_deserializer())
            .map(Some)
            .map_err(|fault: Fault| fault.at(&entry.key_place))
    }
    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some(entry) = self.current.take() else { return Err(Fault::new("a value was asked for before its key")) };
        seed.deserialize(Reader::new(&entry.node)).map_err(|fault| fault.at(&entry.node.place))
    }
}

struct Choice<'a> {
    name: &'a str,
    node: Option<&'a Node>,
    holder: &'a Node,
}

impl<'de> EnumAccess<'de> for Choice<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name = seed.deserialize(self.name.into_deserializer()).map_err(|f: Fault| f.at(&self.holder.place))?;
        Ok((name, self))
    }
}

impl<'de> Choice<'de> {
    fn content(&self) -> Result<Reader<'de>, Fault> {
        let message = || format!("the choice '{}' needs a value, as in '{}: ...'", self.name, self.name);
        self.node.map(Reader::new).ok_or_else(|| Fault::new(message()).at(&self.holder.place))
    }
}

impl<'de> VariantAccess<'de> for Choice<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        match self.node {
            None => Ok(()),
            Some(node) if matches!(node.value, Value::Null) => Ok(()),
            Some(node) => Err(Fault::new(format!("the choice '{}' takes no value", self.name)).at(&node.place)),
        }
    }
    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self.content()?)
    }
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.content()?.deserialize_tuple(len, visitor)
    }
    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}
