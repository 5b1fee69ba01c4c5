//! `key.path[2].name=value` words of the command line.

use super::fault::Fault;
use super::source::{Origin, Place, Source};
use super::tree::{Entry, Node, Step, Value};
use std::sync::Arc;

/// A word taken apart: the way to the value, with the place of every step, and the value.
pub(crate) struct Word {
    pub path: Vec<(Step, Place)>,
    pub value: Node,
}

/// Takes a word apart. The value is a YAML scalar, or a list or mapping in flow style; text that is none of these is
/// taken as it stands, so that `cut=abs(eta) < 2 # x` needs no further quoting.
///
/// # Errors
/// A fault that names the word and the column in it.
pub(crate) fn parse(word: &str) -> Result<Word, Fault> {
    let source = Source::new(Origin::Word, word);
    let Some(equals) = word.find('=') else {
        return Err(Fault::new(format!("'{word}' is not of the form key.path=value")));
    };
    let path = parse_path(word.get(..equals).unwrap_or_default(), &source)?;
    Ok(Word { path, value: scalar_or_flow(&source, equals + 1)? })
}

/// Reads a path such as `a.b[2].c`.
///
/// # Errors
/// A fault at the character where the path stops making sense.
pub(crate) fn parse_path(text: &str, source: &Arc<Source>) -> Result<Vec<(Step, Place)>, Fault> {
    let fault = |message: &str, at: usize| Err(Fault::new(message).at(&Place::new(source, at, 1)));
    let mut path = Vec::new();
    let mut at = 0;
    for part in text.split('.') {
        let (key, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if key.trim().is_empty() || key.contains(']') {
            return fault("expected a key", at);
        }
        path.push((Step::Key(key.trim().into()), Place::new(source, at, key.len())));
        let mut bracket = at + key.len();
        while !rest.is_empty() {
            let Some(end) = rest.find(']').filter(|_| rest.starts_with('[')) else {
                return fault("expected a list position such as [2]", bracket);
            };
            let digits = rest.get(1..end).unwrap_or_default();
            let Ok(index) = digits.trim().parse::<usize>() else {
                return fault("a list position is a whole number from zero", bracket + 1);
            };
            path.push((Step::Index(index), Place::new(source, bracket, end + 1)));
            rest = rest.get(end + 1..).unwrap_or_default();
            bracket += end + 1;
        }
        at += part.len() + 1;
    }
    Ok(path)
}

/// The value that begins at byte `start` of a source that is one line typed by a person.
pub(crate) fn scalar_or_flow(source: &Arc<Source>, start: usize) -> Result<Node, Fault> {
    let text = source.text.get(start..).unwrap_or_default();
    let place = Place::new(source, start, text.len());
    if text.starts_with(['[', '{', '"', '\'']) {
        return Node::from_yaml_part(source, start);
    }
    // tags, anchors and comments mean nothing on a command line
    let plain = !text.starts_with(['!', '&']) && !text.contains('#');
    let value = match Node::from_yaml_part(source, start).map(|node| node.value) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_))) if plain => value,
        _ => Value::Text(text.into()),
    };
    Ok(Node { value, place })
}

/// Writes the value of a word into the tree.
///
/// # Errors
/// A fault at the step that leads nowhere: a list position beyond the end, a key of something that is not a mapping.
pub(crate) fn apply(tree: &mut Node, path: &[(Step, Place)], value: Node, layer: usize) -> Result<(), Fault> {
    let Some(((step, place), rest)) = path.split_first() else {
        tree.merge(value, layer);
        return Ok(());
    };
    match (step, &mut tree.value) {
        (Step::Key(key), Value::Map(entries)) => {
            let index = match entries.iter().position(|entry| entry.key == *key) {
                Some(index) => index,
                None => {
                    let node = Node::empty(place.clone());
                    entries.push(Entry { key: key.clone(), key_place: place.clone(), layer, node });
                    entries.len() - 1
                }
            };
            let Some(entry) = entries.get_mut(index) else { return Ok(()) };
            entry.key_place = place.clone();
            entry.layer = layer;
            // a key may be given inside something that was switched off before
            if matches!(entry.node.value, Value::Null) && matches!(rest.first(), Some((Step::Key(_), _))) {
                entry.node = Node::empty(place.clone());
            }
            apply(&mut entry.node, rest, value, layer)
        }
        (Step::Index(index), Value::List(items)) => {
            let len = items.len();
            match items.get_mut(*index) {
                Some(item) => apply(item, rest, value, layer),
                None => Err(Fault::new(format!("no item {index}: the list has {len} items, counted from 0")).at(place)),
            }
        }
        (Step::Key(key), Value::List(_)) => {
            Err(Fault::new(format!("'{key}' lies in a list: give the position first, as in [0].{key}")).at(place))
        }
        (Step::Key(key), _) => Err(Fault::new(format!("'{key}' lies in a value that has no keys")).at(place)),
        (Step::Index(_), _) => Err(Fault::new("only a list has positions").at(place)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steps(word: &str) -> Vec<Step> {
        parse(word).unwrap().path.into_iter().map(|(step, _)| step).collect()
    }

    #[test]
    fn a_word_has_a_path_and_a_value() {
        let key = |name: &str| Step::Key(name.into());
        assert_eq!(steps("a.b[2].c=1"), [key("a"), key("b"), Step::Index(2), key("c")]);
        assert_eq!(steps("m[0][1]=1"), [key("m"), Step::Index(0), Step::Index(1)]);
        assert!(matches!(parse("a=1").unwrap().value.value, Value::Int(1)));
        assert!(matches!(parse("a=1e-3").unwrap().value.value, Value::Float(value) if value == 1e-3));
        assert!(matches!(parse("a=true").unwrap().value.value, Value::Bool(true)));
        assert!(matches!(parse("a=").unwrap().value.value, Value::Null));
        assert!(matches!(parse("a=[1, 2]").unwrap().value.value, Value::List(items) if items.len() == 2));
        for text in ["abs(x) < 2 # y", "a: b", "*x", "!no", "x=y", "%a", "@b"] {
            assert!(matches!(parse(&format!("a={text}")).unwrap().value.value, Value::Text(t) if t == text), "{text}");
        }
        assert!(matches!(parse("a='1'").unwrap().value.value, Value::Text(text) if text == "1"));
    }

    #[test]
    fn faults_name_the_column() {
        for (word, column) in [("a..b=1", 3), ("a[x]=1", 3), ("a[1=1", 2), ("=1", 1), ("a.b]=2", 3), ("ab[1]c=2", 6)] {
            let fault = parse(word).err().unwrap();
            assert_eq!(fault.place.as_ref().unwrap().line_column(), (1, column), "{word}: {fault}");
        }
        let fault = parse("a=[1, 2").err().unwrap();
        assert!(fault.to_string().contains("argument 'a=[1, 2'"), "{fault}");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails_in_order(word in ".{0,40}") {
            if let Ok(word) = parse(&word) {
                prop_assert!(!word.path.is_empty());
            }
        }

        #[test]
        fn numbers_come_back(key in "[a-z_]{1,8}", index in 0usize..99, value in -1e9f64..1e9) {
            let word = parse(&format!("{key}[{index}]={value:?}")).unwrap();
            prop_assert_eq!(&word.path[0].0, &Step::Key(key));
            prop_assert_eq!(&word.path[1].0, &Step::Index(index));
            match word.value.value {
                Value::Float(read) => prop_assert_eq!(read, value),
                Value::Int(read) => prop_assert_eq!(read as f64, value),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
