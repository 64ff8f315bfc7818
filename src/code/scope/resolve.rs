//! Places for symbols: from what each scope binds and declares, decides where each name is found, which locals are
//! cells, and which closure cells every unit carries.

use super::{Found, Kind, ScopeId, Scopes, Symbol, Wrong, bit};
use minipy_grammar::Fault;
use minipy_grammar::tree::{Name, Span};

/// Resolves every symbol of every scope.
pub fn resolve(scopes: &mut Scopes, namespace: bool) -> Result<(), Wrong> {
    for id in 0..scopes.all.len() {
        for i in 0..scopes.all[id].symbols.len() {
            let found = place(scopes, id, i, namespace)?;
            scopes.all[id].symbols[i].found = found;
        }
    }
    // Cells are known only after every use has been seen.
    for id in 0..scopes.all.len() {
        for i in 0..scopes.all[id].symbols.len() {
            if let Found::Local(owner, at) = scopes.all[id].symbols[i].found
                && scopes.all[owner].symbols[at].flags & bit::CELL != 0
            {
                scopes.all[id].symbols[i].found = Found::Cell(owner, at);
            }
        }
    }
    Ok(())
}

fn place(scopes: &mut Scopes, id: ScopeId, i: usize, namespace: bool) -> Result<Found, Wrong> {
    let Symbol { name, flags, span, .. } = scopes.all[id].symbols[i].clone();
    let kind = scopes.all[id].kind;
    let outermost = if namespace { Found::Name } else { Found::Global };
    if flags & bit::GLOBAL != 0 {
        return Ok(Found::Global);
    }
    if flags & bit::NONLOCAL != 0 {
        let Some((owner, at)) = owner(scopes, id, &name) else {
            // An assignment expression of a comprehension binds a global.
            if matches!(kind, Kind::Comp | Kind::Generator) {
                let of_module = scopes.all[scopes.all[id].unit].kind == Kind::Module;
                return Ok(if of_module { outermost } else { Found::Global });
            }
            let message = format!("no binding for nonlocal '{name}' found");
            return Err(Box::new(Fault::syntax(span, message)));
        };
        let found = capture(scopes, id, owner, at, &name);
        return Ok(if kind == Kind::Class && found == Found::Free { Found::NameOrFree } else { found });
    }
    if flags & bit::BOUND != 0 {
        return Ok(match kind {
            Kind::Module => outermost,
            Kind::Class => Found::Name,
            _ => Found::Local(id, i),
        });
    }
    let owner = owner(scopes, id, &name);
    if let Some(class) = visible_class(scopes, id)
        && owner.is_none_or(|(o, _)| scopes.all[o].kind != Kind::TypeParams || !inside(scopes, o, class))
    {
        need_class_dict(scopes, id, class);
        return Ok(match owner {
            Some((owner, at)) => {
                capture(scopes, id, owner, at, &name);
                Found::ClassNameOrFree
            }
            None => Found::ClassName,
        });
    }
    Ok(match owner {
        Some((owner, at)) => match capture(scopes, id, owner, at, &name) {
            Found::Free if kind == Kind::Class => Found::NameOrFree,
            found => found,
        },
        None if kind == Kind::Class => Found::Name,
        None if kind == Kind::Module || scopes.all[scopes.all[id].unit].kind == Kind::Module => outermost,
        None => Found::Global,
    })
}

/// The scope outside `id` that owns `name` as a variable, with the symbol's index.
fn owner(scopes: &mut Scopes, id: ScopeId, name: &Name) -> Option<(ScopeId, usize)> {
    let mut at = scopes.all[id].parent;
    while let Some(outer) = at {
        let scope = &mut scopes.all[outer];
        match scope.kind {
            Kind::Module => return None,
            Kind::Class if &**name == "__class__" || &**name == "__classdict__" => {
                if &**name == "__class__" {
                    scope.needs_class_cell = true;
                } else {
                    scope.needs_class_dict = true;
                }
                // The cell is no name of the class body, so it is kept apart from the namespace's names.
                return Some((outer, scope.hidden(name)));
            }
            Kind::Class => {}
            _ => {
                if let Some(i) = scope.index_of(name) {
                    let flags = scope.symbols[i].flags;
                    if flags & bit::GLOBAL != 0 {
                        return None;
                    }
                    if flags & bit::NONLOCAL == 0 && flags & bit::BOUND != 0 {
                        return Some((outer, i));
                    }
                }
            }
        }
        at = scopes.all[outer].parent;
    }
    None
}

/// Carries the owner's variable to `id` through the units between.
fn capture(scopes: &mut Scopes, id: ScopeId, owner: ScopeId, at: usize, name: &Name) -> Found {
    let target = scopes.all[owner].unit;
    let mut unit = scopes.all[id].unit;
    if unit == target {
        return Found::Local(owner, at);
    }
    while unit != target {
        let scope = &mut scopes.all[unit];
        if scope.free_index(name).is_none() {
            scope.frees.push(name.clone());
        }
        match scope.parent {
            Some(parent) => unit = scopes.all[parent].unit,
            None => break,
        }
    }
    scopes.all[owner].symbols[at].flags |= bit::CELL;
    Found::Free
}

/// The class that an annotation-like scope stands in.
fn visible_class(scopes: &Scopes, id: ScopeId) -> Option<ScopeId> {
    let mut at = id;
    while scopes.all[at].kind.sees_class() {
        at = scopes.all[at].parent?;
        if scopes.all[at].kind == Kind::Class {
            return Some(at);
        }
    }
    None
}

/// Whether `inner` stands in `outer`.
fn inside(scopes: &Scopes, inner: ScopeId, outer: ScopeId) -> bool {
    let mut at = Some(inner);
    while let Some(id) = at {
        if id == outer {
            return true;
        }
        at = scopes.all[id].parent;
    }
    false
}

fn need_class_dict(scopes: &mut Scopes, id: ScopeId, class: ScopeId) {
    let name: Name = Name::from("__classdict__");
    scopes.all[class].needs_class_dict = true;
    let at = scopes.all[class].hidden(&name);
    capture(scopes, id, class, at, &name);
}

impl super::Scope {
    /// The symbol of a class's own cell (`__class__`, `__classdict__`), which its namespace does not show.
    fn hidden(&mut self, name: &Name) -> usize {
        let key: Name = Name::from(format!(".{name}"));
        if let Some(i) = self.index_of(&key) {
            return i;
        }
        self.symbols.push(Symbol {
            name: key.clone(),
            flags: bit::BOUND | bit::CELL,
            span: Span::default(),
            found: Found::Name,
        });
        self.index.insert(key, self.symbols.len() - 1);
        self.symbols.len() - 1
    }
}
