//! The iterators of `itertools` that pass on, drop or combine items one after another. Invariant: an iterator that has
//! ended forgets its source and stays ended.

use super::itertools::{Steps, make, me, pull};
use crate::heap::known::N;
use crate::heap::object::*;
use crate::heap::{Kind, Value, list};
use crate::itertool;
use crate::run::{Bin, ClassDef, PLAIN, R, Thread, arith};
use crate::types;

/// The items of two arguments, the second of them iterated over.
fn over_second(th: &mut Thread, name: &str, cls: Value, args: Value, kwargs: Value) -> R {
    let [f, iterable] = types::positional(th, name, 2, args, kwargs)?;
    let it = th.iter(iterable)?;
    make(th, cls, |t| {
        t.a.set(it);
        t.b.set(f);
    })
}

fn holds(th: &mut Thread, f: Value, v: Value) -> R<bool> {
    let r = th.call(f, &[v])?;
    th.truth(r)
}

// ----------------------------------------------------------------------------------------------------------- compress

itertool!(COMPRESS "compress" compress_new compress_next
    "Return data elements corresponding to true selector elements.");

fn compress_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [data, selectors] = types::bind(th, "compress", ["data", "selectors"], 2, args, kwargs)?;
    let data = th.iter(data)?;
    let selectors = th.iter(selectors)?;
    make(th, cls, |t| {
        t.a.set(data);
        t.b.set(selectors);
    })
}

fn compress_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let (data, selectors) = (me(o).a.get(), me(o).b.get());
    let mut steps = Steps::default();
    loop {
        let Some(v) = pull(th, data)? else { return Ok(None) };
        let Some(s) = pull(th, selectors)? else { return Ok(None) };
        if th.truth(s)? {
            return Ok(Some(v));
        }
        steps.tick(th)?;
    }
}

// ------------------------------------------------------------------------------- dropwhile, takewhile and filterfalse

itertool!(DROPWHILE "dropwhile" dropwhile_new dropwhile_next
    "Drop items from the iterable while predicate(item) is true.\n\nAfterwards, return every element until the \
     iterable is exhausted.");

fn dropwhile_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    over_second(th, "dropwhile", cls, args, kwargs)
}

fn dropwhile_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let mut steps = Steps::default();
    loop {
        let Some(v) = pull(th, t.a.get())? else { return Ok(None) };
        if t.i.get() == 1 {
            return Ok(Some(v));
        }
        if !holds(th, t.b.get(), v)? {
            t.i.set(1);
            return Ok(Some(v));
        }
        steps.tick(th)?;
    }
}

itertool!(TAKEWHILE "takewhile" takewhile_new takewhile_next
    "Return successive entries from an iterable as long as the predicate evaluates to true for each entry.");

fn takewhile_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    over_second(th, "takewhile", cls, args, kwargs)
}

fn takewhile_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    if t.i.get() == 1 {
        return Ok(None);
    }
    let Some(v) = pull(th, t.a.get())? else { return Ok(None) };
    if holds(th, t.b.get(), v)? {
        return Ok(Some(v));
    }
    t.i.set(1);
    Ok(None)
}

itertool!(FILTERFALSE "filterfalse" filterfalse_new filterfalse_next
    "Return those items of iterable for which function(item) is false.\n\nIf function is None, return the items that \
     are false.");

fn filterfalse_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    over_second(th, "filterfalse", cls, args, kwargs)
}

fn filterfalse_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let mut steps = Steps::default();
    loop {
        let Some(v) = pull(th, t.a.get())? else { return Ok(None) };
        let f = t.b.get();
        if !(if f.is_none() { th.truth(v)? } else { holds(th, f, v)? }) {
            return Ok(Some(v));
        }
        steps.tick(th)?;
    }
}

// ------------------------------------------------------------------------------------------------------------- islice

itertool!(ISLICE "islice" islice_new islice_next
    "islice(iterable, stop) --> islice object\nislice(iterable, start, stop[, step]) --> islice object\n\nReturn an \
     iterator whose next() method returns selected values from an\niterable.");

/// A count or None (then `default`); nothing if it is neither or below 0.
fn bound(th: &mut Thread, v: Value, default: usize) -> R<Option<usize>> {
    if v.is_none() || v.is_unbound() {
        return Ok(Some(default));
    }
    let r = arith::index(th, v);
    match r {
        Ok(i) => Ok(i.is_int().then(|| i.as_int()).and_then(|i| usize::try_from(i).ok())),
        Err(_) => {
            th.take_raised();
            Ok(None)
        }
    }
}

