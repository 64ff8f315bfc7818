//! Views of dicts and the iterators over them. Invariant: an iterator step reads key and value under the iterator's
//! own lock, so two threads never get the same entry; it raises when the dict's length is not the one it began with.

use super::dict as dicts;
use super::list::{check_depth, guarded, push_repr};
use super::set::{self, Kinds};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::text::StrBuilder;
use crate::heap::{Kind, Value, dict};
use crate::run::slots::GetSet;
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Side, Thread, TypeSlots, def, get};

macro_rules! view_class {
    ($id:ident $name:literal $slots:expr, $methods:ident) => {
        #[doc = concat!("`", $name, "`: over the dict.")]
        pub static $id: ClassDef = ClassDef {
            name: $name,
            slots: $slots,
            methods: $methods,
            getset: MAPPING,
            kind: Kind::Iter,
            ..PLAIN
        };
    };
}

view_class! { KEYS "dict_keys" |s| {
    common(s);
    s.hash = None;
    s.compare = Some(compare);
    s.binary = Some(binary);
    s.contains = Some(has);
    s.iter = Some(|th, o| dicts::iterator(th, C::dict_keyiterator, over(o)));
}, SET_METHODS }

view_class! { VALUES "dict_values" |s| {
    common(s);
    s.iter = Some(|th, o| dicts::iterator(th, C::dict_valueiterator, over(o)));
}, METHODS }

view_class! { ITEMS "dict_items" |s| {
    common(s);
    s.hash = None;
    s.compare = Some(compare);
    s.binary = Some(binary);
    s.contains = Some(has);
    s.iter = Some(|th, o| dicts::iterator(th, C::dict_itemiterator, over(o)));
}, SET_METHODS }

fn common(s: &mut TypeSlots) {
    s.repr = Some(repr);
    s.len = Some(|_, o| Ok(real(o).len()));
    s.new = None;
}

static METHODS: &[Def] =
    &[def("__reversed__", "($self, /)", reversed, "Return a reverse iterator over the view.")];

static SET_METHODS: &[Def] = &[
    def(
        "isdisjoint",
        "($self, other, /)",
        isdisjoint,
        "Return True if the view and the given iterable have a null intersection.",
    ),
    def("__reversed__", "($self, /)", reversed, "Return a reverse iterator over the view."),
];

static MAPPING: &[GetSet] =
    &[get("mapping", |th, o| super::proxy::make(th, over(o)), "dictionary that this view refers to")];

fn over(o: Value) -> Value {
    o.get::<Iter>().over.get()
}

fn real(o: Value) -> &'static Dict {
    over(o).get::<Dict>()
}

fn is_class(o: Value, c: C) -> bool {
    o.is_ptr() && o.header().shape() == c.shape()
}

/// Whether the value is a set-like view.
pub fn is_view(o: Value) -> bool {
    is_class(o, C::dict_keys) || is_class(o, C::dict_items)
}

/// The entry as the view shows it.
fn shown(th: &mut Thread, class: Shown, k: Value, v: Value) -> R {
    match class {
        Shown::Key => Ok(k),
        Shown::Value => Ok(v),
        Shown::Item => Ok(th.tuple(&[k, v])?),
    }
}

fn repr(th: &mut Thread, o: Value) -> R {
    guarded(th, o, "...", |th| {
        let what = match o.header().shape() {
            s if s == C::dict_keys.shape() => Shown::Key,
            s if s == C::dict_values.shape() => Shown::Value,
            _ => Shown::Item,
        };
        let mut out = StrBuilder::new();
        out.push(&th.type_name(o))?;
        out.push("([")?;
        let (mut at, mut n) = (0, 0);
        while let Some((i, k, v)) = dict::next_entry(real(o).table(), at) {
            at = i + 1;
            if n > 0 {
                out.push(", ")?;
            }
            let x = shown(th, what, k, v)?;
            push_repr(th, &mut out, x)?;
            n += 1;
        }
        out.push("])")?;
        Ok(out.finish(&mut th.heap)?)
    })
}

/// `v in view` of keys or items.
fn has(th: &mut Thread, o: Value, v: Value) -> R<bool> {
    if is_class(o, C::dict_keys) {
        return Ok(th.dict_get(over(o), v)?.is_some());
    }
    let Some(t) = v.like::<Tuple>().filter(|t| t.len() == 2) else { return Ok(false) };
    match th.dict_get(over(o), t.at(0))? {
        Some(found) => th.eq(found, t.at(1)),
        None => Ok(false),
    }
}

