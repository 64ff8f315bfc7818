//! `dict`: what scripts see of the core in `heap::dict`. Invariant: keys are hashed before anything is looked at, and
//! tables are taken anew after calls that may run user code.

use super::list::{check_depth, guarded, is_iterable, made, push_repr};
use super::positional;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::text::StrBuilder;
use crate::heap::{Kind, Value, dict};
use crate::run::class::{class_of, lookup, slots};
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Raised, Side, Thread, attr, def};

/// `dict`.
pub static DEF: ClassDef = ClassDef {
    name: "dict",
    doc: "dict() -> new empty dictionary\ndict(mapping) -> new dictionary of a mapping object's (key, value) pairs\n\
          dict(iterable) -> new dictionary of the pairs that the iterable yields\n\
          dict(**kwargs) -> new dictionary of the name=value pairs in the keyword argument list",
    slots: |s| {
        s.repr = Some(repr);
        s.hash = None;
        s.compare = Some(compare);
        s.len = Some(|_, o| Ok(of(o).len()));
        s.getitem = Some(getitem);
        s.setitem = Some(setitem);
        s.contains = Some(|th, o, k| Ok(th.dict_get(o.base(), k)?.is_some()));
        s.iter = Some(iter);
        s.binary = Some(binary);
        s.inplace = Some(inplace);
        s.new = Some(new);
        s.init = Some(init);
        s.direct = Some(direct);
    },
    methods: METHODS,
    class_methods: CLASS_METHODS,
    basetype: true,
    kind: Kind::Dict,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def(
        "get",
        "($self, key, default=None, /)",
        get,
        "Return the value for key if key is in the dictionary, else default.",
    ),
    def(
        "setdefault",
        "($self, key, default=None, /)",
        setdefault,
        "Insert key with a value of default if key is not in the dictionary.\n\n\
         Return the value for key if key is in the dictionary, else default.",
    ),
    def(
        "pop",
        "($self, key, default=<unrepresentable>, /)",
        pop,
        "D.pop(k[,d]) -> v, remove specified key and return the corresponding value.\n\n\
         Without a default a missing key raises KeyError.",
    ),
    def(
        "popitem",
        "($self, /)",
        popitem,
        "Remove and return the last (key, value) pair as a tuple.\n\nRaises KeyError if the dict is empty.",
    ),
    def(
        "update",
        "($self, other=(), /, **kwargs)",
        update,
        "D.update([E, ]**F) -> None.  Update D from mapping/iterable E and F.",
    ),
    def("keys", "($self, /)", |th, a| view(th, C::dict_keys, a[0]), "A set-like object of the dict's keys."),
    def("values", "($self, /)", |th, a| view(th, C::dict_values, a[0]), "An object of the dict's values."),
    def(
        "items",
        "($self, /)",
        |th, a| view(th, C::dict_items, a[0]),
        "A set-like object of the dict's items.",
    ),
    def(
        "copy",
        "($self, /)",
        |th, a| Ok(dict::copy(&mut th.heap, of(a[0]))?),
        "Return a shallow copy of the dict.",
    ),
    def("clear", "($self, /)", clear, "Remove all items from the dict."),
    def("__reversed__", "($self, /)", reversed, "Return a reverse iterator over the dict keys."),
    def("__sizeof__", "($self, /)", size_of, "Return the size of the dict in memory."),
];

static CLASS_METHODS: &[Def] = &[
    def(
        "fromkeys",
        "($type, iterable, value=None, /)",
        fromkeys,
        "Create a new dictionary with keys from iterable and values set to value.",
    ),
    def("__class_getitem__", "($type, object, /)", |th, a| th.generic_alias(a[0], a[1]), "See PEP 585"),
];

fn of(v: Value) -> &'static Dict {
    v.base().get::<Dict>()
}

fn view(th: &mut Thread, class: C, o: Value) -> R {
    Ok(th.heap.iter(class, o.base(), 0, 0, 0)?)
}

/// An iterator of that class over the dict: `at` the position, `end` the length seen, `step` what remains.
pub fn iterator(th: &mut Thread, class: C, d: Value) -> R {
    let n = of(d).len();
    Ok(th.heap.iter(class, d.base(), 0, n, n)?)
}

