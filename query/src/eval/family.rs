//! Aggregates over the instances of a family: `any every count share list min max avg sum`.

use super::linear::Linear;
use super::window::exact_sum;
use super::{Env, Known, Scope};
use crate::ir::{Expr, FamilyId, Node, Quantifier};
use crate::value::Value;
use smol_str::SmolStr;
use storage::{Nanos, SECOND};

/// One instance that passed the filter, with the value of the aggregated expression (None: there is none).
pub struct Member {
    /// Its key.
    pub key: SmolStr,
    /// The value; [`Value::Bool`] true when nothing is aggregated.
    pub value: Value,
    /// A number that grows with time does so along this line.
    line: Option<Linear>,
}

impl Scope<'_> {
    /// The instances that pass the filter with their values, in order of key, with bounds.
    #[expect(clippy::too_many_arguments, reason = "the parts of one node")]
    pub fn members(
        &self,
        family: FamilyId,
        slot: u8,
        filter: Option<&Expr>,
        value: Option<&Expr>,
        listed: Option<&Expr>,
        at: Nanos,
        env: &Env<'_>,
    ) -> (Vec<Member>, Nanos, Nanos) {
        let (mut since, mut until) = (Nanos::MIN, Nanos::MAX);
        let mut out = Vec::new();
        let instances = || {
            let catalog = &self.world.program.catalog;
            self.device.keys_as_known(catalog, family, self.known)
        };
        for (key, first) in instances() {
            if first > at {
                until = until.min(first);
                continue;
            }
            since = since.max(first);
            let inner = Env::Instance(slot, key, env);
            if let Some(filter) = filter {
                let passed = self.eval(filter, at, &inner);
                since = since.max(passed.since);
                until = until.min(passed.until);
                if passed.truth() != Some(true) {
                    continue;
                }
            }
            let known = match value {
                None => Known::always(Value::Bool(true)),
                Some(value) => self.eval(value, at, &inner),
            };
            since = since.max(known.since);
            until = until.min(known.until);
            out.push(Member {
                key: key.clone(),
                value: known.value,
                line: known.line,
            });
        }
        if let Some(listed) = listed {
            let known = self.eval(listed, at, env);
            since = since.max(known.since);
            until = until.min(known.until);
            if let Value::List(keys) = known.value {
                for key in keys.iter() {
                    if let Value::Text(key) = key
                        && !instances().any(|(known, first)| known == key && first <= at)
                    {
                        out.push(Member {
                            key: key.clone(),
                            value: Value::Unknown,
                            line: None,
                        });
                    }
                }
            }
        }
        (out, since, until)
    }

    pub(super) fn quantify(&self, node: &Node, at: Nanos, env: &Env<'_>) -> Known {
        let Node::Quantify {
            func,
            family,
            slot,
            filter,
            value,
            listed,
        } = node
        else {
            return Known::new(Value::Unknown, at, Nanos::MAX);
        };
        use Quantifier::{Avg, Max, Min, Sum};
        let listed = listed.as_deref().filter(|_| *func == Quantifier::Every);
        let (members, since, until) = self.members(
            *family,
            *slot,
            filter.as_deref(),
            value.as_deref(),
            listed,
            at,
            env,
        );
        let out = Known::new(fold(*func, &members), since.min(at), until);
        let numeric = matches!(func, Min | Max | Avg | Sum);
        if !numeric || members.iter().all(|member| member.line.is_none()) {
            return out;
        }
        match line(*func, &members, at) {
            Some(line) => Known {
                line: Some(line),
                ..out
            },
            // some grow and some do not: look again in a second
            None => out.within(at, at.saturating_add(SECOND)),
        }
    }
}

/// The line along which the aggregate of numbers moves; None: it is none.
fn line(func: Quantifier, members: &[Member], at: Nanos) -> Option<Linear> {
    let lines: Vec<Linear> = members
        .iter()
        .filter_map(|member| match (&member.value, member.line) {
            (Value::Number(_), Some(line)) => Some(line),
            (Value::Number(number), None) => Some(Linear::still(*number)),
            _ => None,
        })
        .collect();
    let number = |line: &Linear| line.at(at);
    let alike = lines.windows(2).all(|pair| pair[0].scale == pair[1].scale);
    let extreme = match func {
        // lines of one slope keep their order
        Quantifier::Min if alike => lines.iter().min_by(|a, b| number(a).total_cmp(&number(b))),
        Quantifier::Max if alike => lines.iter().max_by(|a, b| number(a).total_cmp(&number(b))),
        Quantifier::Sum | Quantifier::Avg => {
            let many = if func == Quantifier::Avg {
                lines.len() as f64
            } else {
                1.0
            };
            return Some(Linear {
                origin: at,
                scale: lines.iter().map(|line| line.scale).sum::<f64>() / many,
                add: exact_sum(lines.iter().map(number)) / many,
            });
        }
        _ => None,
    };
    extreme.copied()
}

fn fold(func: Quantifier, members: &[Member]) -> Value {
    let trues = members
        .iter()
        .filter(|m| m.value == Value::Bool(true))
        .count();
    let unknown = members.iter().any(|m| m.value == Value::Unknown);
    let known = members.iter().filter(|m| m.value != Value::Unknown).count();
    let numbers = || {
        members.iter().filter_map(|m| match m.value {
            Value::Number(number) => Some(number),
            _ => None,
        })
    };
    let some = |number: f64| {
        if numbers().next().is_none() {
            Value::Unknown
        } else {
            Value::Number(number)
        }
    };
    match func {
        Quantifier::Any if trues > 0 => Value::Bool(true),
        Quantifier::Any if unknown => Value::Unknown,
        Quantifier::Any => Value::Bool(false),
        Quantifier::Every if members.iter().any(|m| m.value == Value::Bool(false)) => {
            Value::Bool(false)
        }
        Quantifier::Every if unknown => Value::Unknown,
        Quantifier::Every => Value::Bool(true),
        Quantifier::Count => Value::Number(trues as f64),
        Quantifier::Share if known == 0 => Value::Unknown,
        Quantifier::Share => Value::Number(100.0 * trues as f64 / known as f64),
        Quantifier::List => Value::List(
            members
                .iter()
                .filter(|m| m.value == Value::Bool(true))
                .map(|m| Value::Text(m.key.clone()))
                .collect(),
        ),
        Quantifier::Min => some(numbers().fold(f64::INFINITY, f64::min)),
        Quantifier::Max => some(numbers().fold(f64::NEG_INFINITY, f64::max)),
        Quantifier::Sum => some(exact_sum(numbers())),
        Quantifier::Avg => some(exact_sum(numbers()) / numbers().count() as f64),
    }
}
