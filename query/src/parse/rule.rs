//! Statements of a rule file. Clauses and options come in any order, each clause once, the action last.

use super::expr::{dur, event, expr, fixed, literal, message, names};
use super::{Expect, Step, Tokens, name, symbol, text, word};
use crate::ast::{
    Action, Ident, Literal, OptionKind, RuleStatement, Scope, SignalStatement, StatementKind,
    TypeName, WatchStatement,
};
use crate::catalog::SignalKind;
use crate::diagnostic::Diagnostic;
use crate::ir::{OnUnknown, Severity};
use crate::lex::Tok;
use crate::span::Span;
use crate::value::{Measure, Type, Unit};
use nom::Parser;
use nom::multi::{separated_list0, separated_list1};
use nom::sequence::preceded;
use smol_str::SmolStr;

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

fn dotted(input: Tokens<'_>) -> Step<'_, Ident> {
    let (rest, parts) = separated_list1(symbol("."), name("a name")).parse(input)?;
    let names: Vec<&str> = parts.iter().map(|p| p.text.as_str()).collect();
    Ok((
        rest,
        Ident {
            text: names.join(".").into(),
            span: rest.since(input),
        },
    ))
}

fn signal(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, signal) = name("the name of a signal")(input)?;
    let (rest, member) = if rest.is_symbol("[") {
        let (rest, key) = name("the name of the key")(rest.advance())?;
        let (rest, _) = symbol("]")(rest)?;
        let (rest, _) = symbol(".")(rest)?;
        let (rest, field) = name("the name of a field")(rest)?;
        (rest, Some((key, field)))
    } else {
        rest.note(Expect::Exactly("["));
        (rest, None)
    };
    let kind = match rest.word() {
        Some("gauge") => SignalKind::Gauge,
        Some("counter") => SignalKind::Counter,
        Some("state") => SignalKind::State,
        _ => {
            rest.note(Expect::Exactly("gauge"));
            rest.note(Expect::Exactly("counter"));
            return rest.miss(Expect::Exactly("state"));
        }
    };
    let (rest, ty) = type_name(rest.advance())?;
    let (rest, holds) = if rest.word() == Some("holds") {
        let rest = rest.advance();
        if rest.word() == Some("forever") {
            (rest.advance(), Some(None))
        } else {
            rest.note(Expect::Exactly("forever"));
            let (rest, nanos) = fixed(rest)?;
            (rest, Some(Some(nanos)))
        }
    } else {
        rest.note(Expect::Exactly("holds"));
        (rest, None)
    };
    Ok((
        rest,
        StatementKind::Signal(SignalStatement {
            name: signal,
            member,
            kind,
            ty,
            holds,
        }),
    ))
}

fn type_name(input: Tokens<'_>) -> Step<'_, TypeName> {
    let number = |measure| {
        Type::Number(Unit {
            measure,
            per_second: false,
        })
    };
    let mut ty = match input.word() {
        Some("number") => number(Measure::Plain),
        Some("percent") => number(Measure::Percent),
        Some("bytes") => number(Measure::Bytes),
        Some("duration") => number(Measure::Duration),
        Some("bool") => Type::Bool,
        Some("text") => Type::Text,
        Some("time") => Type::Time,
        _ => {
            for word in ["number", "percent", "bytes", "duration", "bool", "text"] {
                input.note(Expect::Exactly(word));
            }
            return input.miss(Expect::Exactly("time"));
        }
    };
    let mut rest = input.advance();
    if let Type::Number(unit) = &mut ty
        && rest.is_symbol("/")
    {
        rest = word("s")(rest.advance())?.0;
        unit.per_second = true;
    }
    Ok((
        rest,
        TypeName {
            ty,
            span: rest.since(input),
        },
    ))
}

fn event_statement(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name_) = dotted(input)?;
    let (rest, _) = symbol("{")(rest)?;
    let field = |input| (name("the name of a field"), type_name).parse(input);
    let (rest, fields) = separated_list0(symbol(","), field).parse(rest)?;
    let (rest, _) = symbol("}")(rest)?;
    Ok((
        rest,
        StatementKind::Event {
            name: name_,
            fields,
        },
    ))
}

fn let_(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name) = name("a name")(input)?;
    let (rest, _) = symbol("=")(rest)?;
    let (rest, value) = expr(rest)?;
    Ok((rest, StatementKind::Let(name, value)))
}

