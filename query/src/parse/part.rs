//! Durations, windows, messages and lists of names.

use super::expr::atom;
use super::{Expect, Step, Tokens, nested, symbol};
use crate::ast::{Dur, DurKind, Ident, Message, MessagePart, Over};
use crate::diagnostic::Diagnostic;
use crate::lex::{Piece, Tok};
use crate::value::{Measure, Unit};
use nom::Parser;

/// A duration: a literal, a param, or a number of reports.
pub fn dur(input: Tokens<'_>) -> Step<'_, Dur> {
    match &input.next().tok {
        Tok::Number(number, unit) => {
            let rest = input.advance();
            let reports = *unit == Unit::PLAIN && matches!(rest.word(), Some("reports" | "report"));
            if reports {
                let rest = rest.advance();
                let span = rest.since(input);
                return Ok((
                    rest,
                    Dur {
                        kind: DurKind::Reports(*number),
                        span,
                    },
                ));
            }
            if *unit == Unit::DURATION {
                let nanos = (number * 1e9).round() as i64;
                return Ok((
                    rest,
                    Dur {
                        kind: DurKind::Fixed(nanos),
                        span: input.span(),
                    },
                ));
            }
            let word = input.span().of(input.ctx.source);
            let mut error = Diagnostic::error(
                "duration",
                input.span(),
                format!("`{word}` is not a duration"),
                "expected a duration such as `5m`",
            );
            if unit.measure == Measure::Plain {
                error = error.hint(format!("did you mean `{word}m` or `{word} reports`?"));
            }
            input.fatal(error)
        }
        Tok::Name(name) if !super::RESERVED.contains(&name.as_str()) => Ok((
            input.advance(),
            Dur {
                kind: DurKind::Param(name.clone()),
                span: input.span(),
            },
        )),
        _ => input.miss(Expect::Kind("a duration such as `5m`")),
    }
}

/// A literal duration, as nanoseconds.
pub fn fixed(input: Tokens<'_>) -> Step<'_, i64> {
    let (rest, found) = dur(input)?;
    match found.kind {
        DurKind::Fixed(nanos) => Ok((rest, nanos)),
        _ => input.miss(Expect::Kind("a duration such as `5m`")),
    }
}

/// A message; errors in its parts are reported and the part left out.
pub fn message(input: Tokens<'_>) -> Step<'_, Message> {
    let Tok::Message(pieces) = &input.next().tok else {
        return input.miss(Expect::Kind("a text in double quotes"));
    };
    let parts = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(text) => Some(MessagePart::Text(text.clone())),
            Piece::Code(range) => super::code(input, *range).map(MessagePart::Expr),
        })
        .collect();
    Ok((
        input.advance(),
        Message {
            parts,
            span: input.span(),
        },
    ))
}

/// `name {"," name}`
pub fn names<'a>(kind: &'static str) -> impl Fn(Tokens<'a>) -> Step<'a, Vec<Ident>> {
    move |input| nom::multi::separated_list1(symbol(","), super::name(kind)).parse(input)
}

pub(super) fn over(input: Tokens<'_>) -> Step<'_, Option<Over>> {
    if input.word() != Some("over") {
        input.note(Expect::Exactly("over"));
        return Ok((input, None));
    }
    let (rest, dur) = dur(input.advance())?;
    let (rest, anchor) = match rest.word() {
        Some(side @ ("before" | "after")) => {
            let (after, time) = nested(rest.advance(), atom)?;
            (after, Some((side == "after", time)))
        }
        _ => {
            rest.note(Expect::Exactly("before"));
            (rest, None)
        }
    };
    Ok((
        rest,
        Some(Over {
            dur,
            anchor,
            span: rest.since(input),
        }),
    ))
}
