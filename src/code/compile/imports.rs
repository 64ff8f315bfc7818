//! Imports.

use super::{Compiler, Done};
use crate::op::Op;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// `import a.b, c as d`.
    pub fn import(&mut self, names: &'t [Alias], span: Span) -> Done {
        for alias in names {
            let mark = self.mark();
            let (module, none) = (self.alloc(), self.alloc());
            let full = &alias.name.name;
            let k = self.name_k(full);
            self.at(span);
            self.emit(Op::LoadNone, none, 0, 0);
            self.emit_k(Op::ImportName, module, none, 0, k);
            match &alias.alias {
                None => {
                    let first = Name::from(full.split('.').next().unwrap_or(full));
                    self.store_name(&first, module, span);
                }
                Some(name) => {
                    for part in full.split('.').skip(1) {
                        let k = self.name_k(&Name::from(part));
                        self.emit_k(Op::ImportFrom, module, module, 0, k);
                    }
                    self.store_name(&name.name, module, span);
                }
            }
            self.reset(mark);
        }
        Ok(())
    }

    /// `from module import names`.
    pub fn import_from(
        &mut self,
        level: u32,
        module: Option<&'t Ident>,
        names: &'t ImportNames,
        span: Span,
    ) -> Done {
        let mark = self.mark();
        let (from, list) = (self.alloc(), self.alloc());
        let listed: Vec<Name> = match names {
            ImportNames::Star(_) => vec![Name::from("*")],
            ImportNames::List(names) => names.iter().map(|alias| alias.name.name.clone()).collect(),
        };
        let names_k = self.names_k(listed.into_iter());
        let k = self.name_k(&module.map_or_else(|| Name::from(""), |m| m.name.clone()));
        self.at(span);
        self.emit_k(Op::LoadConst, list, 0, 0, names_k);
        self.emit_k(Op::ImportName, from, list, level.min(u16::MAX as u32) as u16, k);
        self.reset(list);
        match names {
            ImportNames::Star(_) => self.emit(Op::ImportStar, from, 0, 0),
            ImportNames::List(names) => {
                for alias in names {
                    let mark = self.mark();
                    let bound = alias.alias.as_ref().unwrap_or(&alias.name);
                    let to = match self.local(&bound.name) {
                        Some(reg) => reg,
                        None => self.alloc(),
                    };
                    let k = self.name_k(&alias.name.name);
                    self.at(alias.span);
                    self.emit_k(Op::ImportFrom, to, from, 0, k);
                    self.store_name(&bound.name, to, alias.span);
                    self.reset(mark);
                }
            }
        }
        self.reset(mark);
        Ok(())
    }
}