/// As [`iterator`], from the end.
pub fn backwards(th: &mut Thread, class: C, d: Value) -> R {
    let (n, filled) = (of(d).len(), of(d).table().filled());
    Ok(th.heap.iter(class, d.base(), filled, n, n)?)
}

/// `iter(d)`.
pub fn iter(th: &mut Thread, o: Value) -> R {
    iterator(th, C::dict_keyiterator, o)
}

fn repr(th: &mut Thread, o: Value) -> R {
    guarded(th, o, "{...}", |th| {
        let mut out = StrBuilder::new();
        out.push("{")?;
        let (mut at, mut n) = (0, 0);
        while let Some((i, k, v)) = dict::next_entry(of(o).table(), at) {
            at = i + 1;
            if n > 0 {
                out.push(", ")?;
            }
            push_repr(th, &mut out, k)?;
            out.push(": ")?;
            push_repr(th, &mut out, v)?;
            n += 1;
        }
        out.push("}")?;
        Ok(out.finish(&mut th.heap)?)
    })
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let (Some(x), Some(y)) = (a.like::<Dict>(), b.like::<Dict>()) else { return Ok(Value::NOT_IMPLEMENTED) };
    if !matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    check_depth(th)?;
    Ok(Value::bool(equal(th, x, y)? == (op == Cmp::Eq)))
}

fn equal(th: &mut Thread, x: &Dict, y: &Dict) -> R<bool> {
    if x.len() != y.len() {
        return Ok(false);
    }
    let mut at = 0;
    loop {
        let t = x.table();
        let Some((i, k, v)) = dict::next_entry(t, at) else { return Ok(true) };
        at = i + 1;
        let Some(h) = dict::hash_at(t, i) else { continue };
        match dict::find(th, y, h, k, |th: &mut Thread, stored| th.eq(stored, k))? {
            Some(w) if th.eq(v, w)? => {}
            _ => return Ok(false),
        }
    }
}

// --------------------------------------------------------------------------------------------------------------- items

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    match th.dict_get(o.base(), k)? {
        Some(v) => Ok(v),
        None => missing(th, o, k),
    }
}

#[cold]
fn missing(th: &mut Thread, o: Value, k: Value) -> R {
    if !o.is_kind(Kind::Dict)
        && let Some(f) = lookup(class_of(o), N::__missing__.v())
    {
        let f = attr::bind(th, f, o)?;
        return th.call(f, &[k]);
    }
    Err(th.key_error(k))
}

