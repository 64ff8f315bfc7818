//! The meaning of the instructions when a pickle is read. Invariant: no instruction takes what stands below the last
//! mark; what a pickle claims is checked before it is used, so that bad data end in an exception.

use super::pickle_names as names;
use super::pickle_op::*;
use super::pickle_read::{Reader, bad};
use super::pickle_text::{decoded, name_line, old_string, persistent};
use crate::heap::cell::flag;
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value, bigint, list, set, text};
use crate::run::class::{class_of, lookup};
use crate::run::{R, Thread, attr, class, import, poll};

/// Instructions between two polls.
const POLL: usize = 1024;

/// Reads one pickle.
pub fn load(r: &mut Reader, th: &mut Thread) -> R {
    r.restart();
    let mut steps = 0usize;
    loop {
        let op = r.op(th)?;
        steps += 1;
        if steps.is_multiple_of(POLL) {
            poll::native_poll(th)?;
        }
        match op {
            STOP => {
                let v = r.pop(th)?;
                r.pass_shown(th)?;
                return Ok(v);
            }
            MARK => r.mark()?,
            MEMOIZE => {
                r.memoize(th)?;
            }
            BINGET => {
                let n = r.short::<1>(th)?;
                recall(r, th, n)?;
            }
            SHORT_BINUNICODE => utf8::<1>(r, th)?,
            BINUNICODE => utf8::<4>(r, th)?,
            BINUNICODE8 => utf8::<8>(r, th)?,
            BININT1 => small::<1>(r, th)?,
            BININT2 => small::<2>(r, th)?,
            BININT => {
                let i = r.short::<4>(th)? as u32 as i32;
                r.push(th, Value::int(i as i64))?;
            }
            BINFLOAT => {
                let mut b = [0; 8];
                b.copy_from_slice(r.take(th, 8)?);
                let x = th.float(f64::from_be_bytes(b))?;
                r.push(th, x)?;
            }
            NONE => r.push(th, Value::NONE)?,
            NEWTRUE => r.push(th, Value::TRUE)?,
            NEWFALSE => r.push(th, Value::FALSE)?,
            EMPTY_TUPLE => r.push(th, S::empty_tuple.v())?,
            TUPLE1 => tuple(r, th, 1)?,
            TUPLE2 => tuple(r, th, 2)?,
            TUPLE3 => tuple(r, th, 3)?,
            TUPLE => {
                let from = r.unmark(th)?;
                let t = r.pop_tuple(th, from)?;
                r.push(th, t)?;
            }
            EMPTY_LIST => {
                let v = th.list_with(0)?;
                r.push(th, v)?;
            }
            EMPTY_DICT => {
                let v = th.heap.new_dict()?;
                r.push(th, v)?;
            }
            EMPTY_SET => {
                let v = th.heap.new_set()?;
                r.push(th, v)?;
            }
            APPEND => {
                if r.height() <= r.fence() + 1 {
                    return Err(r.underflow(th));
                }
                append(r, th, r.height() - 1)?;
            }
            APPENDS => {
                let from = r.unmark(th)?;
                append(r, th, from)?;
            }
            SETITEM => {
                if r.height() <= r.fence() + 2 {
                    return Err(r.underflow(th));
                }
                set_items(r, th, r.height() - 2)?;
            }
            SETITEMS => {
                let from = r.unmark(th)?;
                set_items(r, th, from)?;
            }
            ADDITEMS => add_items(r, th)?,
            FROZENSET => {
                let from = r.unmark(th)?;
                let t = r.pop_tuple(th, from)?;
                let v = th.call(C::frozenset.v(), &[t])?;
                r.push(th, v)?;
            }
            PROTO => {
                let n = r.number(th, 1)?;
                if n > HIGHEST as u64 {
                    return Err(th.value_error(format!("unsupported pickle protocol: {n}")));
                }
                r.proto = n as u8;
                if !r.owner.is_unbound() {
                    let name = th.intern("_proto")?;
                    th.setattr(r.owner, name, Value::int(n as i64))?;
                }
            }
            FRAME => {
                let n = r.number(th, 8)?;
                let Some(n) = usize::try_from(n).ok().filter(|n| *n <= isize::MAX as usize) else {
                    let text = format!("FRAME length exceeds system's maximum of {} bytes", isize::MAX);
                    return Err(th.overflow_error(text));
                };
                r.enter(th, n)?;
            }
            STACK_GLOBAL => {
                let name = r.pop(th)?;
                let module = r.pop(th)?;
                if !text::is_text(name) || !text::is_text(module) {
                    return Err(bad(th, "STACK_GLOBAL requires str"));
                }
                let v = find(r, th, module, name)?;
                r.push(th, v)?;
            }
            NEWOBJ => newobj(r, th, false)?,
            NEWOBJ_EX => newobj(r, th, true)?,
            BUILD => build(r, th)?,
            REDUCE => {
                let args = r.pop(th)?;
                let f = r.pop(th)?;
                if args.like::<Tuple>().is_none() {
                    return Err(th.type_error("argument list must be a tuple"));
                }
                let v = th.call_ex(f, args.base(), Value::UNBOUND)?;
                r.push(th, v)?;
            }
            SHORT_BINBYTES => bytes(r, th, 1)?,
            BINBYTES => bytes(r, th, 4)?,
            BINBYTES8 => bytes(r, th, 8)?,
            _ => rarely(r, th, op)?,
        }
    }
}