/// Whether every item of iterable `a` is in `b`.
fn all_in(th: &mut Thread, a: Value, b: Value) -> R<bool> {
    let it = th.iter(a)?;
    while let Some(x) = th.next(it)? {
        if !th.contains(b, x)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if !is_view(b) && b.like::<Set>().is_none() {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    check_depth(th)?;
    let (x, y) = (th.len(a)?, th.len(b)?);
    let holds = match op {
        Cmp::Eq => x == y && all_in(th, a, b)?,
        Cmp::Ne => x != y || !all_in(th, a, b)?,
        Cmp::Lt => x < y && all_in(th, a, b)?,
        Cmp::Le => x <= y && all_in(th, a, b)?,
        Cmp::Gt => x > y && all_in(th, b, a)?,
        Cmp::Ge => x >= y && all_in(th, b, a)?,
    };
    Ok(Value::bool(holds))
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    if !matches!(op, Bin::And | Bin::Or | Bin::Sub | Bin::Xor) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let left = set::from_iterable(th, a, Kinds::Set)?;
    match op {
        Bin::And => set::intersection(th, left, b, Kinds::Set),
        Bin::Or => set::update(th, left, b).map(|()| left),
        Bin::Sub => set::remove_all(th, left, b).map(|()| left),
        _ => set::toggle_all(th, left, b).map(|()| left),
    }
}

fn isdisjoint(th: &mut Thread, a: Args) -> R {
    let it = th.iter(a[1])?;
    while let Some(x) = th.next(it)? {
        if has(th, a[0], x)? {
            return Ok(Value::FALSE);
        }
    }
    Ok(Value::TRUE)
}

fn reversed(th: &mut Thread, a: Args) -> R {
    let class = match a[0].header().shape() {
        s if s == C::dict_keys.shape() => C::dict_reversekeyiterator,
        s if s == C::dict_values.shape() => C::dict_reversevalueiterator,
        _ => C::dict_reverseitemiterator,
    };
    dicts::backwards(th, class, over(a[0]))
}

// ----------------------------------------------------------------------------------------------------------- iterators

/// What an iterator or view gives of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Key,
    Value,
    Item,
}

macro_rules! iterators {
    ($($id:ident $name:literal $shown:ident $back:literal;)*) => { $(
        #[doc = concat!("`", $name, "`.")]
        pub static $id: ClassDef = ClassDef {
            name: $name,
            slots: |s| {
                s.iter = Some(|_, o| Ok(o));
                s.next = Some(|th, o| match step(th, o, $back)? {
                    Some((k, v)) => shown(th, Shown::$shown, k, v).map(Some),
                    None => Ok(None),
                });
                s.new = None;
            },
            methods: ITERATOR_METHODS,
            kind: Kind::Iter,
            ..PLAIN
        };
    )* };
}

iterators! {
    KEY_ITERATOR "dict_keyiterator" Key false;
    VALUE_ITERATOR "dict_valueiterator" Value false;
    ITEM_ITERATOR "dict_itemiterator" Item false;
    REVERSE_KEY_ITERATOR "dict_reversekeyiterator" Key true;
    REVERSE_VALUE_ITERATOR "dict_reversevalueiterator" Value true;
    REVERSE_ITEM_ITERATOR "dict_reverseitemiterator" Item true;
}

static ITERATOR_METHODS: &[Def] = &[
    def("__length_hint__", "($self, /)", hint, "Private method returning an estimate of len(list(it))."),
    def("__reduce__", "($self, /)", reduce, "Return state information for pickling."),
];

/// What a step found.
enum Found {
    Entry(Value, Value),
    End,
    Resized,
    Rekeyed,
}

fn step(th: &mut Thread, o: Value, back: bool) -> R<Option<(Value, Value)>> {
    let i = o.get::<Iter>();
    th.heap.lock(&i.h);
    let found = look(i, back);
    th.heap.unlock(&i.h);
    match found {
        Found::Entry(k, v) => Ok(Some((k, v))),
        Found::End => Ok(None),
        Found::Resized => Err(th.runtime_error("dictionary changed size during iteration")),
        Found::Rekeyed => Err(th.runtime_error("dictionary keys changed during iteration")),
    }
}

/// One step under the iterator's lock.
fn look(i: &Iter, back: bool) -> Found {
    let Some(d) = i.over.get().cast::<Dict>() else { return Found::End };
    if i.end.get() != d.len() {
        // Sticky: every further step raises too.
        i.end.set(usize::MAX);
        return Found::Resized;
    }
    let next =
        if back { dict::prev_entry(d.table(), i.at.get()) } else { dict::next_entry(d.table(), i.at.get()) };
    match next {
        None => {
            i.over.set(Value::UNBOUND);
            Found::End
        }
        Some(_) if i.step.get() == 0 => {
            i.over.set(Value::UNBOUND);
            Found::Rekeyed
        }
        Some((at, k, v)) => {
            i.at.set(if back { at } else { at + 1 });
            i.step.set(i.step.get() - 1);
            Found::Entry(k, v)
        }
    }
}

fn hint(_: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    let n = match i.over.get().cast::<Dict>() {
        Some(d) if d.len() == i.end.get() => i.step.get(),
        _ => 0,
    };
    Ok(Value::int(n as i64))
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    let rest = th.list_with(0)?;
    let twin = th.heap.iter(C::dict_keyiterator, i.over.get(), i.at.get(), i.end.get(), i.step.get())?;
    twin.header().shape.store(a[0].header().shape(), std::sync::atomic::Ordering::Release);
    th.each(twin, |th, x| Ok(crate::heap::list::push(&mut th.heap, rest.get::<List>(), x)?))?;
    super::iters::reduced(th, rest)
}
