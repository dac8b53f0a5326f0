//! What the doors hand to the core, and what they get back.

use crate::report::Line;
use storage::Nanos;

/// How the reports of a body are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// True: valid lines are kept and the others named. False: all or nothing.
    pub keep_valid_lines: bool,
    /// True: where valid lines are kept, a report is several lines of which each is kept or refused by itself.
    pub in_parts: bool,
    /// True: a report that states its time and was seen before is dropped whole, heartbeat included.
    pub native: bool,
    /// True: its times tell how far the device's clock is off. False: they are trusted as they are.
    pub corrects_clock: bool,
    /// True: what it raises is listed as suppressed, reason "imported".
    pub imported: bool,
}

impl Manner {
    /// Native reports over HTTP.
    pub const NATIVE: Manner = Manner {
        keep_valid_lines: false,
        in_parts: false,
        native: true,
        corrects_clock: true,
        imported: false,
    };
    /// Foreign formats over HTTP.
    pub const FOREIGN: Manner = Manner {
        keep_valid_lines: true,
        in_parts: true,
        native: false,
        ..Manner::NATIVE
    };
    /// Lines of a replay input with one and the same arrival; only these may say when the server was listening.
    pub const REPLAY: Manner = Manner {
        keep_valid_lines: true,
        ..Manner::NATIVE
    };
    /// A bulk import of native reports.
    pub const IMPORT: Manner = Manner {
        keep_valid_lines: true,
        in_parts: false,
        native: false,
        corrects_clock: false,
        imported: true,
    };
    /// A bulk import of foreign formats.
    pub const IMPORT_FOREIGN: Manner = Manner {
        in_parts: true,
        ..Manner::IMPORT
    };

    /// True for a bulk import, notifying or not.
    pub fn imports(self) -> bool {
        !self.corrects_clock
    }

    /// The same for an import that notifies (`--notify`).
    pub fn notifying(self) -> Manner {
        Manner {
            imported: false,
            ..self
        }
    }
}

/// A decoded body.
#[derive(Clone, Debug)]
pub struct Body {
    /// Its lines. Each report's `sent` is already set from the header where the line itself has none.
    pub lines: Vec<Line>,
    /// How to treat them.
    pub manner: Manner,
    /// Size before decoding; turns and the queue are bounded by it.
    pub bytes: usize,
}

/// What became of a body, once it is durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Receipt {
    /// Reports kept, in whole or in part.
    pub reports: u64,
    /// Sample values kept.
    pub samples: u64,
    /// Events kept.
    pub events: u64,
    /// Reports dropped whole because they were known.
    pub duplicates: u64,
    /// Rows and events dropped singly because they were known.
    pub known_rows: u64,
    /// Lines refused (only where valid lines are kept).
    pub refused: Vec<Fault>,
    /// Arrival given to the body: all its reports are known from that instant on.
    pub arrival: Nanos,
}

/// Why a line was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line of the body, from 1.
    pub line: u32,
    /// Path of the field, `signals.cpu`; "" for the whole line.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// What to do; may be "".
    pub hint: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = match (self.line, self.field.as_str()) {
            (0, field) => field.to_owned(),
            (line, "") => format!("line {line}"),
            (line, field) => format!("line {line}, {field}"),
        };
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.reason)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

/// Why a whole body, or another command, was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A value or a name does not fit; nothing of the body was kept. 400.
    #[error("{0}")]
    Invalid(Fault),
    /// The queue is full; nothing was kept. 429.
    #[error("more is coming in than can be written; send it again later")]
    Busy,
    /// No room on the disk; nothing was kept, and it resumes by itself. 503.
    #[error("the disk is full: the store is read-only until there is room")]
    ReadOnly,
    /// The log could not be made durable; nothing more is accepted until a restart. 503.
    #[error("the store has failed: {0}; restart afterboot once the disk is well")]
    Failed(String),
    /// The server is going down. 503.
    #[error("the server is stopping")]
    Stopping,
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::Invalid(_) => 400,
            Refusal::Busy => 429,
            Refusal::ReadOnly | Refusal::Failed(_) | Refusal::Stopping => 503,
        }
    }

    /// Seconds for `Retry-After`, where sending again can help.
    pub fn retry_after(&self) -> Option<u32> {
        match self {
            Refusal::Invalid(_) => None,
            Refusal::Busy => Some(1),
            Refusal::ReadOnly => Some(30),
            Refusal::Failed(_) | Refusal::Stopping => Some(60),
        }
    }

    /// The stable name in JSON errors.
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Invalid(_) => "invalid_body",
            Refusal::Busy => "busy",
            Refusal::ReadOnly => "read_only",
            Refusal::Failed(_) => "store_failed",
            Refusal::Stopping => "stopping",
        }
    }
}