/// The instructions of old protocols, and rare ones.
#[inline(never)]
fn rarely(r: &mut Reader, th: &mut Thread, op: u8) -> R<()> {
    match op {
        LONG_BINGET => {
            let n = r.number(th, 4)?;
            recall(r, th, n)
        }
        BINPUT | LONG_BINPUT => {
            let n = r.number(th, if op == BINPUT { 1 } else { 4 })?;
            let v = r.top(th)?;
            r.known.put(th, n as usize, v)
        }
        LONG1 | LONG4 => {
            let n = r.number(th, if op == LONG1 { 1 } else { 4 })?;
            if n > i32::MAX as u64 {
                return Err(bad(th, "LONG pickle has negative byte count"));
            }
            let b = r.take(th, n as usize)?;
            let v = bigint::from_bytes(&mut th.heap, b, false, true)?;
            r.push(th, v)
        }
        POP => {
            if r.unmark_top() {
                return Ok(());
            }
            r.pop(th).map(drop)
        }
        POP_MARK => {
            let n = r.unmark(th)?;
            r.cut(n);
            Ok(())
        }
        DUP => {
            let v = r.top(th)?;
            r.push(th, v)
        }
        LIST => {
            let from = r.unmark(th)?;
            let t = r.pop_tuple(th, from)?;
            let l = th.to_list(t)?;
            r.push(th, l)
        }
        DICT => {
            let from = r.unmark(th)?;
            if !(r.height() - from).is_multiple_of(2) {
                return Err(bad(th, "odd number of items for DICT"));
            }
            let d = th.heap.new_dict()?;
            for i in (from..r.height()).step_by(2) {
                th.dict_insert(d, r.item(i), r.item(i + 1))?;
            }
            r.cut(from);
            r.push(th, d)
        }
        GLOBAL => {
            let module = name_line(r, th)?;
            let name = name_line(r, th)?;
            let v = find(r, th, module, name)?;
            r.push(th, v)
        }
        INST => {
            let from = r.unmark(th)?;
            let module = name_line(r, th)?;
            let name = name_line(r, th)?;
            let class = find(r, th, module, name)?;
            let args = r.pop_tuple(th, from)?;
            instantiate(r, th, class, args)
        }
        OBJ => {
            let from = r.unmark(th)?;
            if from >= r.height() {
                return Err(r.underflow(th));
            }
            let args = r.pop_tuple(th, from + 1)?;
            let class = r.pop(th)?;
            instantiate(r, th, class, args)
        }
        EXT1 => extension(r, th, 1),
        EXT2 => extension(r, th, 2),
        EXT4 => extension(r, th, 4),
        BYTEARRAY8 => {
            let n = r.number(th, 8)?;
            let n = length(th, n, "BYTEARRAY8")?;
            let b = r.take(th, n)?;
            let b = th.bytes(b)?;
            let v = th.call(C::bytearray.v(), &[b])?;
            r.push(th, v)
        }
        BINSTRING | SHORT_BINSTRING => {
            let n = r.number(th, if op == BINSTRING { 4 } else { 1 })?;
            if n > i32::MAX as u64 {
                return Err(bad(th, "BINSTRING pickle has negative byte count"));
            }
            let b = r.take(th, n as usize)?;
            old_string(r, th, b)
        }
        BINPERSID => {
            let id = r.pop(th)?;
            persistent(r, th, id)
        }
        NEXT_BUFFER => {
            if r.buffers.is_unbound() {
                let text = "pickle stream refers to out-of-band data but no *buffers* argument was given";
                return Err(bad(th, text));
            }
            match th.next(r.buffers)? {
                Some(v) => r.push(th, v),
                None => Err(bad(th, "not enough out-of-band buffers")),
            }
        }
        READONLY_BUFFER => {
            let v = r.top(th)?;
            let view = th.call(C::memoryview.v(), &[v])?;
            let name = th.intern("readonly")?;
            let flag = th.getattr(view, name)?;
            if !th.truth(flag)? {
                let name = th.intern("toreadonly")?;
                let f = th.getattr(view, name)?;
                let v = th.call(f, &[])?;
                r.replace(r.height() - 1, v);
            }
            Ok(())
        }
        _ => super::pickle_text::lines(r, th, op),
    }
}