/// A literal, perhaps negative.
fn signed(input: Tokens<'_>) -> Step<'_, (Literal, Span)> {
    let negative = input.is_symbol("-");
    let at = if negative { input.advance() } else { input };
    match literal(at) {
        Some(Literal::Number(number, unit)) if negative => {
            let rest = at.advance();
            Ok((rest, (Literal::Number(-number, unit), rest.since(input))))
        }
        Some(found) if !negative => Ok((at.advance(), (found, at.span()))),
        _ => at.miss(Expect::Kind("a literal such as `90%`")),
    }
}

fn param(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name_) = name("a name")(input)?;
    let (rest, _) = symbol("=")(rest)?;
    let (mut rest, default) = signed(rest)?;
    let mut overrides = Vec::new();
    loop {
        let labelled =
            rest.word().is_some() && matches!(rest.second().tok, Tok::Text(_) | Tok::Message(_));
        if !labelled {
            rest.note(Expect::Kind("a label and its text"));
            break;
        }
        let (after, label) = name("the name of a label")(rest)?;
        let (after, (value, _)) = text(after)?;
        let (after, _) = symbol(":")(after)?;
        let (after, literal) = signed(after)?;
        overrides.push((label, value, literal));
        rest = after;
    }
    Ok((
        rest,
        StatementKind::Param {
            name: name_,
            default,
            overrides,
        },
    ))
}

/// Puts a clause into its place, or reports that it is there already.
fn once<'a, T>(slot: &mut Option<T>, value: T, at: Tokens<'a>, rest: Tokens<'a>) -> Step<'a, ()> {
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
fn option(input: Tokens<'_>) -> Step<'_, Option<OptionKind>> {
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
fn action(input: Tokens<'_>, options: Vec<(OptionKind, Span)>) -> Step<'_, Action> {
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

/// Outcomes of a watch.
pub const OUTCOMES: [&str; 4] = ["done", "idle", "overdue", "unverified"];

fn watch(input: Tokens<'_>) -> Step<'_, StatementKind> {
    let (rest, name_) = name("the name of the watch")(input)?;
    let (rest, _) = word("on")(rest)?;
    let (rest, on) = separated_list1(symbol(","), event).parse(rest)?;
    let (rest, _) = word("as")(rest)?;
    let (mut rest, binder) = name("a name for the event")(rest)?;
    let mut watch = WatchStatement {
        name: name_,
        on,
        binder,
        where_: None,
        open: None,
        ready: None,
        down: None,
        back: None,
        verify: None,
        cancel: None,
        outcomes: Vec::new(),
    };
    let when = |rest| preceded(word("when"), expr).parse(rest);
    let within = |rest| preceded(word("within"), dur).parse(rest);
    loop {
        let at = rest;
        let next = rest.advance();
        match rest.word() {
            Some("where") => {
                let (after, value) = expr(next)?;
                (rest, ()) = once(&mut watch.where_, value, at, after)?;
            }
            Some("open") => {
                let (after, value) = dur(next)?;
                (rest, ()) = once(&mut watch.open, value, at, after)?;
            }
            Some("ready") => {
                let (after, value) = when(next)?;
                (rest, ()) = once(&mut watch.ready, value, at, after)?;
            }
            Some("down") => {
                let (after, value) = when(next)?;
                (rest, ()) = once(&mut watch.down, value, at, after)?;
            }
            Some("back") => {
                let (after, value) = within(next)?;
                (rest, ()) = once(&mut watch.back, value, at, after)?;
            }
            Some("verify") => {
                let (after, value) = (within, expr).parse(next)?;
                (rest, ()) = once(&mut watch.verify, value, at, after)?;
            }
            Some("cancel") => {
                let (after, value) = preceded(word("on"), event).parse(next)?;
                (rest, ()) = once(&mut watch.cancel, value, at, after)?;
            }
            Some(found) if OUTCOMES.contains(&found) => {
                let outcome = Ident {
                    text: SmolStr::new(found),
                    span: at.span(),
                };
                let mut seen = watch
                    .outcomes
                    .iter()
                    .any(|(o, _)| o.text == found)
                    .then_some(());
                (rest, ()) = once(&mut seen, (), at, next)?;
                let mut options = Vec::new();
                while let (after, Some(found)) = option(rest)? {
                    options.push((found, after.since(rest)));
                    rest = after;
                }
                let (after, action) = action(rest, options)?;
                watch.outcomes.push((outcome, action));
                rest = after;
            }
            _ => break,
        }
    }
    for word in ["where", "open", "ready", "down", "back", "verify", "cancel"]
        .iter()
        .chain(&OUTCOMES)
    {
        rest.note(Expect::Exactly(word));
    }
    Ok((rest, StatementKind::Watch(Box::new(watch))))
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

fn gate(input: Tokens<'_>) -> Step<'_, StatementKind> {
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

fn maintenance(input: Tokens<'_>) -> Step<'_, StatementKind> {
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
fn test(input: Tokens<'_>) -> Step<'_, StatementKind> {
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

fn clock_digits(input: Tokens<'_>) -> Step<'_, ()> {
    match input.next().tok {
        Tok::Number(_, unit) if unit == Unit::PLAIN => Ok((input.advance(), ())),
        _ => input.miss(Expect::Kind("a time of day such as `02:00`")),
    }
}