fn islice_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [iterable, x, y, z] = types::positional(th, "islice", 2, args, kwargs)?;
    let (start, stop) = if y.is_unbound() { (Value::NONE, x) } else { (x, y) };
    let Some(stop) = bound(th, stop, usize::MAX)? else {
        let text = "Stop argument for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
        return Err(th.value_error(text));
    };
    let Some(start) = bound(th, start, 0)? else {
        let text = "Indices for islice() must be None or an integer: 0 <= x <= sys.maxsize.";
        return Err(th.value_error(text));
    };
    let Some(step) = bound(th, z, 1)?.filter(|s| *s > 0) else {
        return Err(th.value_error("Step for islice() must be a positive integer or None."));
    };
    let it = th.iter(iterable)?;
    make(th, cls, |t| {
        t.a.set(it);
        t.j.set(stop);
        t.k.set(step);
        t.l.set(start);
    })
}

fn islice_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let it = t.a.get();
    if it.is_unbound() {
        return Ok(None);
    }
    let (stop, mut steps) = (t.j.get(), Steps::default());
    while t.i.get() < t.l.get() {
        if pull(th, it)?.is_none() {
            t.a.set(Value::UNBOUND);
            return Ok(None);
        }
        t.i.set(t.i.get() + 1);
        steps.tick(th)?;
    }
    if t.i.get() >= stop {
        t.a.set(Value::UNBOUND);
        return Ok(None);
    }
    let Some(v) = pull(th, it)? else {
        t.a.set(Value::UNBOUND);
        return Ok(None);
    };
    t.i.set(t.i.get() + 1);
    t.l.set(t.l.get().saturating_add(t.k.get()).min(stop));
    Ok(Some(v))
}

// ------------------------------------------------------------------------------------------------------------ starmap

itertool!(STARMAP "starmap" starmap_new starmap_next
    "Return an iterator whose values are returned from the function evaluated with an argument tuple taken from the \
     given sequence.");

fn starmap_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    over_second(th, "starmap", cls, args, kwargs)
}

fn starmap_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let Some(v) = pull(th, t.a.get())? else { return Ok(None) };
    let args = th.to_tuple(v)?;
    th.call_ex(t.b.get(), args, Value::UNBOUND).map(Some)
}

// -------------------------------------------------------------------------------------------------------- zip_longest

itertool!(ZIP_LONGEST "zip_longest" zip_longest_new zip_longest_next
    "Return a zip_longest object whose .__next__() method returns a tuple where\nthe i-th element comes from the i-th \
     iterable argument.");

fn zip_longest_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let mut fill = Value::NONE;
    if !kwargs.is_unbound() {
        let pairs = th.dict_pairs(kwargs)?;
        let p = pairs.get::<Tuple>();
        for i in 0..p.len() / 2 {
            if th.text_of(p.at(2 * i))? != "fillvalue" {
                return Err(th.type_error("zip_longest() got an unexpected keyword argument"));
            }
            fill = p.at(2 * i + 1);
        }
    }
    let t = args.get::<Tuple>();
    let n = t.len();
    let iterators = th.array(n)?;
    for (i, v) in t.iter().enumerate() {
        let it = th.iter(v)?;
        if let Some(slot) = iterators.get::<Array>().slot(i) {
            slot.set(it);
        }
    }
    make(th, cls, |t| {
        t.a.set(iterators);
        t.b.set(fill);
        t.i.set(n);
    })
}

fn zip_longest_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let iterators = t.a.get();
    let a = iterators.get::<Array>();
    let n = a.count.get();
    if t.i.get() == 0 {
        return Ok(None);
    }
    let out = th.tuple_with(n)?;
    for i in 0..n {
        let Some(slot) = a.slot(i) else { break };
        let it = slot.get();
        let mut v = None;
        if !it.is_unbound() {
            v = match pull(th, it) {
                Ok(v) => v,
                Err(e) => {
                    t.i.set(0);
                    return Err(e);
                }
            };
            if v.is_none() && slot.cas(it, Value::UNBOUND) {
                t.i.set(t.i.get().saturating_sub(1));
                if t.i.get() == 0 {
                    return Ok(None);
                }
            }
        }
        // SAFETY: the tuple was made with n items.
        unsafe { out.get::<Tuple>().item(i) }.set(v.unwrap_or(t.b.get()));
    }
    Ok(Some(out))
}

