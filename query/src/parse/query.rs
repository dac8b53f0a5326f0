//! Queries: a source, a time range, a filter, a pipe of stages.

use super::expr::{expr, path};
use super::part::dur;
use super::{Expect, Step, Tokens, name, symbol, text, word};
use crate::ast::{Column, Query, Range, Stage};
use crate::ir_query::Instant;
use crate::lex::Tok;
use crate::value::Unit;
use nom::Parser;
use nom::multi::separated_list1;

/// The whole query.
pub fn query(input: Tokens<'_>) -> Step<'_, Query> {
    let (rest, source) = match path(input) {
        Err(nom::Err::Error(_)) => {
            return input.miss(Expect::Kind(
                "a source such as `devices`, `alerts`, `events` or a family",
            ));
        }
        other => other?,
    };
    let (rest, text) = if source.dotted() == "timeline" {
        let (rest, device) = text(rest)?;
        (rest, Some(device))
    } else {
        (rest, None)
    };
    let (rest, range) = range(rest)?;
    let (rest, where_) = if rest.word() == Some("where") {
        let (rest, value) = expr(rest.advance())?;
        (rest, Some(value))
    } else {
        rest.note(Expect::Exactly("where"));
        (rest, None)
    };
    let mut stages = Vec::new();
    let mut rest = rest;
    while rest.is_symbol("|") {
        let (after, next) = stage(rest.advance())?;
        stages.push(next);
        rest = after;
    }
    if rest.next().tok != Tok::End {
        return rest.miss(Expect::Exactly("|"));
    }
    Ok((
        rest,
        Query {
            source,
            text,
            range,
            where_,
            stages,
        },
    ))
}

fn range(input: Tokens<'_>) -> Step<'_, Range> {
    match input.word() {
        Some("at") => {
            let (rest, time) = instant(input.advance())?;
            return Ok((rest, Range::At(time)));
        }
        Some("from") => {
            let (rest, from) = instant(input.advance())?;
            if rest.word() == Some("to") || rest.is_symbol("..") {
                let (rest, to) = instant(rest.advance())?;
                return Ok((rest, Range::Between(from, Some(to))));
            }
            rest.note(Expect::Exactly("to"));
            return Ok((rest, Range::Between(from, None)));
        }
        _ => {}
    }
    if matches!(input.next().tok, Tok::Time(_)) || input.is_symbol("-") {
        let (rest, from) = instant(input)?;
        let (rest, _) = symbol("..")(rest)?;
        let (rest, to) = instant(rest)?;
        return Ok((rest, Range::Between(from, Some(to))));
    }
    input.note(Expect::Exactly("at"));
    input.note(Expect::Exactly("from"));
    Ok((input, Range::Default))
}

/// RFC 3339, `-24h`, or `now`.
fn instant(input: Tokens<'_>) -> Step<'_, Instant> {
    match &input.next().tok {
        Tok::Time(time) => Ok((input.advance(), Instant::Absolute(*time))),
        Tok::Name(name) if name == "now" => Ok((input.advance(), Instant::Relative(0))),
        Tok::Symbol("-") => match input.second().tok {
            Tok::Number(seconds, unit) if unit == Unit::DURATION => {
                let offset = -(seconds * 1e9).round() as i64;
                Ok((input.advance().advance(), Instant::Relative(offset)))
            }
            _ => input
                .advance()
                .miss(Expect::Kind("a duration such as `24h`")),
        },
        _ => input.miss(Expect::Kind(
            "a time such as `2026-06-09T02:00:00Z` or `-24h`",
        )),
    }
}

/// `name = expr`, or `expr`
fn column(input: Tokens<'_>) -> Step<'_, Column> {
    let named = input.word().is_some() && matches!(input.second().tok, Tok::Symbol("="));
    if !named {
        let (rest, value) = expr(input)?;
        return Ok((rest, Column { name: None, value }));
    }
    let (rest, name) = name("the name of a column")(input)?;
    let (rest, value) = expr(rest.advance())?;
    Ok((
        rest,
        Column {
            name: Some(name),
            value,
        },
    ))
}

fn columns(input: Tokens<'_>) -> Step<'_, Vec<Column>> {
    separated_list1(symbol(","), column).parse(input)
}

const STAGES: [&str; 7] = ["where", "by", "every", "show", "sort", "top", "last"];

fn stage(input: Tokens<'_>) -> Step<'_, Stage> {
    let rest = input.advance();
    match input.word() {
        Some("where") => expr(rest).map(|(rest, value)| (rest, Stage::Where(value))),
        Some("show") => columns(rest).map(|(rest, columns)| (rest, Stage::Show(columns))),
        Some("by") => {
            let (rest, keys) = columns(rest)?;
            let (rest, _) = symbol(":")(rest)?;
            let (rest, columns) = columns(rest)?;
            Ok((
                rest,
                Stage::By {
                    every: None,
                    keys,
                    columns,
                    span: input.span(),
                },
            ))
        }
        Some("every") => {
            let (rest, every) = dur(rest)?;
            let (rest, keys) = by(rest)?;
            let (rest, _) = symbol(":")(rest)?;
            let (rest, columns) = columns(rest)?;
            Ok((
                rest,
                Stage::By {
                    every: Some(every),
                    keys,
                    columns,
                    span: input.span(),
                },
            ))
        }
        Some("sort") => {
            let key = |input| {
                let (rest, value) = expr(input)?;
                match rest.word() {
                    Some("desc") => Ok((rest.advance(), (value, true))),
                    Some("asc") => Ok((rest.advance(), (value, false))),
                    _ => {
                        rest.note(Expect::Exactly("desc"));
                        Ok((rest, (value, false)))
                    }
                }
            };
            separated_list1(symbol(","), key)
                .parse(rest)
                .map(|(rest, keys)| (rest, Stage::Sort(keys)))
        }
        Some("top") => {
            let n = match rest.next().tok {
                Tok::Number(n, unit) if unit == Unit::PLAIN && n >= 1.0 && n.fract() == 0.0 => {
                    n as u64
                }
                _ => return rest.miss(Expect::Kind("how many, a whole number")),
            };
            let rest = rest.advance();
            if rest.word() == Some("by") {
                let (rest, by) = expr(rest.advance())?;
                return Ok((rest, Stage::Top(n, Some(by))));
            }
            rest.note(Expect::Exactly("by"));
            Ok((rest, Stage::Top(n, None)))
        }
        Some("last") => by(rest).map(|(rest, keys)| (rest, Stage::Last(keys))),
        _ => {
            for word in &STAGES[1..] {
                input.note(Expect::Exactly(word));
            }
            word("where")(input).map(|(rest, _)| (rest, Stage::Last(Vec::new())))
        }
    }
}

/// `["by" columns]`
fn by(input: Tokens<'_>) -> Step<'_, Vec<Column>> {
    if input.word() == Some("by") {
        return columns(input.advance());
    }
    input.note(Expect::Exactly("by"));
    Ok((input, Vec::new()))
}
