//! Numbers of links as a key: one, several, or none.

use std::fmt;

use recoil_stage::Problem;
use schemars::JsonSchema;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::emulator::formatter::LINKS_OUT;

/// Numbers of links; written as `3`, `[2, 3]` or `[]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct LinkList(pub Vec<usize>);

impl LinkList {
    /// What is wrong with the numbers.
    pub fn problems(&self, key: &str) -> Vec<Problem> {
        let mut found = Vec::new();
        if let Some(links) = self.0.iter().find(|&&links| links > LINKS_OUT) {
            found.push(Problem::new(key, format!("can hold 0 to {LINKS_OUT}, not {links}")));
        }
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
            found.push(Problem::new(key, "holds a number twice"));
        }
        found
    }
}

impl<'de> Deserialize<'de> for LinkList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrMore)
    }
}

struct OneOrMore;

impl<'de> Visitor<'de> for OneOrMore {
    type Value = LinkList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of links or a list of them")
    }

    fn visit_unit<E>(self) -> Result<LinkList, E> {
        Ok(LinkList::default())
    }

    fn visit_u64<E: serde::de::Error>(self, links: u64) -> Result<LinkList, E> {
        let one = usize::try_from(links).map_err(|_| E::custom("too many links"))?;
        Ok(LinkList(vec![one]))
    }

    fn visit_i64<E: serde::de::Error>(self, links: i64) -> Result<LinkList, E> {
        let one = usize::try_from(links).map_err(|_| E::custom("a number of links is not negative"))?;
        Ok(LinkList(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<LinkList, A::Error> {
        let mut all = Vec::new();
        while let Some(links) = items.next_element()? {
            all.push(links);
        }
        Ok(LinkList(all))
    }
}
