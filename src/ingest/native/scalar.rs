//! The single values of a report: names, texts, times, seconds, flags.

use super::reader::Reader;
use crate::ingest::rfc3339;
use crate::limits;
use serde::de::{self, DeserializeSeed, Deserializer, Visitor};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::fmt;
use storage::{Nanos, SECOND};

/// A key of an object, borrowed from the body where it has no escapes.
pub(super) struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Cow<'de, str>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E: de::Error>(self, v: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(v))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(v.to_owned()))
    }
}

/// A text; the second part says what is expected.
pub(super) struct Text<'r>(pub(super) &'r mut Reader, pub(super) &'static str);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = SmolStr;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<SmolStr, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = SmolStr;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<SmolStr, E> {
        self.0.check_text(v)?;
        Ok(SmolStr::new(v))
    }
}

/// An RFC 3339 time.
pub(super) struct Time<'r>(pub(super) &'r mut Reader);

impl<'de> DeserializeSeed<'de> for Time<'_> {
    type Value = Nanos;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Nanos, D::Error> {
        let text = Text(self.0, "a time such as \"2026-06-09T02:05:00Z\"").deserialize(from)?;
        rfc3339::parse(&text).ok_or_else(|| {
            let reason = format!("{text:?} is not an RFC 3339 time");
            self.0.refuse(reason, "such as \"2026-06-09T02:05:00Z\"")
        })
    }
}

/// Seconds between reports.
pub(super) struct Interval<'r>(pub(super) &'r mut Reader);

impl<'de> DeserializeSeed<'de> for Interval<'_> {
    type Value = Nanos;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Nanos, D::Error> {
        let seconds = from.deserialize_any(Seconds)?;
        let nanos = (seconds * SECOND as f64).round();
        if nanos >= 1.0 && nanos <= limits::INTERVAL_MAX as f64 {
            return Ok(nanos as Nanos);
        }
        let reason = format!("{seconds} is out of range");
        Err(self
            .0
            .refuse(reason, "seconds between two reports, at most a year"))
    }
}

pub(super) struct Seconds;

impl Visitor<'_> for Seconds {
    type Value = f64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds")
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<f64, E> {
        Ok(v)
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<f64, E> {
        Ok(v as f64)
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<f64, E> {
        Ok(v as f64)
    }
}

/// True or false.
pub(super) struct Flag;

impl<'de> DeserializeSeed<'de> for Flag {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_bool(self)
    }
}

impl Visitor<'_> for Flag {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }
    fn visit_bool<E: de::Error>(self, v: bool) -> Result<bool, E> {
        Ok(v)
    }
}
