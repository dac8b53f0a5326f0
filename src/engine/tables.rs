//! Names of the system tables and their columns: what the log holds besides samples and events.
//!
//! Admission and the owner write them, the engine and the queries read them.

/// One row a report: device, reported time (the arrival when none was stated).
pub const REPORT: &str = "report";
/// `report`: Number, the interval in seconds, when stated.
pub const INTERVAL: &str = "interval";
/// `report`: Bool, the sender stated a time (only such reports can be duplicates).
pub const STATED: &str = "stated";
/// `report`: Number, 48-bit fingerprint of the native report's content, when it stated a time.
pub const FINGERPRINT: &str = "fingerprint";
/// `report`: Bool true, it came by bulk import without `--notify`.
pub const IMPORTED: &str = "imported";

/// One row a changed label: instance = label name; time = the report's.
pub const LABEL: &str = "label";
/// `label`, `listening`, `rules`: the value (Text, Bool, Text).
pub const VALUE: &str = "value";

/// Server rows ([`storage::DeviceId::SERVER`]): the clock reached this arrival and a timer was due.
pub const TICK: &str = "tick";
/// Server rows: listening began (true) or ended (false) at `time`.
pub const LISTENING: &str = "listening";
/// Server rows: the rule set from here on; instance = file name, value = text. One record holds all files.
pub const RULES: &str = "rules";

/// The ledger, one row a decision: device, instance = rule, time = instant of the decision.
pub const DECISION: &str = "decision";
/// Columns of `decision`: number (Number), subject, key, state, severity, message, reason (Text),
/// alert (Number), notify (Bool), position (Number), version (Text, 16 hex digits).
pub const DECISION_COLUMNS: [&str; 11] = [
    "number", "subject", "key", "state", "severity", "message", "reason", "alert", "notify",
    "position", "version",
];

/// The delivery log, one row an attempt: device of the alert, instance = target, time = instant of the attempt.
pub const DELIVERY: &str = "delivery";
/// Columns of `delivery`: decision (Number), attempt (Number), status (Text: delivered | retry | failed), detail (Text).
pub const DELIVERY_COLUMNS: [&str; 4] = ["decision", "attempt", "status", "detail"];
