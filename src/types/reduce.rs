//! How objects take themselves apart for `copy` and `pickle`. Invariant: what is given names only things that can be
//! found or made again: a function of `copyreg`, the class, plain state.

use super::object::{has_dict, is_member, own_attributes};
use super::{full_name, imported, stated};
use crate::heap::known::N;
use crate::heap::object::*;
use crate::heap::{Kind, Value, slots as fields};
use crate::run::class::{HEAP, class_of, lookup};
use crate::run::{Args, R, Thread, attr};

/// `object.__reduce__`.
pub fn reduce(th: &mut Thread, a: Args) -> R {
    let f = imported(th, "copyreg", "_reduce_ex")?;
    th.call(f, &[a[0], Value::int(0)])
}

/// `object.__reduce_ex__`.
pub fn reduce_ex(th: &mut Thread, a: Args) -> R {
    let protocol = th.index(a[1])?;
    if let Some(f) = stated(a[0], N::__reduce__) {
        let f = attr::bind(th, f, a[0])?;
        return th.call(f, &[]);
    }
    if protocol < 2 {
        let f = imported(th, "copyreg", "_reduce_ex")?;
        return th.call(f, &[a[0], Value::int(protocol as i64)]);
    }
    second(th, a[0])
}

/// Protocol 2 and above.
fn second(th: &mut Thread, o: Value) -> R {
    let class = class_of(o);
    let base = o.base();
    let plain = matches!(o.kind(), Kind::Instance | Kind::Exception)
        || matches!(base.kind(), Kind::List | Kind::Dict | Kind::Set);
    let ex = th.intern("__getnewargs_ex__")?;
    let (mut args, mut kwargs) = (Value::UNBOUND, Value::UNBOUND);
    if let Some(f) = lookup(class, ex) {
        let f = attr::bind(th, f, o)?;
        let got = th.call(f, &[])?;
        (args, kwargs) = arguments(th, got)?;
    } else if let Some(f) = lookup(class, N::__getnewargs__.v()) {
        let f = attr::bind(th, f, o)?;
        args = th.call(f, &[])?;
        if args.like::<Tuple>().is_none() {
            let text = format!("__getnewargs__ should return a tuple, not '{}'", th.type_name(args));
            return Err(th.type_error(text));
        }
    } else if !plain {
        let name = full_name(th, class)?;
        return Err(th.type_error(match name.strip_prefix("_io.") {
            Some(stream) => format!("cannot pickle '{stream}' instances"),
            None if name == "code" => "cannot pickle code objects".to_string(),
            None if name == "memoryview" => "cannot pickle memoryview objects".to_string(),
            None => format!("cannot pickle '{name}' object"),
        }));
    }
    let state = th.call_method(o, N::__getstate__, &[])?;
    let items = match base.kind() {
        Kind::List => th.iter(o)?,
        _ => Value::NONE,
    };
    let pairs = match base.kind() {
        Kind::Dict => {
            let items = th.call_method(o, N::items, &[])?;
            th.iter(items)?
        }
        _ => Value::NONE,
    };
    if !kwargs.is_unbound() && kwargs.base().get::<Dict>().used.get() > 0 {
        let make = imported(th, "copyreg", "__newobj_ex__")?;
        let given = th.tuple(&[class, args, kwargs])?;
        return Ok(th.tuple(&[make, given, state, items, pairs])?);
    }
    let make = imported(th, "copyreg", "__newobj__")?;
    let args = if args.is_unbound() { crate::run::call::no_args() } else { args.base() };
    let given = crate::run::inherit::prepend(th, class, args)?;
    Ok(th.tuple(&[make, given, state, items, pairs])?)
}

/// The two parts of what `__getnewargs_ex__` gave.
fn arguments(th: &mut Thread, got: Value) -> R<(Value, Value)> {
    let Some(t) = got.like::<Tuple>() else {
        let text = format!("__getnewargs_ex__ should return a tuple, not '{}'", th.type_name(got));
        return Err(th.type_error(text));
    };
    if t.len() != 2 {
        let text = format!("__getnewargs_ex__ should return a tuple of length 2, not {}", t.len());
        return Err(th.value_error(text));
    }
    for (i, which, want, right) in [
        (0, "first", "tuple", t.at(0).like::<Tuple>().is_some()),
        (1, "second", "dict", t.at(1).like::<Dict>().is_some()),
    ] {
        if !right {
            let got = th.type_name(t.at(i));
            return Err(th.type_error(format!(
                "{which} item of the tuple returned by __getnewargs_ex__ must be a {want}, not '{got}'"
            )));
        }
    }
    Ok((t.at(0), t.at(1)))
}

/// `object.__getstate__`: the attributes, the slots beside them, or None.
pub fn getstate(th: &mut Thread, a: Args) -> R {
    let o = a[0];
    let class = class_of(o);
    let c = class.get::<Class>();
    if c.bits.get().as_int() & HEAP == 0 && !has_dict(o) {
        return Ok(Value::NONE);
    }
    let members = th.heap.new_dict()?;
    let state = if has_dict(o) {
        let d = own_attributes(th, o)?;
        if fields::dict_of(o).is_none() && matches!(o.kind(), Kind::Instance | Kind::Exception) {
            // That was a fresh one, without the members.
            if d.get::<Dict>().is_empty() { Value::NONE } else { d }
        } else {
            let copy = th.heap.new_dict()?;
            let pairs = th.dict_pairs(d)?;
            let p = pairs.get::<Tuple>();
            for i in 0..p.len() / 2 {
                let (name, v) = (p.at(2 * i), p.at(2 * i + 1));
                let member = super::is_str(name) && {
                    let name = th.attr_name(name)?;
                    is_member(o, name)
                };
                th.dict_insert(if member { members } else { copy }, name, v)?;
            }
            if copy.get::<Dict>().is_empty() { Value::NONE } else { copy }
        }
    } else {
        Value::NONE
    };
    let list = th.list_with(0)?;
    let mut full = Ok(());
    if matches!(o.kind(), Kind::Instance | Kind::Exception) && fields::dict_of(o).is_none() {
        let heap = &mut th.heap;
        fields::for_each_attr(o, |name, v| {
            if is_member(o, name) && full.is_ok() {
                full = crate::heap::list::push(heap, list.get::<List>(), name)
                    .and_then(|()| crate::heap::list::push(heap, list.get::<List>(), v));
            }
        });
    }
    full?;
    let pairs = crate::heap::list::snapshot(&mut th.heap, list.get::<List>())?;
    let p = pairs.get::<Tuple>();
    for i in 0..p.len() / 2 {
        if !p.at(2 * i + 1).is_unbound() {
            th.dict_insert(members, p.at(2 * i), p.at(2 * i + 1))?;
        }
    }
    if members.get::<Dict>().used.get() == 0 { Ok(state) } else { Ok(th.tuple(&[state, members])?) }
}
