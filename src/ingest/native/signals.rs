//! The samples of a report: plain signals, and families nested as family, key, field.

use super::reader::Reader;
use super::scalar::Name;
use crate::ingest::derived_signal;
use crate::report::Samples;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use smol_str::SmolStr;
use std::fmt;
use storage::Value;

/// All samples of a report.
pub(super) struct Signals<'r>(pub(super) &'r mut Reader, pub(super) &'r mut Vec<Samples>);

impl<'de> DeserializeSeed<'de> for Signals<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Signals<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of signals")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Signals(reader, to) = self;
        let mut plain = Samples {
            family: SmolStr::new_static(query::catalog::PLAIN_FAMILY),
            ..Samples::default()
        };
        let mut families: Vec<SmolStr> = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            reader.enter(&name);
            reader.check_name("name of the signal", &name)?;
            if let Some(hint) = derived_signal(&name) {
                return Err(reader.refuse("is derived and cannot be reported", hint));
            }
            let name = SmolStr::new(&*name);
            let family = Node::Family {
                name: &name,
                plain: &mut plain,
                to,
            };
            match map.next_value_seed(Scalar(reader, family))? {
                Some(value) => plain.fields.push((name, value)),
                None => families.push(name),
            }
            reader.leave();
        }
        reader.check_once(families.iter().map(SmolStr::as_str))?;
        reader.check_once(plain.fields.iter().map(|(name, _)| name.as_str()))?;
        if !plain.fields.is_empty() {
            to.insert(0, plain);
        }
        Ok(())
    }
}

/// What an object means where a value may also stand.
pub(super) enum Node<'n> {
    /// Under `signals`: a family, whose samples go to `to` (those of the plain family to `plain`).
    Family {
        name: &'n SmolStr,
        plain: &'n mut Samples,
        to: &'n mut Vec<Samples>,
    },
    /// Under a family: the instance `key`, whose fields go here.
    Instance(&'n mut Vec<(SmolStr, Value)>),
    /// Nothing: values only.
    None,
}

/// A number, bool or text, or an object where the node allows one (then None).
pub(super) struct Scalar<'r, 'n>(pub(super) &'r mut Reader, pub(super) Node<'n>);

impl<'de> DeserializeSeed<'de> for Scalar<'_, '_> {
    type Value = Option<Value>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<Value>, D::Error> {
        self.0.count_value()?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar<'_, '_> {
    type Value = Option<Value>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, bool or text")
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Number(v)))
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Number(v as f64)))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Number(v as f64)))
    }
    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Option<Value>, E> {
        Ok(Some(Value::Bool(v)))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Option<Value>, E> {
        self.0.check_text(v)?;
        Ok(Some(Value::Text(SmolStr::new(v))))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<Value>, A::Error> {
        let Scalar(reader, node) = self;
        match node {
            Node::Family { name, plain, to } => read_family(reader, map, name, plain, to)?,
            Node::Instance(fields) => read_fields(reader, map, fields)?,
            Node::None => {
                return Err(reader.refuse(
                    "expected a number, bool or text, found an object",
                    "signals nest as family, key, field; events have plain fields",
                ));
            }
        }
        Ok(None)
    }
}

fn read_family<'de, A: MapAccess<'de>>(
    reader: &mut Reader,
    mut map: A,
    family: &SmolStr,
    plain: &mut Samples,
    to: &mut Vec<Samples>,
) -> Result<(), A::Error> {
    let is_plain = family == query::catalog::PLAIN_FAMILY;
    let begin = to.len();
    let mut own = Vec::new();
    while let Some(name) = map.next_key_seed(Name)? {
        reader.enter(&name);
        reader.check_name("name", &name)?;
        let mut fields = Vec::new();
        match map.next_value_seed(Scalar(reader, Node::Instance(&mut fields)))? {
            Some(value) => own.push((SmolStr::new(&*name), value)),
            None if is_plain => {
                return Err(reader.refuse(
                    "`device` holds the plain signals and has no keys",
                    "name the family after what it is, such as `service` or `disk`",
                ));
            }
            None => to.push(Samples {
                family: family.clone(),
                key: SmolStr::new(&*name),
                fields,
            }),
        }
        reader.leave();
    }
    reader.check_once(to[begin..].iter().map(|samples| samples.key.as_str()))?;
    to.retain(|samples| !samples.fields.is_empty());
    if is_plain {
        plain.fields.append(&mut own);
    } else if !own.is_empty() {
        reader.check_once(own.iter().map(|(name, _)| name.as_str()))?;
        to.push(Samples {
            family: family.clone(),
            key: SmolStr::default(),
            fields: own,
        });
    }
    Ok(())
}

fn read_fields<'de, A: MapAccess<'de>>(
    reader: &mut Reader,
    mut map: A,
    fields: &mut Vec<(SmolStr, Value)>,
) -> Result<(), A::Error> {
    while let Some(name) = map.next_key_seed(Name)? {
        reader.enter(&name);
        reader.check_name("name of the field", &name)?;
        if let Some(value) = map.next_value_seed(Scalar(reader, Node::None))? {
            fields.push((SmolStr::new(&*name), value));
        }
        reader.leave();
    }
    reader.check_once(fields.iter().map(|(name, _)| name.as_str()))
}
