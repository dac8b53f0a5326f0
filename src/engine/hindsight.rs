//! Hindsight: late data never unsends, but where it contradicts a raise or a resolve of the last day, one
//! `revised` record says so.

use super::State;
use super::device::{Device, Verdict};
use super::turn::{Draft, Turn};
use query::eval::Env;
use query::ir::{Rule, Scope as RuleScope};
use storage::{DeviceId, Nanos, SECOND};

/// How far back decisions are looked at again.
const REACH: Nanos = 24 * 3600 * SECOND;
/// The most verdicts kept of one rule on one device.
const VERDICTS_MAX: usize = 64;

/// Keeps a verdict for later, and forgets those out of reach.
pub fn remember(verdicts: &mut Vec<Verdict>, verdict: Verdict, now: Nanos) {
    let horizon = now.saturating_sub(REACH);
    verdicts.retain(|v| v.time >= horizon);
    if verdicts.len() >= VERDICTS_MAX {
        verdicts.remove(0);
    }
    verdicts.push(verdict);
}

/// Data of a device changed at `oldest`: looks again at its verdicts from then on.
pub fn revise(turn: &mut Turn<'_>, id: DeviceId, device: &mut Device, oldest: Nanos) {
    let from = oldest.max(turn.now.saturating_sub(REACH));
    for (index, rule) in turn.program.rules.iter().enumerate() {
        if matches!(rule.scope, RuleScope::On { .. }) || device.rules[index].verdicts.is_empty() {
            continue;
        }
        let mut verdicts = std::mem::take(&mut device.rules[index].verdicts);
        verdicts.retain(|verdict| {
            let wrong = verdict.time >= from
                && verdict.time < turn.now
                && contradicted(turn, device, rule, verdict);
            if wrong {
                let what = if verdict.raised { "raise" } else { "resolve" };
                let when = query::value::print_time(verdict.time);
                turn.decide(
                    id,
                    &device.history,
                    Draft {
                        rule: rule.name.clone(),
                        version: turn.versions.rules[index],
                        key: verdict.key.clone(),
                        state: State::Revised,
                        severity: rule.action.severity,
                        message: verdict.message.clone(),
                        reason: Some(format!("late data contradicts the {what} at {when}")),
                        alert: Some(verdict.alert),
                        notify: false,
                    },
                );
            }
            !wrong
        });
        device.rules[index].verdicts = verdicts;
    }
}

/// Whether what is known now contradicts a verdict at its own instant.
fn contradicted(turn: &Turn<'_>, device: &Device, rule: &Rule, verdict: &Verdict) -> bool {
    let empty = Env::Empty;
    let env = verdict
        .instance
        .as_ref()
        .map_or(Env::Empty, |key| Env::Instance(0, key, &empty));
    let scope = turn.scope(&device.history);
    let truth = |expr: &Option<query::ir::Expr>| match expr {
        None => Some(true),
        Some(expr) => scope.eval(expr, verdict.time, &env).truth(),
    };
    let when = truth(&rule.when);
    if verdict.raised {
        return when == Some(false) || truth(&rule.where_) == Some(false);
    }
    match &rule.clear {
        None => when == Some(true),
        clear => when == Some(true) || truth(clear) == Some(false),
    }
}
