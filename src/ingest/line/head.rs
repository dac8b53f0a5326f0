//! What stands before the fields of a line: the family, and what each tag says.

use super::LineSettings;
use super::scan::{Scanner, Tags};
use crate::ingest::{BodyError, derived_signal};
use crate::limits;
use crate::report::{Report, Samples};
use query::catalog::PLAIN_FAMILY;
use smol_str::SmolStr;
use std::borrow::Cow;
use storage::Value;

#[derive(Clone, Copy, PartialEq)]
enum Role {
    Device,
    Client,
    Label,
    Instance,
    Dropped,
}

/// The head of a line; kept between lines for its memory.
#[derive(Default)]
pub(super) struct Head<'a> {
    /// The measurement.
    pub(super) family: Cow<'a, str>,
    /// The key of the instance. One tag: its value. Several: `a=1,b=2`, ascending by name, with a
    /// backslash before comma, equals sign and backslash.
    pub(super) key: String,
    tags: Tags<'a>,
    /// Of each tag.
    roles: Vec<Role>,
    device: usize,
}

impl<'a> Head<'a> {
    /// Reads the head of the line at which `scanner` stands.
    pub(super) fn read(
        &mut self,
        scanner: &mut Scanner<'a>,
        settings: &LineSettings,
    ) -> Result<(), BodyError> {
        let start = scanner.at();
        self.family = scanner.head(&mut self.tags)?;
        let fault = |reason: String, hint: String| scanner.fault_at(start, reason, hint);
        if !self.assign_roles(settings) {
            return Err(fault(
                "no tag names the device".to_owned(),
                format!("one of the tags {} does", settings.device.join(", ")),
            ));
        }
        self.write_key();
        if let Some(reason) = self.too_much() {
            return Err(fault(reason, String::new()));
        }
        if self.family == PLAIN_FAMILY && !self.key.is_empty() {
            return Err(fault(
                format!("`{PLAIN_FAMILY}` holds the plain signals and has no instances"),
                format!("leave out what names one: {}", self.key),
            ));
        }
        if self.family == PLAIN_FAMILY {
            return Ok(());
        }
        match derived_signal(&self.family) {
            None => Ok(()),
            Some(hint) => Err(fault(
                "the measurement is derived and cannot be reported".to_owned(),
                hint.to_owned(),
            )),
        }
    }

    /// False if no tag names the device.
    fn assign_roles(&mut self, settings: &LineSettings) -> bool {
        self.roles.clear();
        let mut best = usize::MAX;
        for (at, (name, _)) in self.tags.iter().enumerate() {
            if let Some(rank) = settings.device.iter().position(|tag| **tag == **name)
                && rank < best
            {
                (best, self.device) = (rank, at);
            }
            let role = if settings.labels.iter().any(|label| **label == **name) {
                if name == "client" {
                    Role::Client
                } else {
                    Role::Label
                }
            } else if let Some(listed) = &settings.instance
                && !listed.iter().any(|tag| **tag == **name)
            {
                Role::Dropped
            } else {
                Role::Instance
            };
            self.roles.push(role);
        }
        if best < usize::MAX {
            self.roles[self.device] = Role::Device;
        }
        best < usize::MAX
    }

    fn too_much(&self) -> Option<String> {
        let too_long = |what: &str, length: usize, limit: usize| {
            (length > limit).then(|| format!("{what} has {length} bytes, the limit is {limit}"))
        };
        let device = self.tags[self.device].1.len();
        let client = self.client().map_or(0, str::len);
        let labels = self.roles.iter().filter(|r| **r == Role::Label).count();
        too_long("the name of the device", device, limits::NAME_BYTES_MAX)
            .or_else(|| too_long("the name of the client", client, limits::NAME_BYTES_MAX))
            .or_else(|| too_long("the key", self.key.len(), limits::TEXT_BYTES_MAX))
            .or_else(|| {
                (labels > limits::LABELS_MAX)
                    .then(|| format!("{labels} labels, the limit is {}", limits::LABELS_MAX))
            })
    }

    fn with_role(&self, role: Role) -> impl Iterator<Item = (&str, &str)> {
        let tags = self.tags.iter().zip(&self.roles);
        tags.filter(move |(_, r)| **r == role)
            .map(|((name, value), _)| (name.as_ref(), value.as_ref()))
    }

    fn write_key(&mut self) {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        let mut rest = self.with_role(Role::Instance);
        match (rest.next(), rest.next().is_some()) {
            (None, _) => {}
            (Some((_, value)), false) => key.push_str(value),
            (Some(_), true) => {
                let mut parts: Vec<(&str, &str)> = self.with_role(Role::Instance).collect();
                parts.sort_unstable();
                for (name, value) in parts {
                    if !key.is_empty() {
                        key.push(',');
                    }
                    push_escaped(&mut key, name);
                    key.push('=');
                    push_escaped(&mut key, value);
                }
            }
        }
        drop(rest);
        self.key = key;
    }

    fn client(&self) -> Option<&str> {
        self.with_role(Role::Client).next().map(|(_, value)| value)
    }

    /// True if the line speaks of the device of `report`, with the same labels.
    pub(super) fn is_subject_of(&self, report: &Report) -> bool {
        let labels = report.labels.iter();
        *report.device == *self.tags[self.device].1
            && report.client.as_deref() == self.client()
            && labels
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .eq(self.with_role(Role::Label))
    }

    /// True if the line is of the instance of `samples`.
    pub(super) fn is_instance_of(&self, samples: &Samples) -> bool {
        *samples.family == *self.family && samples.key == self.key
    }

    /// A report of its device, without samples.
    pub(super) fn report(&self) -> Report {
        let labels = self.with_role(Role::Label);
        Report {
            client: self.client().map(SmolStr::new),
            device: SmolStr::new(&self.tags[self.device].1),
            labels: labels
                .map(|(name, value)| (SmolStr::new(name), SmolStr::new(value)))
                .collect(),
            ..Report::default()
        }
    }

    /// Samples of its instance.
    pub(super) fn samples(&self, fields: Vec<(SmolStr, Value)>) -> Samples {
        Samples {
            family: SmolStr::new(&self.family),
            key: SmolStr::new(&self.key),
            fields,
        }
    }
}

fn push_escaped(to: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, ',' | '=' | '\\') {
            to.push('\\');
        }
        to.push(c);
    }
}