// ------------------------------------------------------------------------------------------------------------ pieces

/// A claimed length as a size.
fn length(th: &mut Thread, n: u64, what: &str) -> R<usize> {
    if n <= isize::MAX as u64 {
        return Ok(n as usize);
    }
    Err(th.overflow_error(format!("{what} exceeds system's maximum size of {} bytes", isize::MAX)))
}

/// Puts a numbered object on the stack.
pub fn recall(r: &mut Reader, th: &mut Thread, n: u64) -> R<()> {
    match r.known.get(th, n as usize)? {
        Some(v) => r.push(th, v),
        None => Err(bad(th, format!("Memo value not found at index {}", n as i64))),
    }
}

#[inline(always)]
fn small<const BYTES: usize>(r: &mut Reader, th: &mut Thread) -> R<()> {
    let i = r.short::<BYTES>(th)?;
    r.push(th, Value::int(i as i64))
}

fn tuple(r: &mut Reader, th: &mut Thread, n: usize) -> R<()> {
    let t = r.pop_few(th, n)?;
    r.push(th, t)
}

fn utf8<const BYTES: usize>(r: &mut Reader, th: &mut Thread) -> R<()> {
    let n = r.short::<BYTES>(th)?;
    let n = length(th, n, "BINUNICODE")?;
    let b = r.take(th, n)?;
    let v = if b.is_ascii() {
        text::of_ascii(&mut th.heap, b)?
    } else if std::str::from_utf8(b).is_ok() {
        text::of_bytes(&mut th.heap, b)?
    } else {
        decoded(th, b, "utf-8", "surrogatepass")?
    };
    r.push(th, v)
}

fn bytes(r: &mut Reader, th: &mut Thread, n: usize) -> R<()> {
    let n = r.number(th, n)?;
    let n = length(th, n, "BINBYTES")?;
    let b = r.take(th, n)?;
    let v = crate::types::bytes::make(th, b)?;
    r.push(th, v)
}

// -------------------------------------------------------------------------------------------------------- containers

fn append(r: &mut Reader, th: &mut Thread, from: usize) -> R<()> {
    if from > r.height() || from <= r.fence() {
        return Err(r.underflow(th));
    }
    if from == r.height() {
        return Ok(());
    }
    let target = r.item(from - 1);
    if target.is_kind(Kind::List) {
        let l = target.get::<List>();
        list::reserve(&mut th.heap, l, l.len() + r.height() - from)?;
        for i in from..r.height() {
            list::push(&mut th.heap, l, r.item(i))?;
        }
        r.cut(from);
        return Ok(());
    }
    let extend = th.getattr_opt(target, N::extend.v())?;
    if let Some(f) = extend {
        let t = r.pop_tuple(th, from)?;
        let l = th.to_list(t)?;
        return th.call(f, &[l]).map(drop);
    }
    let f = th.getattr(target, N::append.v())?;
    let t = r.pop_tuple(th, from)?;
    for v in t.get::<Tuple>().iter() {
        th.call(f, &[v])?;
    }
    Ok(())
}

fn set_items(r: &mut Reader, th: &mut Thread, from: usize) -> R<()> {
    if from > r.height() || from <= r.fence() {
        return Err(r.underflow(th));
    }
    if !(r.height() - from).is_multiple_of(2) {
        return Err(bad(th, "odd number of items for SETITEMS"));
    }
    let target = r.item(from - 1);
    let plain = target.is_kind(Kind::Dict) && target.header().shape() == C::dict.shape();
    if plain {
        crate::heap::dict::reserve(&mut th.heap, target.get::<Dict>(), (r.height() - from) / 2)?;
    }
    let mut i = from;
    while i + 1 < r.height() {
        let (k, v) = (r.item(i), r.item(i + 1));
        if plain {
            th.dict_insert(target, k, v)?;
        } else {
            th.setitem(target, k, v)?;
        }
        i += 2;
    }
    r.cut(from);
    Ok(())
}

