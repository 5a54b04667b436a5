//! Every key there is, asked of the written types themselves: serde's derive tells a deserializer the fields of each struct.
//! For suggestions, and for the test that keeps the example complete.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use super::properties;
use super::tree::{Path, Step};
use super::written::File;

/// Differences in spelling up to which a key is suggested.
const MAX_DISTANCE: usize = 2;

/// The path of every key, with 0 for any index.
fn known() -> BTreeSet<Path> {
    let found = RefCell::new(BTreeSet::new());
    let probe = Probe {
        at: Path::default(),
        found: &found,
    };
    File::deserialize(probe).expect("an example of each value is accepted");
    found.into_inner()
}

/// The known key beside an unknown one that is spelt nearly the same.
pub(super) fn nearest(path: &Path) -> Option<String> {
    let Some(Step::Key(written)) = path.0.last() else {
        return None;
    };
    let above = any_index(&path.parent());
    let (_, key) = known()
        .into_iter()
        .filter(|known| known.parent() == above)
        .filter_map(|known| known.0.into_iter().next_back())
        .filter_map(|step| {
            if let Step::Key(key) = step {
                Some((distance(&key, written), key))
            } else {
                None
            }
        })
        .filter(|(distance, key)| *distance <= MAX_DISTANCE && *distance < key.len())
        .min()?;
    Some(key)
}

/// Is the last key of an unknown path a property of the `kafka` block, which it isn't in?
pub(super) fn is_kafka_property(path: &Path) -> bool {
    let Some(Step::Key(written)) = path.0.last() else {
        return false;
    };
    let block = Path::default().key("clusters").index(0);
    known().contains(&block.key(properties::BLOCK).key(written))
}

fn any_index(path: &Path) -> Path {
    let step = |step: &Step| match step {
        Step::Key(key) => Step::Key(key.clone()),
        Step::Index(_) => Step::Index(0),
    };
    Path(path.0.iter().map(step).collect())
}

/// Levenshtein's distance, row by row.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, in_a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, in_b) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(in_a != in_b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[row.len() - 1]
}

/// Answers every question with one example: each field, one entry, some value.
#[derive(Clone)]
struct Probe<'a> {
    at: Path,
    found: &'a RefCell<BTreeSet<Path>>,
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    /// A leaf gives its example for its name.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        example: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(StrDeserializer::new(example))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Entry(Some(Self {
            at: self.at.index(0),
            ..self
        })))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields {
            probe: self,
            rest: fields,
            field: "",
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map enum
        identifier ignored_any
    }
}

struct Entry<'a>(Option<Probe<'a>>);

impl<'de> SeqAccess<'de> for Entry<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.0
            .take()
            .map(|probe| seed.deserialize(probe))
            .transpose()
    }
}

struct Fields<'a> {
    probe: Probe<'a>,
    rest: &'static [&'static str],
    field: &'static str,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some((field, rest)) = self.rest.split_first() else {
            return Ok(None);
        };
        (self.field, self.rest) = (field, rest);
        seed.deserialize(field.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let at = self.probe.at.key(self.field);
        self.probe.found.borrow_mut().insert(at.clone());
        seed.deserialize(Probe {
            at,
            found: self.probe.found,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::tree::{Node, Value};
    use super::super::yaml;
    use super::*;

    const EXAMPLE: &str = include_str!("../../docs/lagslope.example.yaml");

    #[test]
    fn the_example_documents_every_key_and_no_other() {
        let file = "lagslope.example.yaml".into();
        let tree = yaml::parse(&all_settings(), &file).expect("the example is YAML");
        let mut written = BTreeSet::new();
        collect(&tree, &Path::default(), &mut written);
        let (own, same) = apart(&written);
        let (own_known, same_known) = apart(&known());
        assert_eq!(own, own_known);
        for (at, keys) in same {
            let known = &same_known[at];
            assert!(!keys.is_empty() && keys.is_subset(known), "{at}: {keys:?}");
        }
    }

    /// Blocks that have the same keys as another, which aren't shown again.
    const SAME: [(&str, &str); 2] = [
        ("overrides[0].signals.", "signals."),
        ("signals.lag_growth_strict.", "signals.lag_growth."),
    ];

    #[test]
    fn what_the_example_does_not_show_again_has_the_same_keys() {
        let (own, same) = apart(&known());
        for (at, as_in) in SAME {
            let keys = own.iter().filter_map(|path| path.strip_prefix(as_in));
            let keys: BTreeSet<_> = keys.map(str::to_owned).collect();
            let strict = |key: &String| key.starts_with("lag_growth_strict.");
            let there: BTreeSet<_> = same[at]
                .iter()
                .filter(|key| !strict(key))
                .cloned()
                .collect();
            assert_eq!(there, keys, "{at}");
        }
    }

    type Keys = BTreeSet<String>;

    /// The paths, and by block those below one that has the same keys as another.
    fn apart(paths: &BTreeSet<Path>) -> (Keys, BTreeMap<&'static str, Keys>) {
        let (mut own, mut same) = (Keys::new(), BTreeMap::<_, Keys>::new());
        for path in paths {
            let path = path.to_string();
            let block = SAME.into_iter().find(|(at, _)| path.starts_with(at));
            match block {
                Some((at, _)) => same
                    .entry(at)
                    .or_default()
                    .insert(path[at.len()..].to_owned()),
                None => own.insert(path),
            };
        }
        (own, same)
    }

    #[test]
    fn a_near_miss_is_suggested_and_a_far_one_is_not() {
        let nearest = |path: Path| super::nearest(&path);
        let clusters = Path::default().key("clusters").index(7);
        assert_eq!(nearest(clusters.key("gruops")).as_deref(), Some("groups"));
        assert_eq!(
            nearest(clusters.key("ceilings")),
            None,
            "known, but elsewhere"
        );
        assert_eq!(nearest(Path::default().key("gates")), None);
    }

    /// Takes away the `#` in front of settings; prose has one space after it.
    fn all_settings() -> String {
        let uncomment = |line: &'static str| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with("  ") || !rest.starts_with(' ') => rest,
            _ => line,
        };
        EXAMPLE
            .lines()
            .map(uncomment)
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn collect(node: &Node, at: &Path, found: &mut BTreeSet<Path>) {
        match &node.value {
            Value::Map(map) => map.iter().for_each(|(key, node)| {
                found.insert(at.key(key));
                collect(node, &at.key(key), found);
            }),
            Value::List(list) => list
                .iter()
                .for_each(|node| collect(node, &at.index(0), found)),
            Value::Nothing | Value::Text(_) => {}
        }
    }
}
