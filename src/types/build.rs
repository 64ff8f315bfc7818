//! `isinstance`, `issubclass` and `__build_class__` with their hooks. Invariant: a hook is looked up on the class of
//! the class asked about; classes of the plain metaclass answer from their linearisation.

use super::is_str;
use crate::code::data::Const;
use crate::code::op::{Op, operands};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, is_subclass, lookup};
use crate::run::frame::code_of;
use crate::run::{R, Thread, attr};

/// `isinstance(o, what)`.
pub fn isinstance(th: &mut Thread, o: Value, what: Value) -> R<bool> {
    if class_of(o) == what {
        return Ok(true);
    }
    if class_of(what) == C::type_.v() {
        return plain_instance(th, o, what);
    }
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded in __instancecheck__"));
    }
    if class_of(what) == C::union.v() {
        let args = what.get::<Iter>().x.get();
        for t in args.get::<Tuple>().iter() {
            if isinstance(th, o, if t.is_none() { C::none.v() } else { t })? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if let Some(t) = what.like::<Tuple>() {
        for t in t.iter() {
            if isinstance(th, o, t)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    match lookup(class_of(what), N::__instancecheck__.v()) {
        Some(f) => {
            let f = attr::bind(th, f, what)?;
            let v = th.call(f, &[o])?;
            th.truth(v)
        }
        None => plain_instance(th, o, what),
    }
}

/// `type.__instancecheck__`: without hooks of the class, but with what the object says of its class.
pub fn plain_instance(th: &mut Thread, o: Value, what: Value) -> R<bool> {
    let class = class_of(o);
    if what.is_kind(Kind::Class) {
        if is_subclass(class, what) {
            return Ok(true);
        }
        // Proxies state another class than their own.
        if !o.is_kind(Kind::Instance) {
            return Ok(false);
        }
        return Ok(match th.getattr_opt(o, N::__class__.v())? {
            Some(c) if c != class && c.is_kind(Kind::Class) => is_subclass(c, what),
            _ => false,
        });
    }
    if bases_of(th, what)?.is_none() {
        let text = "isinstance() arg 2 must be a type, a tuple of types, or a union";
        return Err(th.type_error(text));
    }
    match th.getattr_opt(o, N::__class__.v())? {
        Some(c) => abstract_subclass(th, c, what),
        None => Ok(false),
    }
}

/// `issubclass(c, what)`.
pub fn issubclass(th: &mut Thread, c: Value, what: Value) -> R<bool> {
    if class_of(what) == C::type_.v() {
        return if c == what { Ok(true) } else { plain_subclass(th, c, what) };
    }
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded in __subclasscheck__"));
    }
    if class_of(what) == C::union.v() {
        let args = what.get::<Iter>().x.get();
        for t in args.get::<Tuple>().iter() {
            if issubclass(th, c, if t.is_none() { C::none.v() } else { t })? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    if let Some(t) = what.like::<Tuple>() {
        for t in t.iter() {
            if issubclass(th, c, t)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    match lookup(class_of(what), N::__subclasscheck__.v()) {
        Some(f) => {
            let f = attr::bind(th, f, what)?;
            let v = th.call(f, &[c])?;
            th.truth(v)
        }
        None => plain_subclass(th, c, what),
    }
}

/// `type.__subclasscheck__`.
pub fn plain_subclass(th: &mut Thread, c: Value, what: Value) -> R<bool> {
    if c.is_kind(Kind::Class) && what.is_kind(Kind::Class) {
        return Ok(is_subclass(c, what));
    }
    if bases_of(th, c)?.is_none() {
        return Err(th.type_error("issubclass() arg 1 must be a class"));
    }
    if !what.is_kind(Kind::Class) && bases_of(th, what)?.is_none() {
        let text = "issubclass() arg 2 must be a class, a tuple of classes, or a union";
        return Err(th.type_error(text));
    }
    abstract_subclass(th, c, what)
}

/// `c.__bases__` if it is a tuple: what makes an object pass for a class.
fn bases_of(th: &mut Thread, c: Value) -> R<Option<Value>> {
    Ok(th.getattr_opt(c, N::__bases__.v())?.filter(|b| b.is_kind(Kind::Tuple)))
}

fn abstract_subclass(th: &mut Thread, c: Value, what: Value) -> R<bool> {
    if c == what {
        return Ok(true);
    }
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded"));
    }
    let Some(bases) = bases_of(th, c)? else { return Ok(false) };
    for b in bases.get::<Tuple>().iter() {
        if abstract_subclass(th, b, what)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// `__build_class__(func, name, /, *bases, [metaclass], **kwds)`.
pub fn build_class(th: &mut Thread, func: Value, name: Value, bases: Value, kwargs: Value) -> R {
    if !func.is_kind(Kind::Function) {
        return Err(th.type_error("__build_class__: func must be a function"));
    }
    if !is_str(name) {
        return Err(th.type_error("__build_class__: name is not a string"));
    }
    let original = bases;
    let bases = resolve(th, bases)?;
    let rest = th.heap.new_dict()?;
    let mut meta = Value::UNBOUND;
    if kwargs.is_kind(Kind::Dict) {
        let pairs = th.dict_pairs(kwargs)?;
        let p = pairs.get::<Tuple>();
        for i in 0..p.len() / 2 {
            if p.at(2 * i) == N::metaclass.v() {
                meta = p.at(2 * i + 1);
            } else {
                th.dict_insert(rest, p.at(2 * i), p.at(2 * i + 1))?;
            }
        }
    }
    let kwargs = if rest.get::<Dict>().used.get() > 0 { rest } else { Value::UNBOUND };
    let first = bases.get::<Tuple>().iter().next();
    let meta = meta.or(first.map_or(C::type_.v(), class_of));
    let is_class = meta.is_kind(Kind::Class);
    let meta = if is_class { super::type_::metaclass(th, meta, bases)? } else { meta };
    let pair = th.tuple(&[name, bases])?;
    let ns = match th.getattr_opt(meta, N::__prepare__.v())? {
        None => th.heap.new_dict()?,
        Some(prepare) => th.call_ex(prepare, pair, kwargs)?,
    };
    if ns.like::<Dict>().is_none() && crate::run::class::slots(class_of(ns)).getitem.is_none() {
        let whose = if is_class { th.class_name(meta) } else { "<metaclass>".to_string() };
        let text = format!("{whose}.__prepare__() must return a mapping, not {}", th.type_name(ns));
        return Err(th.type_error(text));
    }
    th.call(func, &[ns])?;
    if original != bases {
        let key = N::__orig_bases__.v();
        th.setitem(ns, key, original)?;
    }
    let cell = class_cell(th, ns)?;
    if ns.is_kind(Kind::Dict) && th.dict_get_name(ns, N::__static_attributes__.v()).is_none() {
        let names = static_attributes(th, ns)?;
        th.dict_insert(ns, N::__static_attributes__.v(), names)?;
    }
    let args = th.tuple(&[name, bases, ns])?;
    let made = th.call_ex(meta, args, kwargs)?;
    if let Some(c) = cell.cast::<Cell>()
        && made.is_kind(Kind::Class)
    {
        let content = c.value.get();
        if content.is_unbound() {
            let text = format!(
                "__class__ not set defining {} as {}. Was __classcell__ propagated to type.__new__?",
                th.repr_text(name)?,
                th.repr_text(made)?
            );
            return Err(th.runtime_error(text));
        }
        if content != made {
            let text = format!(
                "__class__ set to {} defining {} as {}",
                th.repr_text(content)?,
                th.repr_text(name)?,
                th.repr_text(made)?
            );
            return Err(th.type_error(text));
        }
    }
    Ok(made)
}

/// The `__class__` cell that the body left in its namespace.
fn class_cell(th: &mut Thread, ns: Value) -> R {
    if ns.is_kind(Kind::Dict) {
        return Ok(th.dict_get_name(ns, N::__classcell__.v()).unwrap_or(Value::NONE));
    }
    let r = th.getitem(ns, N::__classcell__.v());
    Ok(th.catch(r, C::KeyError)?.unwrap_or(Value::NONE))
}

/// The names that the functions of a class body store on their first argument.
fn static_attributes(th: &mut Thread, ns: Value) -> R {
    let found = th.list_with(0)?;
    let pairs = th.dict_pairs(ns)?;
    for f in pairs.get::<Tuple>().iter().filter_map(|v| v.cast::<Function>()) {
        let code = code_of(f);
        let mut at = 0;
        while code.argcount > 0 && at < code.words.len() {
            let op = Op::of(code.words[at]);
            if op == Op::StoreAttr
                && operands(code.words[at]).1 == 0
                && let Some(Const::Name(n)) = code.consts.get(code.words[at + 1] as usize)
            {
                let n = th.intern(n)?;
                if !th.contains(found, n)? {
                    crate::heap::list::push(&mut th.heap, found.get::<List>(), n)?;
                }
            }
            at += op.len();
        }
    }
    Ok(crate::heap::list::snapshot(&mut th.heap, found.get::<List>())?)
}

/// Bases with `__mro_entries__` replaced by what that gives; the same tuple if there are none.
fn resolve(th: &mut Thread, bases: Value) -> R {
    let t = bases.get::<Tuple>();
    if t.iter().all(|b| b.is_kind(Kind::Class)) {
        return Ok(bases);
    }
    let out = th.list_with(0)?;
    let mut changed = false;
    for b in t.iter() {
        let entries = match b.is_kind(Kind::Class) {
            true => None,
            false => th.getattr_opt(b, N::__mro_entries__.v())?,
        };
        match entries {
            None => crate::heap::list::push(&mut th.heap, out.get::<List>(), b)?,
            Some(f) => {
                let more = th.call(f, &[bases])?;
                let Some(more) = more.cast::<Tuple>() else {
                    return Err(th.type_error("__mro_entries__ must return a tuple"));
                };
                for m in more.iter() {
                    crate::heap::list::push(&mut th.heap, out.get::<List>(), m)?;
                }
                changed = true;
            }
        }
    }
    if changed { Ok(crate::heap::list::snapshot(&mut th.heap, out.get::<List>())?) } else { Ok(bases) }
}
