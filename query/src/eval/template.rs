//! Messages: text with values printed by their type.

use super::{Env, Scope};
use crate::ir::{Template, TemplatePart};
use storage::Nanos;

/// The message at an instant.
pub fn render(template: &Template, scope: &Scope<'_>, at: Nanos, env: &Env<'_>) -> String {
    let mut out = String::new();
    for part in &template.parts {
        match part {
            TemplatePart::Text(text) => out.push_str(text),
            TemplatePart::Expr(expr) => {
                let known = scope.eval(expr, at, env);
                out.push_str(&crate::value::print(&known.value, &expr.ty));
            }
        }
    }
    out
}