fn add_items(r: &mut Reader, th: &mut Thread) -> R<()> {
    let from = r.unmark(th)?;
    if from > r.height() || from <= r.fence() {
        return Err(r.underflow(th));
    }
    let target = r.item(from - 1);
    let t = r.pop_tuple(th, from)?;
    if t.get::<Tuple>().is_empty() {
        return Ok(());
    }
    if target.is_kind(Kind::Set) && !target.header().has(flag::FROZEN) {
        for v in t.get::<Tuple>().iter() {
            let (k, h) = th.hashed(v, "set element")?;
            set::insert(th, target.get::<Set>(), h, k, |th, stored| th.eq(stored, k))?;
        }
        return Ok(());
    }
    let name = th.intern("add")?;
    let f = th.getattr(target, name)?;
    for v in t.get::<Tuple>().iter() {
        th.call(f, &[v])?;
    }
    Ok(())
}

// ----------------------------------------------------------------------------------------------------------- objects

fn instantiate(r: &mut Reader, th: &mut Thread, class: Value, args: Value) -> R<()> {
    let initial = th.intern("__getinitargs__")?;
    let v = if args.get::<Tuple>().is_empty()
        && class.is_kind(Kind::Class)
        && th.getattr_opt(class, initial)?.is_none()
    {
        let new = th.getattr(class, N::__new__.v())?;
        th.call(new, &[class])?
    } else {
        th.call_ex(class, args, Value::UNBOUND)?
    };
    r.push(th, v)
}

fn newobj(r: &mut Reader, th: &mut Thread, named: bool) -> R<()> {
    let kwargs = if named { r.pop(th)? } else { Value::UNBOUND };
    let args = r.pop(th)?;
    let class = r.pop(th)?;
    let op = if named { "NEWOBJ_EX" } else { "NEWOBJ" };
    if !class.is_kind(Kind::Class) {
        let text = format!("{op} class argument must be a type, not {}", th.type_name(class));
        return Err(bad(th, text));
    }
    let Some(new) = class::slots(class).new else {
        let text = format!("{op} class argument '{}' doesn't have __new__", th.class_name(class));
        return Err(bad(th, text));
    };
    if args.like::<Tuple>().is_none() {
        let text = format!("{op} args argument must be a tuple, not {}", th.type_name(args));
        return Err(bad(th, text));
    }
    let mut given = Value::UNBOUND;
    if named {
        let Some(d) = kwargs.like::<Dict>() else {
            let text = format!("{op} kwargs argument must be a dict, not {}", th.type_name(kwargs));
            return Err(bad(th, text));
        };
        if !d.is_empty() {
            given = kwargs.base();
        }
    }
    let v = if lookup(class, N::__new__.v()) == lookup(C::object.v(), N::__new__.v()) {
        new(th, class, args.base(), given)?
    } else {
        let f = th.getattr(class, N::__new__.v())?;
        let all = crate::run::inherit::prepend(th, class, args.base())?;
        th.call_ex(f, all, given)?
    };
    r.push(th, v)
}

fn build(r: &mut Reader, th: &mut Thread) -> R<()> {
    let mut state = r.pop(th)?;
    let o = r.top(th)?;
    let set = match lookup(class_of(o), N::__setstate__.v()) {
        None if o.is_kind(Kind::Instance)
            && lookup(class_of(o), N::__getattribute__.v())
                == lookup(C::object.v(), N::__getattribute__.v())
            && lookup(class_of(o), N::__getattr__.v()).is_none()
            && !attr::has_own(o, N::__setstate__.v()) =>
        {
            None
        }
        _ => th.getattr_opt(o, N::__setstate__.v())?,
    };
    if let Some(f) = set {
        return th.call(f, &[state]).map(drop);
    }
    let mut members = Value::NONE;
    if let Some(t) = state.like::<Tuple>().filter(|t| t.len() == 2) {
        (state, members) = (t.at(0), t.at(1));
    }
    if !state.is_none() {
        if state.like::<Dict>().is_none() {
            return Err(bad(th, "state is not a dictionary"));
        }
        set_attributes(th, o, state)?;
    }
    if !members.is_none() {
        if members.like::<Dict>().is_none() {
            return Err(bad(th, "slot state is not a dictionary"));
        }
        let pairs = th.dict_pairs(members)?;
        let p = pairs.get::<Tuple>();
        for i in 0..p.len() / 2 {
            let name = th.attr_name(p.at(2 * i))?;
            th.setattr(o, name, p.at(2 * i + 1))?;
        }
    }
    Ok(())
}

