//! Builtin functions over numbers and iterables.

use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, bigint, text};
use crate::run::class::{HEAP, class_of, lookup};
use crate::run::{Args, Bin, Cmp, R, Thread, Un, arith};

/// `abs(x)`.
pub fn abs(th: &mut Thread, a: Args) -> R {
    arith::unary(th, Un::Abs, a[0])
}

/// `all(iterable)`.
pub fn all(th: &mut Thread, a: Args) -> R {
    let it = th.iter(a[0])?;
    while let Some(v) = th.next(it)? {
        if !th.truth(v)? {
            return Ok(Value::FALSE);
        }
    }
    Ok(Value::TRUE)
}

/// `any(iterable)`.
pub fn any(th: &mut Thread, a: Args) -> R {
    let it = th.iter(a[0])?;
    while let Some(v) = th.next(it)? {
        if th.truth(v)? {
            return Ok(Value::TRUE);
        }
    }
    Ok(Value::FALSE)
}

fn radix(th: &mut Thread, v: Value, radix: u32, prefix: &str) -> R {
    let i = arith::index(th, v)?;
    let digits = bigint::to_radix(&mut th.heap, i, radix);
    let out = match digits.strip_prefix('-') {
        Some(d) => format!("-{prefix}{d}"),
        None => format!("{prefix}{digits}"),
    };
    Ok(th.str(&out)?)
}

/// `bin(x)`.
pub fn bin(th: &mut Thread, a: Args) -> R {
    radix(th, a[0], 2, "0b")
}

/// `oct(x)`.
pub fn oct(th: &mut Thread, a: Args) -> R {
    radix(th, a[0], 8, "0o")
}

/// `hex(x)`.
pub fn hex(th: &mut Thread, a: Args) -> R {
    radix(th, a[0], 16, "0x")
}

/// `chr(i)`.
pub fn chr(th: &mut Thread, a: Args) -> R {
    let i = arith::index(th, a[0])?;
    match bigint::to_i64(i) {
        Some(i) if (0..0x11_0000).contains(&i) => Ok(text::char_string(&mut th.heap, i as u32)?),
        _ => Err(th.value_error("chr() arg not in range(0x110000)")),
    }
}

/// `ord(c)`.
pub fn ord(th: &mut Thread, a: Args) -> R {
    let b = a[0].base();
    let n = match b.kind() {
        Kind::Str | Kind::Rope => {
            let n = text::len(b);
            if n == 1 {
                return Ok(Value::int(text::index::code_at(&mut th.heap, b, 0)? as i64));
            }
            n
        }
        Kind::Bytes => match b.get::<Bytes>().bytes() {
            [x] => return Ok(Value::int(*x as i64)),
            other => other.len(),
        },
        Kind::ByteArray => match th.len(b)? {
            1 => return th.getitem(b, Value::int(0)),
            n => n,
        },
        _ => {
            let t = th.type_name(a[0]);
            return Err(th.type_error(format!("ord() expected string of length 1, but {t} found")));
        }
    };
    Err(th.type_error(format!("ord() expected a character, but string of length {n} found")))
}

/// `divmod(x, y)`.
pub fn divmod(th: &mut Thread, a: Args) -> R {
    arith::binary(th, Bin::DivMod, a[0], a[1])
}

/// `__pow__` or `__rpow__` of script classes with three arguments.
fn scripted_pow(th: &mut Thread, a: Args) -> R<Option<Value>> {
    let (x, y, z) = (a[0], a[1], a[2]);
    for (this, name, other) in [(x, N::__pow__, y), (y, N::__rpow__, x)] {
        let class = class_of(this);
        if class.get::<Class>().bits.get().as_int() & HEAP == 0 || name == N::__rpow__ && class == class_of(x)
        {
            continue;
        }
        let Some(f) = lookup(class, name.v()) else { continue };
        let f = crate::run::attr::bind(th, f, this)?;
        let v = th.call(f, &[other, z])?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(Some(v));
        }
    }
    Ok(None)
}

