//! Statements of a rule file. Clauses and options come in any order, each clause once, the action last.

use super::declare::{event_statement, let_, param, signal};
use super::expr::{event, expr};
use super::later::{gate, maintenance, test};
use super::part::{dur, message, names};
use super::watch::watch;
use super::{Expect, Step, Tokens, name, symbol, text, word};
use crate::ast::{Action, OptionKind, RuleStatement, Scope, StatementKind};
use crate::diagnostic::Diagnostic;
use crate::ir::{OnUnknown, Severity};
use crate::lex::Tok;
use crate::span::Span;
use nom::Parser;
use nom::multi::separated_list1;

/// Words that start a statement.
pub const STATEMENTS: [&str; 11] = [
    "signal",
    "event",
    "label",
    "let",
    "param",
    "rule",
    "watch",
    "suppress",
    "gate",
    "maintenance",
    "test",
];

/// One statement.
pub fn statement(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let rest = input.advance();
    match input.word() {
        Some("signal") => signal(rest),
        Some("event") => event_statement(rest),
        Some("label") => {
            name("the name of a label")(rest).map(|(rest, n)| (rest, StatementKind::Label(n)))
        }
        Some("let") => let_(rest),
        Some("param") => param(rest),
        Some("rule") => rule(rest),
        Some("watch") => watch(rest),
        Some("suppress") => suppress(rest),
        Some("gate") => gate(rest),
        Some("maintenance") => maintenance(rest),
        Some("test") => test(rest),
        _ => {
            for word in STATEMENTS {
                input.note(Expect::Exactly(word));
            }
            input.miss(Expect::Kind("a statement"))
        }
    }
}

/// Past the statement that starts here: to the next line that starts one and is not indented deeper.
pub fn skip(input: Tokens<'_>) -> Tokens<'_> {
    let indent = input.next().indent.unwrap_or(0);
    let mut rest = input.advance();
    loop {
        let token = rest.next();
        let starts = token.indent.is_some_and(|at| at <= indent)
            && rest.word().is_some_and(|w| STATEMENTS.contains(&w));
        if starts || token.tok == Tok::End {
            return rest;
        }
        rest = rest.advance();
    }
}

/// Puts a clause into its place, or reports that it is there already.
pub(super) fn once<'a, T>(
    slot: &mut Option<T>,
    value: T,
    at: Tokens<'a>,
    rest: Tokens<'a>,
) -> Step<'a, ()> {
    if slot.is_some() {
        return at.fatal(
            Diagnostic::error(
                "clause",
                at.span(),
                format!(
                    "`{}` stands here a second time",
                    at.word().unwrap_or("this clause")
                ),
                "each clause once",
            )
            .hint("join the two conditions with `and`, or remove one"),
        );
    }
    *slot = Some(value);
    Ok((rest, ()))
}

fn scope(input: Tokens<'_>) -> Step<'_, Scope> {
    let rest = input.advance();
    match input.word() {
        Some("by") => {
            let (rest, _) = separated_list1(symbol(","), super::expr::path).parse(rest)?;
            Ok((rest, Scope::By(rest.since(input))))
        }
        Some("each") => {
            let (rest, family) = name("the name of a family")(rest)?;
            let (rest, _) = word("as")(rest)?;
            let (rest, binder) = name("a name for the instance")(rest)?;
            Ok((rest, Scope::Each(family, binder)))
        }
        Some("on") => {
            let (rest, event) = event(rest)?;
            let (rest, _) = word("as")(rest)?;
            let (rest, binder) = name("a name for the event")(rest)?;
            if rest.word() == Some("settle") {
                let (rest, settle) = dur(rest.advance())?;
                return Ok((rest, Scope::On(event, binder, Some(settle))));
            }
            rest.note(Expect::Exactly("settle"));
            Ok((rest, Scope::On(event, binder, None)))
        }
        _ => {
            for word in ["by", "each", "on"] {
                input.note(Expect::Exactly(word));
            }
            Ok((input, Scope::Device))
        }
    }
}

fn rule(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name) = name("the name of the rule")(input)?;
    let (mut rest, scope) = scope(rest)?;
    let (mut where_, mut when, mut clear) = (None, None, None);
    let mut options = Vec::new();
    loop {
        let slot = match rest.word() {
            Some("where") => &mut where_,
            Some("when") => &mut when,
            Some("clear") => &mut clear,
            _ => match option(rest)? {
                (after, Some(found)) => {
                    options.push((found, after.since(rest)));
                    rest = after;
                    continue;
                }
                (_, None) => break,
            },
        };
        let (after, value) = expr(rest.advance())?;
        (rest, ()) = once(slot, value, rest, after)?;
    }
    for word in ["where", "when", "clear"] {
        rest.note(Expect::Exactly(word));
    }
    let (rest, action) = action(rest, options)?;
    let rule = RuleStatement {
        name,
        scope,
        where_,
        when,
        clear,
        action,
    };
    Ok((rest, StatementKind::Rule(Box::new(rule))))
}

