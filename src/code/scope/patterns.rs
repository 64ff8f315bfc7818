//! Names bound by `case` patterns, with the faults that patterns alone can have.

use super::Wrong;
use minipy_grammar::Fault;
use minipy_grammar::tree::{Case, Ident, Pattern, PatternKind};

/// The names that a pattern binds, in order; a fault if one is bound twice or alternatives differ.
pub fn captures(pattern: &Pattern) -> Result<Vec<&Ident>, Wrong> {
    let mut names = Vec::new();
    collect(pattern, &mut names)?;
    Ok(names)
}

fn collect<'t>(pattern: &'t Pattern, names: &mut Vec<&'t Ident>) -> Result<(), Wrong> {
    match &pattern.kind {
        PatternKind::Wildcard | PatternKind::Value(_) | PatternKind::Singleton(_) => {}
        PatternKind::Capture(name) => add(name, names)?,
        PatternKind::As { pattern, name } => {
            collect(pattern, names)?;
            add(name, names)?;
        }
        PatternKind::Or(alternatives) => {
            let mut first: Option<Vec<&Ident>> = None;
            for alternative in alternatives {
                let mut own = Vec::new();
                collect(alternative, &mut own)?;
                match &first {
                    None => first = Some(own),
                    Some(known) => {
                        let same = known.len() == own.len()
                            && own.iter().all(|x| known.iter().any(|y| x.name == y.name));
                        if !same {
                            return wrong(pattern, "alternative patterns bind different names");
                        }
                    }
                }
            }
            for name in first.unwrap_or_default() {
                add(name, names)?;
            }
        }
        PatternKind::Sequence(items) => {
            for item in items {
                collect(item, names)?;
            }
        }
        PatternKind::Star(name) => {
            if let Some(name) = name {
                add(name, names)?;
            }
        }
        PatternKind::Mapping { items, rest } => {
            for (_, value) in items {
                collect(value, names)?;
            }
            if let Some(name) = rest {
                add(name, names)?;
            }
        }
        PatternKind::Class { positional, keywords, .. } => {
            for item in positional {
                collect(item, names)?;
            }
            for (_, item) in keywords {
                collect(item, names)?;
            }
        }
    }
    Ok(())
}

fn add<'t>(name: &'t Ident, names: &mut Vec<&'t Ident>) -> Result<(), Wrong> {
    if names.iter().any(|x| x.name == name.name) {
        let message = format!("multiple assignments to name '{}' in pattern", name.name);
        return Err(Box::new(Fault::syntax(name.span, message)));
    }
    names.push(name);
    Ok(())
}

fn wrong<T>(pattern: &Pattern, message: &str) -> Result<T, Wrong> {
    Err(Box::new(Fault::syntax(pattern.span, message)))
}

/// A fault if a pattern that always matches stands before another one.
pub fn check_reachable(cases: &[Case]) -> Result<(), Wrong> {
    for case in cases.iter().take(cases.len().saturating_sub(1)) {
        if case.guard.is_none() {
            check_refutable(&case.pattern)?;
        }
    }
    for case in cases {
        check_alternatives(&case.pattern)?;
    }
    Ok(())
}

fn check_refutable(pattern: &Pattern) -> Result<(), Wrong> {
    match &pattern.kind {
        PatternKind::Wildcard => wrong(pattern, "wildcard makes remaining patterns unreachable"),
        PatternKind::Capture(name) => {
            wrong(pattern, &format!("name capture '{}' makes remaining patterns unreachable", name.name))
        }
        PatternKind::As { pattern, .. } => check_refutable(pattern),
        PatternKind::Or(alternatives) => alternatives.iter().try_for_each(check_refutable),
        _ => Ok(()),
    }
}

fn check_alternatives(pattern: &Pattern) -> Result<(), Wrong> {
    match &pattern.kind {
        PatternKind::Or(alternatives) => {
            for alternative in &alternatives[..alternatives.len() - 1] {
                check_refutable(alternative)?;
            }
            alternatives.iter().try_for_each(check_alternatives)
        }
        PatternKind::As { pattern, .. } => check_alternatives(pattern),
        PatternKind::Sequence(items) => items.iter().try_for_each(check_alternatives),
        PatternKind::Mapping { items, .. } => items.iter().try_for_each(|(_, x)| check_alternatives(x)),
        PatternKind::Class { positional, keywords, .. } => {
            positional.iter().try_for_each(check_alternatives)?;
            keywords.iter().try_for_each(|(_, x)| check_alternatives(x))
        }
        _ => Ok(()),
    }
}