/// What `o.__dict__.update(state)` does.
fn set_attributes(th: &mut Thread, o: Value, state: Value) -> R<()> {
    let own = matches!(o.kind(), Kind::Instance | Kind::Exception) && crate::types::object::has_dict(o);
    let pairs = th.dict_pairs(state)?;
    let p = pairs.get::<Tuple>();
    let direct = own && (0..p.len() / 2).all(|i| text::is_text(p.at(2 * i)));
    if !direct {
        let d = th.getattr(o, N::__dict__.v())?;
        for i in 0..p.len() / 2 {
            let k = p.at(2 * i);
            let k = if text::is_text(k) { th.attr_name(k)? } else { k };
            th.setitem(d, k, p.at(2 * i + 1))?;
        }
        return Ok(());
    }
    for i in 0..p.len() / 2 {
        let name = th.attr_name(p.at(2 * i))?;
        attr::store_own(th, o, name, p.at(2 * i + 1), false)?;
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------------------------- names

/// The object that a module has under a name, as this reader finds it.
fn find(r: &mut Reader, th: &mut Thread, module: Value, name: Value) -> R {
    if !r.find.is_unbound() {
        return th.call(r.find, &[module, name]);
    }
    find_class(th, module, name, r.proto, r.fix)
}

/// The object that a module has under a name.
pub fn find_class(th: &mut Thread, module: Value, name: Value, proto: u8, fix: bool) -> R {
    let (mut module, mut name) = (th.attr_name(module)?, th.attr_name(name)?);
    if proto < 3 && fix {
        let (m, n) = names::new(&th.text_of(module)?, &th.text_of(name)?);
        (module, name) = (th.intern(&m)?, th.intern(&n)?);
    }
    let found = match th.dict_get_name(S::modules.v(), module) {
        Some(m) => m,
        None => {
            let full = th.text_of(module)?;
            import::import_full(th, &full)?
        }
    };
    let bytes = text::peek_bytes(name).unwrap_or(b"");
    if proto < 4 || !bytes.contains(&b'.') {
        return th.getattr(found, name);
    }
    let path = th.text_of(name)?;
    let mut at = found;
    for part in path.split('.') {
        let part = th.intern(part)?;
        let found = th.getattr(at, part);
        match th.catch(found, C::AttributeError)? {
            Some(v) => at = v,
            None => {
                let (path, module) = (th.repr_text(name)?, th.repr_text(module)?);
                let text = format!("Can't resolve path {path} on module {module}");
                return Err(th.raise(C::AttributeError, &text));
            }
        }
    }
    Ok(at)
}

fn extension(r: &mut Reader, th: &mut Thread, n: usize) -> R<()> {
    let code = r.number(th, n)?;
    if code == 0 || code > i32::MAX as u64 {
        return Err(bad(th, "EXT specifies code <= 0"));
    }
    let key = Value::int(code as i64);
    let cache = crate::types::imported(th, "copyreg", "_extension_cache")?;
    if cache.is_kind(Kind::Dict)
        && let Some(v) = th.dict_get(cache, key)?
    {
        return r.push(th, v);
    }
    let table = crate::types::imported(th, "copyreg", "_inverted_registry")?;
    let found = th.getitem(table, key);
    let Some(pair) = th.catch(found, C::KeyError)? else {
        return Err(th.value_error(format!("unregistered extension code {code}")));
    };
    let pair =
        pair.like::<Tuple>().filter(|t| t.len() == 2 && text::is_text(t.at(0)) && text::is_text(t.at(1)));
    let Some(t) = pair else {
        return Err(th.value_error(format!("_inverted_registry[{code}] isn't a 2-tuple of strings")));
    };
    let v = find(r, th, t.at(0), t.at(1))?;
    if cache.is_kind(Kind::Dict) {
        th.dict_insert(cache, key, v)?;
    }
    r.push(th, v)
}