/// `pow(base, exp, mod)`.
pub fn pow(th: &mut Thread, a: Args) -> R {
    if a[2].is_unbound() || a[2].is_none() {
        return arith::binary(th, Bin::Pow, a[0], a[1]);
    }
    if let Some(v) = scripted_pow(th, a)? {
        return Ok(v);
    }
    // The class of each operand is asked once, in their order.
    let class = |v: Value| match class_of(v.base()) {
        c if c == C::float.v() || c == C::complex.v() => c,
        _ if bigint::is_integer(v.base()) => C::int.v(),
        _ => Value::UNBOUND,
    };
    for i in 0..3 {
        let by = class(a[i]);
        if by.is_unbound() || (0..i).any(|j| class(a[j]) == by) {
            continue;
        }
        let v = arith::power_by(th, by, a[0], a[1], a[2])?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    let (x, y, z) = (th.type_name(a[0]), th.type_name(a[1]), th.type_name(a[2]));
    Err(th.type_error(format!("unsupported operand type(s) for ** or pow(): '{x}', '{y}', '{z}'")))
}

/// `round(number, ndigits)`.
pub fn round(th: &mut Thread, a: Args) -> R {
    let Some(f) = th.special(a[0], N::__round__)? else {
        let text = format!("type {} doesn't define __round__ method", th.type_name(a[0]));
        return Err(th.type_error(text));
    };
    if a[1].is_unbound() || a[1].is_none() { th.call(f, &[]) } else { th.call(f, &[a[1]]) }
}

/// `sorted(iterable, /, *, key=None, reverse=False)`, whose keywords are those of `list.sort`.
pub fn sorted(th: &mut Thread, a: Args) -> R {
    let args = a[0].get::<Tuple>();
    if args.len() != 1 {
        return Err(th.type_error(format!("sorted expected 1 argument, got {}", args.len())));
    }
    let out = th.list_with(0)?;
    crate::types::list::extend(th, out.get::<List>(), args.at(0))?;
    let (mut key, mut reverse) = (Value::NONE, false);
    let pairs = th.dict_pairs(a[1])?;
    let p = pairs.get::<Tuple>();
    if p.len() > 4 {
        let n = p.len() / 2;
        return Err(th.type_error(format!("sort() takes at most 2 keyword arguments ({n} given)")));
    }
    for i in 0..p.len() / 2 {
        let (name, value) = (p.at(2 * i), p.at(2 * i + 1));
        if name == N::key.v() {
            key = value;
        } else if name == N::reverse.v() {
            reverse = th.truth(value)?;
        } else {
            let text = format!("sort() got an unexpected keyword argument '{}'", th.str_text(name)?);
            return Err(th.type_error(text));
        }
    }
    crate::types::list_sort::sort(th, out.get::<List>(), key, reverse)?;
    Ok(out)
}

fn extreme(th: &mut Thread, a: Args, op: Cmp, name: &str) -> R {
    if a.n != Args::NAMED && a.n > 1 {
        let mut best = a[0];
        for v in a.rest(1) {
            if th.holds(op, *v, best)? {
                best = *v;
            }
        }
        return Ok(best);
    }
    let none = |th: &mut Thread| Err(th.type_error(format!("{name} expected at least 1 argument, got 0")));
    let (over, key, default) = match a.n {
        0 => return none(th),
        Args::NAMED => {
            let (args, key, default) = (a[0].get::<Tuple>(), a[1].or(Value::NONE), a[2]);
            match args.len() {
                0 => return none(th),
                1 => (args.at(0), key, default),
                _ if !default.is_unbound() => {
                    return Err(th.type_error(format!(
                        "Cannot specify a default for {name}() with multiple positional arguments"
                    )));
                }
                _ => return extreme_of(th, args, key, op),
            }
        }
        _ => (a[0], Value::NONE, Value::UNBOUND),
    };
    let it = th.iter(over)?;
    let mut best: Option<(Value, Value)> = None;
    while let Some(v) = th.next(it)? {
        let k = if key.is_none() { v } else { th.call(key, &[v])? };
        let better = match best {
            None => true,
            Some((_, b)) => th.holds(op, k, b)?,
        };
        if better {
            best = Some((v, k));
        }
    }
    match best {
        Some((v, _)) => Ok(v),
        None if !default.is_unbound() => Ok(default),
        None => Err(th.value_error(format!("{name}() iterable argument is empty"))),
    }
}

/// Of the arguments themselves.
fn extreme_of(th: &mut Thread, args: &Tuple, key: Value, op: Cmp) -> R {
    let of = |th: &mut Thread, v: Value| if key.is_none() { Ok(v) } else { th.call(key, &[v]) };
    let mut best = args.at(0);
    let mut most = of(th, best)?;
    for v in args.iter().skip(1) {
        let k = of(th, v)?;
        if th.holds(op, k, most)? {
            (best, most) = (v, k);
        }
    }
    Ok(best)
}

/// `max(...)`.
pub fn max(th: &mut Thread, a: Args) -> R {
    extreme(th, a, Cmp::Gt, "max")
}

/// `min(...)`.
pub fn min(th: &mut Thread, a: Args) -> R {
    extreme(th, a, Cmp::Lt, "min")
}

/// `sum(iterable, start)`: ints by plain addition, floats by Neumaier's compensated summation (CPython 3.12).
pub fn sum(th: &mut Thread, a: Args) -> R {
    let it = th.iter(a[0])?;
    let mut total = a[1].or(Value::int(0));
    match total.base().kind() {
        Kind::Str | Kind::Rope => {
            return Err(th.type_error("sum() can't sum strings [use ''.join(seq) instead]"));
        }
        Kind::Bytes => return Err(th.type_error("sum() can't sum bytes [use b''.join(seq) instead]")),
        Kind::ByteArray => return Err(th.type_error("sum() can't sum bytearray [use b''.join(seq) instead]")),
        _ => {}
    }
    // Ints come first, then doubles (or pairs of them) summed with compensation, then whatever else; never back.
    let mut ints = class_of(total) == C::int.v();
    let mut n = 0u32;
    while let Some(v) = th.next(it)? {
        n = n.wrapping_add(1);
        if n & 0xfff == 0 {
            crate::run::poll::native_poll(th)?;
        }
        if ints && let Some(t) = int_sum(total, v) {
            total = t;
            continue;
        }
        total = arith::binary(th, Bin::Add, total, v)?;
        // As long as both fit a machine word.
        let fits =
            |v: Value| v.is_int() || v.is_bool() || v.is_kind(Kind::Big) && bigint::to_i64(v).is_some();
        ints = ints && fits(v) && fits(total);
        if ints {
            continue;
        }
        if let Some(x) = as_float(total) {
            let (sum, rest) = float_sum(th, it, x)?;
            total = sum;
            let Some(v) = rest else { return Ok(total) };
            total = arith::binary(th, Bin::Add, total, v)?;
        }
        if let Some(x) = crate::types::complex::value(total) {
            let (sum, rest) = complex_sum(th, it, x)?;
            total = sum;
            let Some(v) = rest else { return Ok(total) };
            total = arith::binary(th, Bin::Add, total, v)?;
        }
        break;
    }
    while let Some(v) = th.next(it)? {
        total = arith::binary(th, Bin::Add, total, v)?;
    }
    Ok(total)
}

fn int_sum(total: Value, v: Value) -> Option<Value> {
    if !Value::both_int(total, v) {
        return None;
    }
    total.as_int().checked_add(v.as_int()).and_then(Value::try_int)
}

/// A double of class float itself.
fn as_float(v: Value) -> Option<f64> {
    crate::types::float::value(v).filter(|_| class_of(v) == C::float.v())
}

/// What counts as a double in a sum of them: floats, and ints that a machine word holds.
fn summand(v: Value) -> Option<f64> {
    if v.is_int() {
        return Some(v.as_int() as f64);
    }
    as_float(v)
        .or_else(|| bigint::to_i64(v.base()).filter(|_| bigint::is_integer(v.base())).map(|i| i as f64))
}

/// A sum of doubles and what rounding has taken from it.
struct Compensated(f64, f64);

impl Compensated {
    fn add(&mut self, x: f64) {
        let t = self.0 + x;
        self.1 += if self.0.abs() >= x.abs() { (self.0 - t) + x } else { (x - t) + self.0 };
        self.0 = t;
    }

    fn value(&self) -> f64 {
        if self.1 != 0.0 && self.1.is_finite() { self.0 + self.1 } else { self.0 }
    }
}

/// Sums floats and ints; gives the total and the first item that is neither.
fn float_sum(th: &mut Thread, it: Value, start: f64) -> R<(Value, Option<Value>)> {
    let mut sum = Compensated(start, 0.0);
    let mut rest = None;
    while let Some(v) = th.next(it)? {
        match summand(v) {
            Some(x) => sum.add(x),
            None => {
                rest = Some(v);
                break;
            }
        }
    }
    Ok((th.float(sum.value())?, rest))
}

/// Sums complex numbers, floats and ints; gives the total and the first item that is none of them.
fn complex_sum(th: &mut Thread, it: Value, start: (f64, f64)) -> R<(Value, Option<Value>)> {
    let (mut re, mut im) = (Compensated(start.0, 0.0), Compensated(start.1, 0.0));
    let mut rest = None;
    while let Some(v) = th.next(it)? {
        if let Some((x, y)) = crate::types::complex::value(v) {
            re.add(x);
            im.add(y);
        } else if let Some(x) = summand(v) {
            re.add(x);
        } else {
            rest = Some(v);
            break;
        }
    }
    Ok((th.complex(re.value(), im.value())?, rest))
}