fn setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    if !v.is_unbound() {
        return th.dict_insert(o.base(), k, v);
    }
    match th.dict_remove(o.base(), k)? {
        Some(_) => Ok(()),
        None => Err(th.key_error(k)),
    }
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    match (op, a.like::<Dict>(), b.like::<Dict>()) {
        (Bin::Or, Some(x), Some(_)) => {
            let v = dict::copy(&mut th.heap, x)?;
            merge(th, v, b)?;
            Ok(v)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn inplace(th: &mut Thread, op: Bin, a: Value, b: Value) -> R {
    if op != Bin::Or {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    merge(th, a.base(), b)?;
    Ok(a)
}

// -------------------------------------------------------------------------------------------------------------- making

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let v = th.heap.new_dict()?;
    made(th, cls, C::dict, v)
}

/// Of nothing or of a plain dict.
fn direct(th: &mut Thread, a: Args) -> R<Option<Value>> {
    match a.n {
        0 => Ok(Some(th.heap.new_dict()?)),
        1 if a[0].is_kind(Kind::Dict) => Ok(Some(dict::copy(&mut th.heap, of(a[0]))?)),
        _ => Ok(None),
    }
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let [from] = positional::<1>(th, "dict", 0, args, Value::UNBOUND)?;
    if !from.is_unbound() {
        merge(th, o.base(), from)?;
    }
    if kwargs.is_unbound() { Ok(()) } else { merge(th, o.base(), kwargs) }
}

/// Puts the entries of a mapping, or the pairs of an iterable, into the dict `d`.
pub fn merge(th: &mut Thread, d: Value, from: Value) -> R<()> {
    let own_iter =
        slots(class_of(from)).iter.map(|f| f as usize) == Some(iter as fn(&mut Thread, Value) -> R as usize);
    if let Some(f) = from.like::<Dict>()
        && own_iter
    {
        return dict::merge(th, of(d), f, true, |th: &mut Thread, stored, key| th.eq(stored, key));
    }
    match th.getattr_opt(from, N::keys.v())? {
        Some(keys) => {
            let keys = th.call(keys, &[])?;
            th.each(keys, |th, k| {
                let v = th.getitem(from, k)?;
                th.dict_insert(d, k, v)
            })
        }
        None => merge_pairs(th, d, from),
    }
}

fn merge_pairs(th: &mut Thread, d: Value, from: Value) -> R<()> {
    let it = th.iter(from)?;
    let mut i = 0;
    while let Some(pair) = th.next(it)? {
        if !is_iterable(pair) {
            return Err(th.type_error("object is not iterable"));
        }
        let t = th.to_tuple(pair)?;
        let t = t.get::<Tuple>();
        if t.len() != 2 {
            let text =
                format!("dictionary update sequence element #{i} has length {}; 2 is required", t.len());
            return Err(th.value_error(text));
        }
        th.dict_insert(d, t.at(0), t.at(1))?;
        i += 1;
    }
    Ok(())
}

fn fromkeys(th: &mut Thread, a: Args) -> R {
    let out = th.call(a[0], &[])?;
    let value = a[2].or(Value::NONE);
    let plain = out.is_kind(Kind::Dict);
    th.each(a[1], |th, k| if plain { th.dict_insert(out, k, value) } else { th.setitem(out, k, value) })?;
    Ok(out)
}

// ------------------------------------------------------------------------------------------------------------- methods

fn get(th: &mut Thread, a: Args) -> R {
    Ok(th.dict_get(a[0].base(), a[1])?.unwrap_or(a[2].or(Value::NONE)))
}

fn setdefault(th: &mut Thread, a: Args) -> R {
    let (k, default) = (a[1], a[2].or(Value::NONE));
    if let Some(v) = th.dict_get(a[0].base(), k)? {
        return Ok(v);
    }
    let (k, h) = th.hashed(k, "dict key")?;
    dict::set_default(th, of(a[0]), h, k, default, |th: &mut Thread, stored| th.eq(stored, k))
}

fn pop(th: &mut Thread, a: Args) -> R {
    if of(a[0]).is_empty() {
        return if a[2].is_unbound() { Err(th.key_error(a[1])) } else { Ok(a[2]) };
    }
    match th.dict_remove(a[0].base(), a[1])? {
        Some(v) => Ok(v),
        None if a[2].is_unbound() => Err(th.key_error(a[1])),
        None => Ok(a[2]),
    }
}

fn popitem(th: &mut Thread, a: Args) -> R {
    match dict::pop_last(&mut th.heap, of(a[0])) {
        Some((k, v)) => Ok(th.tuple(&[k, v])?),
        None => Err(empty(th)),
    }
}

#[cold]
fn empty(th: &mut Thread) -> Raised {
    th.raise(C::KeyError, "popitem(): dictionary is empty")
}

fn update(th: &mut Thread, a: Args) -> R {
    let d = a[0].base();
    if !a[1].is_unbound() {
        merge(th, d, a[1])?;
    }
    if a[2].is_kind(Kind::Dict) && !a[2].get::<Dict>().is_empty() {
        merge(th, d, a[2])?;
    }
    Ok(Value::NONE)
}

fn clear(th: &mut Thread, a: Args) -> R {
    dict::clear(&mut th.heap, of(a[0]));
    Ok(Value::NONE)
}

fn reversed(th: &mut Thread, a: Args) -> R {
    backwards(th, C::dict_reversekeyiterator, a[0])
}

fn size_of(_: &mut Thread, a: Args) -> R {
    Ok(Value::int(48 + 8 * of(a[0]).table().count.get() as i64))
}
