//! What natives ask of any object: text, items, iteration, dict access. Invariant: these run user code; a caller
//! that goes on afterwards re-reads whatever it held about containers.

use super::class::{class_of, lookup, slots};
use super::thread::{R, Thread};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value, dict};

/// Nesting of `repr`. Each level copies the text of those inside it, so that without a bound the native stack of
/// the main thread lets a deep structure take hours.
const DEEPEST_REPR: u32 = 10_000;

/// More items than the address space of a machine of today holds.
const MOST_ITEMS: i64 = 1 << 40;

impl Thread {
    // ------------------------------------------------------------------------------------------------------------ text

    /// `repr(v)` as a string value.
    pub fn repr(&mut self, v: Value) -> R {
        let Some(f) = slots(class_of(v)).repr else { return Ok(self.str("<object>")?) };
        if self.native_full() || self.depth >= DEEPEST_REPR {
            return Err(
                self.recursion_error("maximum recursion depth exceeded while getting the repr of an object")
            );
        }
        self.depth += 1;
        let r = f(self, v);
        self.depth -= 1;
        r
    }

    /// `str(v)` as a string value.
    pub fn str_of(&mut self, v: Value) -> R {
        if matches!(v.kind(), Kind::Str | Kind::Rope) {
            return Ok(v);
        }
        if self.native_full() {
            return Err(
                self.recursion_error("maximum recursion depth exceeded while getting the str of an object")
            );
        }
        match slots(class_of(v)).str {
            Some(f) => f(self, v),
            None => self.repr(v),
        }
    }

