//! Statements that parse and that a later version will run: `gate`, `maintenance`, `test`.

use super::expr::expr;
use super::part::{dur, message};
use super::rule::{STATEMENTS, once};
use super::{Expect, Step, Tokens, name, symbol, text, word};
use crate::ast::StatementKind;
use crate::lex::Tok;
use crate::value::Unit;
use nom::Parser;
use nom::multi::separated_list1;

pub(super) fn gate(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, gate) = name("the name of the gate")(input)?;
    let (rest, _) = word("by")(rest)?;
    let (mut rest, _) = separated_list1(symbol(","), super::expr::path).parse(rest)?;
    let (mut halt, mut advance) = (None, None);
    while let Some(word @ ("halt" | "advance")) = rest.word() {
        let (after, value) = expr(rest.advance())?;
        let slot = if word == "halt" {
            &mut halt
        } else {
            &mut advance
        };
        (rest, ()) = once(slot, value, rest, after)?;
    }
    if halt.is_none() || advance.is_none() {
        rest.note(Expect::Exactly("halt"));
        return rest.miss(Expect::Exactly("advance"));
    }
    Ok((rest, StatementKind::Gate(gate)))
}

pub(super) fn maintenance(input: Tokens<'_>) -> Step<'_, StatementKind> {
    const WEEKDAYS: [&str; 7] = [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
    ];
    let (rest, name_) = name("the name of the window")(input)?;
    let (rest, _) = word("every")(rest)?;
    let rest = match rest.word() {
        Some("first" | "second" | "third" | "fourth" | "last") => rest.advance(),
        _ => rest,
    };
    let day = rest.word().map(str::to_lowercase).unwrap_or_default();
    if day != "day" && !WEEKDAYS.contains(&day.as_str()) {
        return rest.miss(Expect::Kind("`day` or a weekday such as `tuesday`"));
    }
    let (rest, _) = word("at")(rest.advance())?;
    let (rest, ()) = clock_digits(rest)?;
    let (rest, _) = symbol(":")(rest)?;
    let (rest, ()) = clock_digits(rest)?;
    let (rest, _) = word("for")(rest)?;
    let (mut rest, _) = dur(rest)?;
    if rest.word() == Some("zone") {
        rest = text(rest.advance())?.0;
    }
    if rest.word() == Some("where") {
        rest = expr(rest.advance())?.0;
    }
    let (rest, _) = word("reason")(rest)?;
    let (rest, _) = message(rest)?;
    Ok((rest, StatementKind::Maintenance(name_)))
}

/// The steps of a test are read by the version that runs them; here they end where the next statement starts.
pub(super) fn test(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (mut rest, (title, _)) = text(input)?;
    loop {
        let token = rest.next();
        let starts =
            token.indent == Some(0) && rest.word().is_some_and(|w| STATEMENTS.contains(&w));
        if starts || token.tok == Tok::End {
            return Ok((rest, StatementKind::Test(title)));
        }
        rest = rest.advance();
    }
}

pub(super) fn clock_digits(input: Tokens<'_>) -> Step<'_, ()> {
    match input.next().tok {
        Tok::Number(_, unit) if unit == Unit::PLAIN => Ok((input.advance(), ())),
        _ => input.miss(Expect::Kind("a time of day such as `02:00`")),
    }
}
