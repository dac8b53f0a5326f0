//! The engine's evaluator against the plain one, over random histories and expressions: equal values, and
//! bounds within which the value really holds.
//!
//! `AFTERBOOT_CASES` sets how many cases run (two thousand when not set).

#[path = "oracle/random.rs"]
mod random;
mod world;

use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestCaseError, TestError, TestRunner};
use query::eval::{Env, Scope};
use query::history::EventRecord;
use query::ir::Expr;
use query::value::Value;
use random::{START, Tape, clock, expression, story};
use std::collections::BTreeSet;
use storage::{Nanos, SECOND};
use world::*;

/// Cases when nobody asks for more.
const CASES: u32 = 2000;
/// Instants at which one case is asked.
const ASKED: usize = 14;
/// Instants at which the bounds of one answer are probed.
const PROBED: usize = 10;

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b))
        }
        (a, b) => a == b,
    }
}

/// At most `most` of the instants, spread evenly from `turn` on.
fn some_of(instants: &BTreeSet<Nanos>, most: usize, turn: usize) -> Vec<Nanos> {
    let step = instants.len().div_ceil(most).max(1);
    instants
        .iter()
        .copied()
        .skip(turn % step)
        .step_by(step)
        .collect()
}

/// Asks one expression of one story at several instants; the complaint when the evaluators disagree.
fn ask(
    scope: &Scope<'_>,
    env: &Env<'_>,
    expr: &Expr,
    instants: &[Nanos],
    last: Nanos,
) -> Result<(), String> {
    let (low, high) = (START - 3 * HOUR, last + 6 * HOUR);
    let plain = |at: Nanos| query::plain::eval(expr, scope, at, env);
    let critical = query::plain::critical(expr, scope, low, high, env);
    for (turn, &at) in instants.iter().enumerate() {
        let fast = scope.eval(expr, at, env);
        let expected = plain(at);
        if !same(&fast.value, &expected) {
            return Err(format!(
                "at {}: fast {:?}, plain {expected:?}",
                clock(at),
                fast.value
            ));
        }
        if !(fast.since <= at && at < fast.until) {
            return Err(format!(
                "at {}: outside its own bounds {:?}",
                clock(at),
                fast
            ));
        }
        let (since, until) = (fast.since.max(low), fast.until.min(high));
        let inside: BTreeSet<Nanos> = critical
            .range(since..until)
            .flat_map(|at| [*at, (*at - 1).max(since)])
            .collect();
        let mut probes = some_of(&inside, PROBED, turn);
        probes.extend([
            since,
            until - 1,
            since + (until - since) / 3,
            since + (until - since) / 2,
        ]);
        for probe in probes {
            let (claimed, expected) = (fast.value_at(probe), plain(probe));
            if !same(&claimed, &expected) {
                return Err(format!(
                    "at {}: holds in [{}, {}), yet at {}: claimed {claimed:?}, plain {expected:?}",
                    clock(at),
                    clock(since),
                    clock(until),
                    clock(probe)
                ));
            }
        }
    }
    Ok(())
}

fn case(past: &[u8], asked: &[u8], picks: &[u16]) -> Result<(), String> {
    let (told, last, script) = story(&mut Tape::new(past));
    let pick = |at: usize| picks.get(at).copied().unwrap_or(0) as usize;
    let bound = pick(0) % 4 == 1;
    let expr = expression(&mut Tape::new(asked), bound);
    let key = "A".into();
    let login = EventRecord {
        time: START + 60 * SECOND,
        arrival: START + 60 * SECOND,
        number: 9999,
        fields: [
            ("user".into(), Value::Text("B".into())),
            ("n".into(), Value::Number(2.0)),
        ]
        .into(),
    };
    let event = Env::Event(1, &login, &Env::Empty);
    let instance = Env::Instance(0, &key, &event);
    let env = if bound { &instance } else { &Env::Empty };
    let mut scope = told.scope();
    let mut high = last + 2 * HOUR;
    if pick(1) % 5 == 1 {
        scope.known = START + (pick(2) % 30) as Nanos * 30 * SECOND;
        high = scope.known;
    }
    if pick(3) % 5 == 1 {
        scope.floor = Some(START + (pick(4) % 20) as Nanos * 30 * SECOND);
    }
    let mut instants = some_of(
        &query::plain::critical(&expr, &scope, START - HOUR, high, env),
        ASKED,
        pick(5),
    );
    for at in 6..14 {
        let jitter = [0, 0, -1, 1][pick(at) / 4096 % 4];
        instants.push((START + (pick(at) % 200 * 30) as Nanos * SECOND + jitter).min(high));
    }
    ask(&scope, env, &expr, &instants, last).map_err(|complaint| {
        format!(
            "{complaint}\n  {}\n  known {} floor {:?} bound {bound}\n{script}",
            show(&expr),
            if scope.known == Nanos::MAX {
                "all".into()
            } else {
                clock(scope.known)
            },
            scope.floor.map(clock)
        )
    })
}

#[test]
fn the_fast_evaluator_says_what_the_plain_one_says() {
    let cases = std::env::var("AFTERBOOT_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(CASES);
    let seed = std::env::var("AFTERBOOT_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_260_609);
    let config = Config {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        rng_algorithm: RngAlgorithm::ChaCha,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    use proptest::collection::vec;
    use proptest::num::{u8, u16};
    let tapes = (vec(u8::ANY, 0..400), vec(u8::ANY, 8..64), vec(u16::ANY, 14));
    let outcome = TestRunner::new(config).run(&tapes, |(past, asked, picks)| {
        case(&past, &asked, &picks).map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(found, _)) => panic!("{found}"),
        Err(other) => panic!("{other}"),
    }
}