/// An option, if one starts here.
pub(super) fn option(input: Tokens<'_>) -> Step<'_, Option<OptionKind>> {
    let rest = input.advance();
    let listed = |rest, kind| {
        let (rest, _) = names("a name")(rest)?;
        Ok((rest, Some(kind)))
    };
    match input.word() {
        Some("unknown") => {
            let what = match rest.word() {
                Some("hold") => OnUnknown::Hold,
                Some("fire") => OnUnknown::Fire,
                Some("clear") => OnUnknown::Clear,
                _ => {
                    rest.note(Expect::Exactly("hold"));
                    rest.note(Expect::Exactly("fire"));
                    return rest.miss(Expect::Exactly("clear"));
                }
            };
            Ok((rest.advance(), Some(OptionKind::Unknown(what))))
        }
        Some("key") => {
            let (rest, path) = super::expr::path(rest)?;
            let span = path.span;
            let key = crate::ast::Expr {
                kind: crate::ast::Kind::Path(path),
                span,
                height: 1,
                grouped: false,
            };
            Ok((rest, Some(OptionKind::Key(key))))
        }
        Some("absorb") => listed(rest, OptionKind::Absorb),
        Some("notify") => listed(rest, OptionKind::Notify),
        Some("offer") => hook(rest, OptionKind::Offer),
        Some("run") => hook(rest, OptionKind::Run),
        _ => Ok((input, None)),
    }
}

/// A hook, by name or as a text.
fn hook(input: Tokens<'_>, kind: OptionKind) -> Step<'_, Option<OptionKind>> {
    let (rest, ()) = match text(input) {
        Ok((rest, _)) => (rest, ()),
        Err(_) => name("the name of a hook")(input).map(|(rest, _)| (rest, ()))?,
    };
    Ok((rest, Some(kind)))
}

/// `alert severity text` or `log text`
pub(super) fn action(input: Tokens<'_>, options: Vec<(OptionKind, Span)>) -> Step<'_, Action> {
    let rest = input.advance();
    let (rest, severity) = match input.word() {
        Some("log") => (rest, None),
        Some("alert") => {
            let severity = match rest.word() {
                Some("p1") => Severity::P1,
                Some("critical") => Severity::Critical,
                Some("warn") => Severity::Warn,
                Some("info") => Severity::Info,
                _ => {
                    for word in ["p1", "critical", "warn"] {
                        rest.note(Expect::Exactly(word));
                    }
                    return rest.miss(Expect::Exactly("info"));
                }
            };
            (rest.advance(), Some(severity))
        }
        _ => {
            input.note(Expect::Exactly("alert"));
            return input.miss(Expect::Exactly("log"));
        }
    };
    let (rest, message) = message(rest)?;
    Ok((
        rest,
        Action {
            severity,
            message,
            options,
        },
    ))
}

fn suppress(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (mut rest, targets) = names("the name of a rule")(input)?;
    let (mut while_, mut max, mut reason) = (None, None, None);
    loop {
        let (at, next) = (rest, rest.advance());
        match rest.word() {
            Some("while") => {
                let (after, value) = expr(next)?;
                (rest, ()) = once(&mut while_, value, at, after)?;
            }
            Some("max") => {
                let (after, value) = dur(next)?;
                (rest, ()) = once(&mut max, value, at, after)?;
            }
            Some("reason") => {
                let (after, value) = message(next)?;
                (rest, ()) = once(&mut reason, value, at, after)?;
            }
            _ => break,
        }
    }
    match (while_, max, reason) {
        (Some(while_), Some(max), Some(reason)) => Ok((
            rest,
            StatementKind::Suppress {
                targets,
                while_,
                max,
                reason,
            },
        )),
        (while_, max, reason) => {
            let missing = [
                ("while", while_.is_none()),
                ("max", max.is_none()),
                ("reason", reason.is_none()),
            ];
            for (word, _) in missing.iter().filter(|(_, missing)| *missing) {
                rest.note(Expect::Exactly(word));
            }
            rest.miss(Expect::Kind(
                "the rest of `suppress NAMES while EXPR max DURATION reason TEXT`",
            ))
        }
    }
}