// --------------------------------------------------------------------------------------------------------- accumulate

itertool!(ACCUMULATE "accumulate" accumulate_new accumulate_next
    "Return series of accumulated sums (or other binary function results).");

fn accumulate_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let n = args.get::<Tuple>().len();
    if n > 2 {
        let text = format!("accumulate() takes at most 2 positional arguments ({n} given)");
        return Err(th.type_error(text));
    }
    let [iterable, f, initial] =
        types::bind(th, "accumulate", ["iterable", "func", "initial"], 1, args, kwargs)?;
    let it = th.iter(iterable)?;
    make(th, cls, |t| {
        t.a.set(it);
        t.b.set(f.or(Value::NONE));
        t.d.set(if initial.is_none() { Value::UNBOUND } else { initial });
    })
}

fn accumulate_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let initial = t.d.swap(Value::UNBOUND);
    if !initial.is_unbound() {
        t.c.set(initial);
        return Ok(Some(initial));
    }
    let Some(v) = pull(th, t.a.get())? else { return Ok(None) };
    let (total, f) = (t.c.get(), t.b.get());
    let total = if total.is_unbound() {
        v
    } else if f.is_none() {
        th.binary(Bin::Add, total, v)?
    } else {
        th.call(f, &[total, v])?
    };
    t.c.set(total);
    Ok(Some(total))
}

// ----------------------------------------------------------------------------------------------- pairwise and batched

itertool!(PAIRWISE "pairwise" pairwise_new pairwise_next
    "Return an iterator of overlapping pairs taken from the input iterator.");

fn pairwise_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [iterable] = types::positional(th, "pairwise", 1, args, kwargs)?;
    let it = th.iter(iterable)?;
    make(th, cls, |t| t.a.set(it))
}

fn pairwise_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let it = t.a.get();
    if it.is_unbound() {
        return Ok(None);
    }
    let mut old = t.b.get();
    if old.is_unbound() {
        match pull(th, it)? {
            Some(v) => old = v,
            None => {
                t.a.set(Value::UNBOUND);
                return Ok(None);
            }
        }
        t.b.set(old);
    }
    let Some(new) = pull(th, it)? else {
        t.a.set(Value::UNBOUND);
        t.b.set(Value::UNBOUND);
        return Ok(None);
    };
    t.b.set(new);
    Ok(Some(th.tuple(&[old, new])?))
}

itertool!(BATCHED "batched" batched_new batched_next
    "Batch data into tuples of length n. The last batch may be shorter than n.\n\nIf \"strict\" is True, raises a \
     ValueError if the final batch is shorter\nthan n.");

fn batched_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let given = args.get::<Tuple>().len();
    if given > 2 {
        let text = format!("batched() takes at most 2 positional arguments ({given} given)");
        return Err(th.type_error(text));
    }
    let [iterable, n, strict] =
        types::bind(th, "batched", ["iterable", "n", N::strict.spelling()], 2, args, kwargs)?;
    let n = th.index(n)?;
    let strict = !strict.is_unbound() && th.truth(strict)?;
    if n < 1 {
        return Err(th.value_error("n must be at least one"));
    }
    let it = th.iter(iterable)?;
    make(th, cls, |t| {
        t.a.set(it);
        t.i.set(n as usize);
        t.j.set(strict as usize);
    })
}

fn batched_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let it = t.a.get();
    if it.is_unbound() {
        return Ok(None);
    }
    let n = t.i.get();
    let batch = th.list_with(n.min(64))?;
    let l = batch.get::<List>();
    let mut steps = Steps::default();
    while l.len() < n {
        let Some(v) = pull(th, it)? else { break };
        list::push(&mut th.heap, l, v)?;
        steps.tick(th)?;
    }
    if l.len() < n {
        t.a.set(Value::UNBOUND);
        if l.is_empty() {
            return Ok(None);
        }
        if t.j.get() == 1 {
            return Err(th.value_error("batched(): incomplete batch"));
        }
    }
    Ok(Some(list::snapshot(&mut th.heap, l)?))
}
