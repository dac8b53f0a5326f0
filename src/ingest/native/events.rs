//! The events of a report.

use super::reader::Reader;
use super::scalar::{Name, Text, Time};
use super::signals::{Node, Scalar};
use crate::report::Event;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use smol_str::SmolStr;
use std::fmt;

/// The events of a report.
pub(super) struct Events<'r>(pub(super) &'r mut Reader, pub(super) &'r mut Vec<Event>);

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Events(reader, to) = self;
        loop {
            reader.enter(&to.len().to_string());
            let Some(event) = items.next_element_seed(OneEvent(reader))? else {
                reader.leave();
                return Ok(());
            };
            to.push(event);
            reader.leave();
        }
    }
}

pub(super) struct OneEvent<'r>(pub(super) &'r mut Reader);

impl<'de> DeserializeSeed<'de> for OneEvent<'_> {
    type Value = Event;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Event, D::Error> {
        self.0.count_value()?;
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneEvent<'_> {
    type Value = Event;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, an object with `kind`")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let reader = self.0;
        let mut event = Event::default();
        while let Some(name) = map.next_key_seed(Name)? {
            reader.enter(&name);
            let again = match &*name {
                "kind" => {
                    let before = std::mem::replace(
                        &mut event.kind,
                        map.next_value_seed(Text(reader, "text"))?,
                    );
                    reader.check_name("kind", &event.kind.clone())?;
                    !before.is_empty()
                }
                "time" => event
                    .time
                    .replace(map.next_value_seed(Time(reader))?)
                    .is_some(),
                _ => {
                    reader.check_name("name of the field", &name)?;
                    if let Some(value) = map.next_value_seed(Scalar(reader, Node::None))? {
                        event.fields.push((SmolStr::new(&*name), value));
                    }
                    false
                }
            };
            if again {
                return Err(reader.refuse("given twice", "which one holds? send one"));
            }
            reader.leave();
        }
        reader.check_once(event.fields.iter().map(|(name, _)| name.as_str()))?;
        if event.kind.is_empty() {
            reader.enter("kind");
            return Err(reader.refuse("missing", "such as \"patch.installed\""));
        }
        if event.kind == "heartbeat" {
            reader.enter("kind");
            return Err(reader.refuse("is derived and cannot be reported", "each report is one"));
        }
        Ok(event)
    }
}
