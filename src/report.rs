//! A decoded report: what every door hands to admission, whatever the wire format was.

use smol_str::SmolStr;
use storage::{Nanos, Value};

/// One report of one device, as its sender said it; nothing is corrected, derived or dropped yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Client of the token or of the label; None: `default`.
    pub client: Option<SmolStr>,
    /// Name of the device.
    pub device: SmolStr,
    /// Labels sent, without `client`; an empty text clears one.
    pub labels: Vec<(SmolStr, SmolStr)>,
    /// The agent's own reporting interval.
    pub interval: Option<Nanos>,
    /// Time of the report as stated.
    pub time: Option<Nanos>,
    /// The sender's clock at this transmission.
    pub sent: Option<Nanos>,
    /// When it arrived; only replay inputs and imports state it.
    pub arrived: Option<Nanos>,
    /// Samples, one group an instance.
    pub signals: Vec<Samples>,
    /// Events.
    pub events: Vec<Event>,
    /// Line of the body it stood on, from 1.
    pub line: u32,
}

/// Samples of one instance of one family at the report's time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// The family; plain signals are in `device`.
    pub family: SmolStr,
    /// The key; "" for plain signals.
    pub key: SmolStr,
    /// Values by field.
    pub fields: Vec<(SmolStr, Value)>,
}

/// One event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Full dotted name.
    pub kind: SmolStr,
    /// Its own time as stated; default: the report's.
    pub time: Option<Nanos>,
    /// Fields.
    pub fields: Vec<(SmolStr, Value)>,
}

/// One line of a native body or replay input.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A report.
    Report(Report),
    /// `{"listening":false,"arrived":…}`: our own outage begins or ends (replay inputs only).
    Listening {
        /// True when the server listens again.
        listening: bool,
        /// When.
        arrived: Nanos,
    },
}