    /// The text of a str value (or of an instance of a subclass), lone surrogates replaced; TypeError otherwise.
    pub fn text_of(&mut self, v: Value) -> R<String> {
        let b = v.base();
        if !matches!(b.kind(), Kind::Str | Kind::Rope) {
            return Err(self.type_error(format!("expected str, got {}", self.type_name(v))));
        }
        let bytes = crate::heap::text::bytes_of(&mut self.heap, b)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// `repr(v)` as Rust text.
    pub fn repr_text(&mut self, v: Value) -> R<String> {
        let s = self.repr(v)?;
        self.text_of(s)
    }

    /// `str(v)` as Rust text.
    pub fn str_text(&mut self, v: Value) -> R<String> {
        let s = self.str_of(v)?;
        self.text_of(s)
    }

    /// An attribute name as its interned string; TypeError unless it is a str.
    pub fn attr_name(&mut self, v: Value) -> R {
        let b = v.base();
        if !matches!(b.kind(), Kind::Str | Kind::Rope) {
            let text = format!("attribute name must be string, not '{}'", self.type_name(v));
            return Err(self.type_error(text));
        }
        Ok(crate::heap::intern::intern_value(&mut self.heap, b)?)
    }

    /// An interned string.
    pub fn intern(&mut self, text: &str) -> R {
        Ok(crate::heap::intern::intern_str(&mut self.heap, text)?)
    }

    /// `format(v, spec)` with a str spec.
    pub fn format(&mut self, v: Value, spec: Value) -> R {
        if let Some(f) = slots(class_of(v)).format {
            return f(self, v, spec);
        }
        format_by_method(self, v, spec)
    }

    // ----------------------------------------------------------------------------------------------------------- items

    /// `len(v)`.
    pub fn len(&mut self, v: Value) -> R<usize> {
        match slots(class_of(v)).len {
            Some(f) => f(self, v),
            None => Err(self.type_error(format!("object of type '{}' has no len()", self.type_name(v)))),
        }
    }

    /// `o[k]`.
    pub fn getitem(&mut self, o: Value, k: Value) -> R {
        if let Some(f) = slots(class_of(o)).getitem {
            return f(self, o, k);
        }
        if o.is_kind(Kind::Class) {
            if o == C::type_.v() {
                return self.generic_alias(o, k);
            }
            if let Some(f) = lookup(o, N::__class_getitem__.v()) {
                let f = super::attr::get_descriptor(self, f, Value::NONE, o)?;
                return self.call(f, &[k]);
            }
            let text = format!("type '{}' is not subscriptable", self.class_name(o));
            return Err(self.type_error(text));
        }
        Err(self.type_error(format!("'{}' object is not subscriptable", self.type_name(o))))
    }

    /// `list[int]`: an object that remembers both.
    pub fn generic_alias(&mut self, origin: Value, args: Value) -> R {
        let args = if args.is_kind(Kind::Tuple) { args } else { self.tuple(&[args])? };
        let (v, i) = self.heap.new::<Iter>(C::generic_alias.shape(), 3, 0)?;
        i.over.set(origin);
        i.x.set(args);
        i.y.set(Value::NONE);
        Ok(v)
    }

    /// `o[k] = v`; unbound: `del o[k]`.
    pub fn setitem(&mut self, o: Value, k: Value, v: Value) -> R<()> {
        match slots(class_of(o)).setitem {
            Some(f) => f(self, o, k, v),
            None => {
                // Sequences look at the index first; what is no index they refuse in other words.
                let sequence = super::arith::is_container(o) && crate::heap::bigint::is_integer(k.base());
                if sequence && !k.is_bool() && crate::heap::bigint::to_i64(k.base()).is_none() {
                    return Err(self.index_error("cannot fit 'int' into an index-sized integer"));
                }
                let what = if v.is_unbound() && sequence {
                    "doesn't support item deletion"
                } else if v.is_unbound() {
                    "does not support item deletion"
                } else {
                    "does not support item assignment"
                };
                Err(self.type_error(format!("'{}' object {what}", self.type_name(o))))
            }
        }
    }

    /// `k in o`.
    pub fn contains(&mut self, o: Value, k: Value) -> R<bool> {
        if o.is_ptr() && o.header().shape() == C::dict.shape() {
            return Ok(self.dict_get(o, k)?.is_some());
        }
        if let Some(f) = slots(class_of(o)).contains {
            return f(self, o, k);
        }
        if slots(class_of(o)).iter.is_none() && slots(class_of(o)).getitem.is_none() {
            let text = format!("argument of type '{}' is not a container or iterable", self.type_name(o));
            return Err(self.type_error(text));
        }
        let it = self.iter(o)?;
        while let Some(v) = self.next(it)? {
            if self.eq(v, k)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    // ------------------------------------------------------------------------------------------------------- iteration

    /// `iter(v)`.
    pub fn iter(&mut self, v: Value) -> R {
        let s = slots(class_of(v));
        if let Some(f) = s.iter {
            return f(self, v);
        }
        if s.getitem.is_some() && !v.is_kind(Kind::Class) {
            return Ok(self.heap.iter(C::iterator, v, 0, 0, 0)?);
        }
        Err(self.type_error(format!("'{}' object is not iterable", self.type_name(v))))
    }

    /// `next(it)`; `None` when exhausted. A native that steps through an endless iterator can be interrupted here.
    #[inline]
    pub fn next(&mut self, it: Value) -> R<Option<Value>> {
        super::poll::native_poll(self)?;
        match slots(class_of(it)).next {
            Some(f) => f(self, it),
            None => Err(self.type_error(format!("'{}' object is not an iterator", self.type_name(it)))),
        }
    }

    /// Calls `f` with each item of the iterable.
    pub fn each(&mut self, v: Value, mut f: impl FnMut(&mut Thread, Value) -> R<()>) -> R<()> {
        let it = self.iter(v)?;
        while let Some(x) = self.next(it)? {
            f(self, x)?;
        }
        Ok(())
    }

    /// `list(v)`: a fresh list.
    pub fn to_list(&mut self, v: Value) -> R {
        match v.cast::<Tuple>() {
            Some(t) => {
                let out = self.list_with(t.len())?;
                for x in t.iter() {
                    crate::heap::list::push(&mut self.heap, out.get::<List>(), x)?;
                }
                Ok(out)
            }
            None => {
                let out = self.list_with(0)?;
                self.append_all(out.get::<List>(), v)?;
                Ok(out)
            }
        }
    }

    /// Appends the items of any iterable; those of a dict, of its views and of a set as they stand at one moment.
    pub fn append_all(&mut self, l: &List, v: Value) -> R<()> {
        if self.heap.shared && self.append_moment(l, v)? {
            return Ok(());
        }
        let it = self.iter(v)?;
        let mut n = 0usize;
        while let Some(x) = self.next(it)? {
            crate::heap::list::push(&mut self.heap, l, x)?;
            n += 1;
            if n.is_multiple_of(8192) {
                self.refuse_endless(it)?;
                super::poll::native_poll(self)?;
            }
        }
        Ok(())
    }

    /// Appends what a shared dict, a view of it or a set holds at this moment; `false` if `v` is none of them.
    fn append_moment(&mut self, l: &List, v: Value) -> R<bool> {
        use crate::heap::{list, set};
        let class = class_of(v);
        let is_set = class == C::set.v() || class == C::frozenset.v();
        if let Some(s) = v.cast::<Set>().filter(|_| is_set) {
            let (table, _) = set::snapshot(&mut self.heap, s)?;
            let mut at = 0;
            while let Some((i, k, _)) = set::next_entry(table.get::<SetTable>(), at) {
                list::push(&mut self.heap, l, k)?;
                at = i + 1;
            }
            return Ok(true);
        }
        let view = [C::dict_values, C::dict_items, C::dict_keys].into_iter().find(|c| class == c.v());
        let d = match view {
            Some(_) => v.get::<Iter>().over.get(),
            None if class == C::dict.v() => v,
            None => return Ok(false),
        };
        let Some(d) = d.cast::<Dict>() else { return Ok(false) };
        let (table, _) = dict::snapshot(&mut self.heap, d)?;
        let mut at = 0;
        while let Some((i, k, x)) = dict::next_entry(table.get::<DictTable>(), at) {
            let item = match view {
                Some(C::dict_values) => x,
                Some(C::dict_items) => self.tuple(&[k, x])?,
                _ => k,
            };
            list::push(&mut self.heap, l, item)?;
            at = i + 1;
        }
        Ok(true)
    }

    /// MemoryError if a builtin iterator says that more is to come than any memory holds.
    #[cold]
    fn refuse_endless(&mut self, it: Value) -> R<()> {
        let hint = lookup(class_of(it), N::__length_hint__.v()).filter(|f| f.is_kind(Kind::Native));
        let Some(hint) = hint else { return Ok(()) };
        let n = self.call(hint, &[it])?;
        if n.is_kind(Kind::Big) || n.is_int() && n.as_int() > MOST_ITEMS {
            return Err(crate::heap::Full.into());
        }
        Ok(())
    }

    /// `tuple(v)`: the same tuple if it is one.
    pub fn to_tuple(&mut self, v: Value) -> R {
        if v.is_kind(Kind::Tuple) {
            return Ok(v);
        }
        let list = if v.is_kind(Kind::List) { v } else { self.to_list(v)? };
        Ok(crate::heap::list::snapshot(&mut self.heap, list.get::<List>())?)
    }

    // ------------------------------------------------------------------------------------------------------------ dict

    /// A key as tables hold it: text is flat there.
    #[inline]
    pub fn key(&mut self, k: Value) -> R {
        if k.is_kind(Kind::Rope) { Ok(crate::heap::text::flat_value(&mut self.heap, k)?) } else { Ok(k) }
    }

    /// A key as tables hold it, and its folded hash; what cannot be hashed is told what it was to be.
    #[inline]
    pub fn hashed(&mut self, k: Value, what: &str) -> R<(Value, i64)> {
        let k = self.key(k)?;
        match self.hash(k) {
            Ok(h) => Ok((k, dict::fold(h))),
            Err(e) => Err(self.unhashable(k, what, e)),
        }
    }

    #[cold]
    fn unhashable(&mut self, k: Value, what: &str, e: super::thread::Raised) -> super::thread::Raised {
        if self.raised.is_unbound() || class_of(self.raised) != C::TypeError.v() {
            return e;
        }
        let cause = self.take_raised();
        match self.str_text(cause) {
            Ok(text) => self.type_error(format!("cannot use '{}' as a {what} ({text})", self.type_name(k))),
            Err(e) => e,
        }
    }

    /// `d.get(k)` on a real dict; runs `__hash__` and `__eq__`.
    pub fn dict_get(&mut self, d: Value, k: Value) -> R<Option<Value>> {
        let (k, h) = self.hashed(k, "dict key")?;
        dict::find(self, d.get::<Dict>(), h, k, |th, stored| th.eq(stored, k))
    }

    /// The value under an interned name.
    #[inline]
    pub fn dict_get_name(&self, d: Value, name: Value) -> Option<Value> {
        dict::get_name(d.get::<Dict>(), name)
    }

    /// `d[k] = v` on a real dict; runs `__hash__` and `__eq__`.
    pub fn dict_insert(&mut self, d: Value, k: Value, v: Value) -> R<()> {
        let (k, h) = self.hashed(k, "dict key")?;
        dict::insert(self, d.get::<Dict>(), h, k, v, |th, stored| th.eq(stored, k)).map(drop)
    }

    /// Removes the entry; gives its value.
    pub fn dict_remove(&mut self, d: Value, k: Value) -> R<Option<Value>> {
        let (k, h) = self.hashed(k, "dict key")?;
        dict::remove(self, d.get::<Dict>(), h, k, |th, stored| th.eq(stored, k))
    }

    /// Removes an interned name; whether it was there.
    pub fn dict_remove_name(&mut self, d: Value, name: Value) -> R<bool> {
        self.dict_remove(d, name).map(|v| v.is_some())
    }

    /// The pairs of a dict (or of a mapping with `keys` and `[]`) as one flat tuple: k, v, k, v, ...
    pub fn dict_pairs(&mut self, d: Value) -> R {
        if let Some(real) = d.like::<Dict>()
            && let Some(t) = self.pairs_at_once(real)?
        {
            return Ok(t);
        }
        let out = self.list_with(0)?;
        let l = out.get::<List>();
        if let Some(real) = d.like::<Dict>() {
            let table = real.table.get();
            let mut at = 0;
            while let Some((next, k, v)) = dict::next_entry(table.get::<DictTable>(), at) {
                at = next + 1;
                crate::heap::list::push(&mut self.heap, l, k)?;
                crate::heap::list::push(&mut self.heap, l, v)?;
            }
        } else {
            let keys = self.call_method(d, N::keys, &[])?;
            self.each(keys, |th, k| {
                let v = th.getitem(d, k)?;
                crate::heap::list::push(&mut th.heap, l, k)?;
                Ok(crate::heap::list::push(&mut th.heap, l, v)?)
            })?;
        }
        Ok(crate::heap::list::snapshot(&mut self.heap, l)?)
    }

    /// The keys and values of a dict that is as long when they are read as when room was made.
    fn pairs_at_once(&mut self, d: &Dict) -> R<Option<Value>> {
        let n = d.used.get();
        let out = self.tuple_with(2 * n)?;
        let t = out.get::<Tuple>();
        let table = d.table.get();
        let (mut i, mut at) = (0, 0);
        while let Some((next, k, v)) = dict::next_entry(table.get::<DictTable>(), at) {
            if i == n {
                return Ok(None);
            }
            at = next + 1;
            // SAFETY: i is below half the tuple's length.
            unsafe {
                t.item(2 * i).set(k);
                t.item(2 * i + 1).set(v);
            }
            i += 1;
        }
        Ok((i == n).then_some(out))
    }

    /// A new weak reference without callback.
    pub fn weak(&mut self, target: Value) -> R {
        let (v, w) = self.heap.new::<Weak>(C::weakref.shape(), 2, 0)?;
        w.callback.set(Value::NONE);
        w.hash.set(Value::UNBOUND);
        w.target.set(target.0 as usize);
        self.heap.register_weak(v);
        Ok(v)
    }

    /// A name from the builtins.
    pub fn builtin(&self, name: Value) -> Option<Value> {
        dict::get_name(S::builtins.v().get::<Dict>(), name)
    }
}

/// `v.__format__(spec)`, as `format` calls it.
pub fn format_by_method(th: &mut Thread, v: Value, spec: Value) -> R {
    let Some(f) = lookup(class_of(v), N::__format__.v()) else { return th.str_of(v) };
    let r = if super::attr::descriptor_kind(f) == super::attr::Desc::Function {
        th.call(f, &[v, spec])?
    } else {
        let f = super::attr::bind(th, f, v)?;
        th.call(f, &[spec])?
    };
    if r.like::<Str>().is_some() || r.is_kind(Kind::Rope) {
        return Ok(r);
    }
    let text = format!("__format__ must return a str, not {}", th.type_name(r));
    Err(th.type_error(text))
}
