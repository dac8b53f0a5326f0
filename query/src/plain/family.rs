//! Aggregates over the instances of a family.

use super::{eval, instances};
use crate::eval::{Env, Scope, exact_sum};
use crate::ir::{Expr, FamilyId, Quantifier};
use crate::value::Value;
use smol_str::SmolStr;
use storage::Nanos;

/// What is aggregated over.
pub(super) struct Over<'a> {
    pub family: FamilyId,
    pub slot: u8,
    pub filter: Option<&'a Expr>,
    pub listed: Option<&'a Expr>,
}

/// The instances passing the filter with their values (true where there is nothing to evaluate).
fn members(
    scope: &Scope<'_>,
    over: &Over<'_>,
    value: Option<&Expr>,
    at: Nanos,
    env: &Env<'_>,
) -> Vec<(SmolStr, Value)> {
    let mut out = Vec::new();
    for key in instances(scope, over.family, at) {
        let inner = Env::Instance(over.slot, &key, env);
        if over
            .filter
            .is_some_and(|filter| eval(filter, scope, at, &inner) != Value::Bool(true))
        {
            continue;
        }
        let value = value.map_or(Value::Bool(true), |value| eval(value, scope, at, &inner));
        out.push((key, value));
    }
    out
}

pub(super) fn quantify(
    scope: &Scope<'_>,
    func: Quantifier,
    over: &Over<'_>,
    value: Option<&Expr>,
    at: Nanos,
    env: &Env<'_>,
) -> Value {
    let members = members(scope, over, value, at, env);
    let truths = || members.iter().map(|(_, value)| value.clone());
    let true_keys = || {
        members
            .iter()
            .filter(|(_, value)| *value == Value::Bool(true))
            .map(|(key, _)| key)
    };
    let numbers: Vec<f64> = members
        .iter()
        .filter_map(|(_, value)| {
            if let Value::Number(number) = value {
                Some(*number)
            } else {
                None
            }
        })
        .collect();
    let sum = || exact_sum(numbers.iter().copied());
    let number = match func {
        Quantifier::Any => return super::logic::or(truths()),
        Quantifier::Every => {
            let never_seen = never_seen(scope, over, at, env);
            return super::logic::and(truths().chain(never_seen.then_some(Value::Unknown)));
        }
        Quantifier::Count => return Value::Number(true_keys().count() as f64),
        Quantifier::List => return Value::List(true_keys().cloned().map(Value::Text).collect()),
        Quantifier::Share => {
            let known = members
                .iter()
                .filter(|(_, value)| *value != Value::Unknown)
                .count();
            return match known {
                0 => Value::Unknown,
                known => Value::Number(100.0 * true_keys().count() as f64 / known as f64),
            };
        }
        Quantifier::Min => numbers.iter().copied().reduce(f64::min),
        Quantifier::Max => numbers.iter().copied().reduce(f64::max),
        Quantifier::Sum => (!numbers.is_empty()).then(sum),
        Quantifier::Avg => (!numbers.is_empty()).then(|| sum() / numbers.len() as f64),
    };
    number.map_or(Value::Unknown, Value::Number)
}

/// Whether the list asks for an instance that does not exist.
fn never_seen(scope: &Scope<'_>, over: &Over<'_>, at: Nanos, env: &Env<'_>) -> bool {
    let Some(Value::List(listed)) = over.listed.map(|listed| eval(listed, scope, at, env)) else {
        return false;
    };
    let seen = instances(scope, over.family, at);
    listed
        .iter()
        .any(|key| matches!(key, Value::Text(key) if !seen.contains(key)))
}
