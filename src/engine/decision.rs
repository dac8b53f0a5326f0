//! A decision: one transition of an alert, a log line or a watch phase, exactly as it is stored,
//! replayed and shown.

use query::ir::Severity;
use smol_str::SmolStr;
use storage::{DeviceId, Nanos};

/// What a decision says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum State {
    /// Notifying.
    Firing,
    /// Open and muted; the reason says by whom.
    Suppressed,
    /// Ended by itself.
    Resolved,
    /// Open, told by another alert.
    Absorbed,
    /// Ended from outside (out of scope, rule changed, acknowledged).
    Closed,
    /// Hindsight contradicts an earlier decision.
    Revised,
    /// A log line.
    Log,
    /// Watch: waiting for the reboot.
    Open,
    /// Watch: the machine is down.
    Down,
    /// Watch: back, services being verified.
    Verifying,
    /// Watch: all well.
    Done,
    /// Watch: not back in time.
    Overdue,
    /// Watch: back, but not verified in time.
    Unverified,
    /// Watch: no reboot seen.
    Idle,
    /// Watch: called off.
    Cancelled,
}

impl State {
    /// Every state with its word.
    pub const ALL: [(State, &'static str); 15] = [
        (State::Firing, "firing"),
        (State::Suppressed, "suppressed"),
        (State::Resolved, "resolved"),
        (State::Absorbed, "absorbed"),
        (State::Closed, "closed"),
        (State::Revised, "revised"),
        (State::Log, "log"),
        (State::Open, "open"),
        (State::Down, "down"),
        (State::Verifying, "verifying"),
        (State::Done, "done"),
        (State::Overdue, "overdue"),
        (State::Unverified, "unverified"),
        (State::Idle, "idle"),
        (State::Cancelled, "cancelled"),
    ];

    /// The word in output, storage and queries.
    pub fn word(self) -> &'static str {
        State::ALL
            .iter()
            .find(|(state, _)| *state == self)
            .map_or("", |(_, word)| word)
    }

    /// The state of this word.
    pub fn parse(word: &str) -> Option<State> {
        State::ALL
            .iter()
            .find(|(_, w)| *w == word)
            .map(|(state, _)| *state)
    }
}

/// One transition.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Decision {
    /// Counts all decisions of this store, from 1 without gaps.
    pub number: u64,
    /// The instant of the decision.
    pub time: Nanos,
    /// Rule or watch.
    pub rule: SmolStr,
    /// The device (group alerts: [`DeviceId::SERVER`]).
    pub device: DeviceId,
    /// Its client.
    pub client: SmolStr,
    /// Device name, or the values of the group joined with ", ".
    pub subject: SmolStr,
    /// Instance or evaluated key.
    pub key: Option<SmolStr>,
    /// What happened.
    pub state: State,
    /// None for log lines and phases without an alert.
    pub severity: Option<Severity>,
    /// For people.
    pub message: String,
    /// Who suppressed or absorbed, or why it closed.
    pub reason: Option<String>,
    /// Number of the alert this is a transition of: that of its first decision; 0 for logs and phases without an alert.
    pub alert: u64,
    /// True when this transition is to be delivered (a page, or the end of one that was sent).
    pub notify: bool,
    /// Sequence number of the last record applied before the decision.
    pub seq: u64,
    /// Hash of the rule's normalised text.
    pub rule_version: u64,
}

/// The fields of the output line, in their order.
#[derive(serde::Serialize)]
struct Line<'a> {
    time: String,
    rule: &'a str,
    client: &'a str,
    subject: &'a str,
    key: Option<&'a str>,
    state: &'a str,
    severity: Option<&'a str>,
    message: &'a str,
    reason: Option<&'a str>,
}

impl Decision {
    /// The line that `replay` prints and the stream carries: one JSON object, no line end.
    pub fn to_line(&self) -> String {
        let line = Line {
            time: query::value::print_time(self.time),
            rule: &self.rule,
            client: &self.client,
            subject: &self.subject,
            key: self.key.as_deref(),
            state: self.state.word(),
            severity: self.severity.map(Severity::word),
            message: &self.message,
            reason: self.reason.as_deref(),
        };
        serde_json::to_string(&line).expect("a struct of texts always serialises")
    }
}
