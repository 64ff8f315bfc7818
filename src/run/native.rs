//! Builtin functions: one row and one Rust function each. The row's signature text gives arity, keywords,
//! error texts and `help()`. Invariant: a native sees its arguments bound, an absent optional one as unbound.

use super::thread::{R, Thread};
use crate::heap::known::C;
use crate::heap::object::{Native, Str, Tuple};
use crate::heap::value::Value;
use std::collections::HashMap;
use std::sync::Mutex;

/// Arguments of a native: they stand in the call window, `this` first for methods.
#[derive(Clone, Copy)]
pub struct Args {
    /// First argument; three words below it stands the callee.
    pub at: *const Value,
    /// How many were passed (self included); optional ones that were not are unbound up to the maximum.
    pub n: usize,
}

impl std::ops::Index<usize> for Args {
    type Output = Value;
    #[inline(always)]
    fn index(&self, i: usize) -> &Value {
        // SAFETY: the binder filled every position up to the row's maximum; variadic natives stay below `n`.
        unsafe { &*self.at.add(i) }
    }
}

impl Args {
    /// What `n` is where a loose native was called with names: its parameters stand bound, as those of any other.
    pub const NAMED: usize = u32::MAX as usize;

    /// The arguments passed.
    #[inline]
    pub fn all(&self) -> &[Value] {
        // SAFETY: `n` arguments stand in the window, which lives as long as the native runs.
        unsafe { std::slice::from_raw_parts(self.at, self.n) }
    }

    /// The arguments from the `i`th on.
    #[inline]
    pub fn rest(&self, i: usize) -> &[Value] {
        &self.all()[i.min(self.n)..]
    }

    /// The native object that was called.
    #[inline]
    pub fn callee(&self) -> &'static Native {
        // SAFETY: the callee stands at the window's start.
        unsafe { *self.at.sub(3) }.get::<Native>()
    }
}

/// A native's code.
pub type Func = fn(&mut Thread, Args) -> R;

/// One builtin function, method or class method.
pub struct Def {
    /// Name as scripts see it.
    pub name: &'static str,
    /// Parameters as `inspect` writes them: `"($self, index=-1, /)"`. `*args` and `**kwargs` arrive as a tuple and
    /// a dict. Defaults are shown only; an absent argument is unbound.
    pub sig: &'static str,
    /// The code.
    pub func: Func,
    /// First lines of `help()`.
    pub doc: &'static str,
    /// Positional arguments of any number stand as they were passed: no tuple is made of those for `*args`.
    pub loose: bool,
}

/// A row: `def("append", "($self, object, /)", list_append, "Append object to the end of the list.")`.
pub const fn def(name: &'static str, sig: &'static str, func: Func, doc: &'static str) -> Def {
    Def { name, sig, func, doc, loose: false }
}

/// A row whose last parameter is `*args`, and whose native reads its arguments by `Args::rest`.
pub const fn loose(name: &'static str, sig: &'static str, func: Func, doc: &'static str) -> Def {
    Def { name, sig, func, doc, loose: true }
}

/// Kind of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Param {
    /// Before `/`.
    Positional,
    /// Either way.
    Either,
    /// After `*`.
    Keyword,
    /// `*args`.
    Star,
    /// `**kwargs`.
    StarStar,
}

/// A parsed signature.
#[derive(Debug)]
pub struct Sig {
    /// Parameters in order: name, kind, whether a default is there.
    pub params: Vec<(String, Param, bool)>,
    /// Fewest positional arguments (self included).
    pub min: usize,
    /// Positional parameters (self included).
    pub max: usize,
    /// Most positional arguments of a plain signature: `max`, or any number of a loose one.
    pub most: usize,
    /// No keyword-only, `*` or `**` parameter: exactly `min..=most` positional arguments may be passed in place.
    pub plain: bool,
    /// No `*` or `**` parameter, and a default for every keyword-only one: without names, positional arguments may be
    /// passed in place.
    pub quick: bool,
    /// How many parameters a quick native is to find, those that were not passed unbound.
    pub fill: usize,
    /// Whether the first parameter is `$self` or `$type`.
    pub method: bool,
}

/// Parsed signatures by the address of their text.
static PARSED: Mutex<Option<HashMap<usize, &'static Sig>>> = Mutex::new(None);

impl Def {
    /// The parsed signature.
    pub fn sig(&'static self) -> &'static Sig {
        let mut table = PARSED.lock().unwrap();
        let key = std::ptr::from_ref(self) as usize;
        table.get_or_insert_default().entry(key).or_insert_with(|| {
            let mut sig = parse(self.sig);
            if self.loose {
                (sig.plain, sig.quick, sig.most, sig.fill) = (true, true, usize::MAX, sig.max);
            }
            Box::leak(Box::new(sig))
        })
    }
}

/// The parsed signature of a native object, remembered in it.
#[inline]
pub fn signature(n: &Native) -> &'static Sig {
    match n.sig.get() {
        0 => {
            // SAFETY: the address was stored from a `&'static Def`.
            let sig = unsafe { &*(n.def.get() as *const Def) }.sig();
            n.sig.set(std::ptr::from_ref(sig) as usize);
            sig
        }
        // SAFETY: the address of a leaked Sig, stored above.
        p => unsafe { &*(p as *const Sig) },
    }
}

fn parse(text: &str) -> Sig {
    let inner = text.trim().trim_start_matches('(').trim_end_matches(')');
    let (mut params, mut kind, mut method) = (Vec::new(), Param::Either, false);
    let mut depth = 0;
    let parts = inner.split(move |c: char| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    for part in parts {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        if part == "/" {
            for p in &mut params {
                let (_, k, _): &mut (String, Param, bool) = p;
                if *k == Param::Either {
                    *k = Param::Positional;
                }
            }
        } else if part == "*" {
            kind = Param::Keyword;
        } else if let Some(name) = part.strip_prefix("**") {
            params.push((name.to_string(), Param::StarStar, true));
        } else if let Some(name) = part.strip_prefix('*') {
            params.push((name.to_string(), Param::Star, true));
            kind = Param::Keyword;
        } else {
            let (name, default) = match part.split_once('=') {
                Some((n, _)) => (n.trim(), true),
                None => (part, false),
            };
            let name = match name.strip_prefix('$') {
                Some(n) => {
                    method = true;
                    n
                }
                None => name,
            };
            params.push((name.to_string(), kind, default));
        }
    }
    let positional = |p: &&(String, Param, bool)| matches!(p.1, Param::Positional | Param::Either);
    let max = params.iter().filter(positional).count();
    let min = params.iter().filter(positional).take_while(|p| !p.2).count();
    let plain = params.len() == max;
    let in_place = |p: &(String, Param, bool)| match p.1 {
        Param::Positional | Param::Either => true,
        Param::Keyword => p.2,
        Param::Star | Param::StarStar => false,
    };
    let (quick, fill) = (params.iter().all(in_place), params.len());
    Sig { params, min, max, most: max, plain, quick, fill, method }
}

impl Thread {
    /// A native function object for `def`; `this` unbound unless it is a bound builtin method, `owner` the class of
    /// a method descriptor, the module's name or None.
    pub fn native(&mut self, def: &'static Def, this: Value, owner: Value) -> R {
        let class = if this.is_unbound() && owner.is_kind(crate::heap::Kind::Class) {
            C::method_descriptor
        } else {
            C::builtin
        };
        let (v, n) = self.heap.new::<Native>(class.shape(), crate::heap::cell::ALL, 0)?;
        n.def.set(std::ptr::from_ref(def) as usize);
        n.this.set(this);
        n.owner.set(owner);
        n.sig.set(0);
        Ok(v)
    }

    /// Binds the `n` arguments at `w + 3` (the last `kw.len()` of them named by the tuple `kw`) to the parameters of
    /// `def` in place, so that each parameter has its position. Raises TypeError with CPython's texts.
    pub(super) fn bind_native(
        &mut self,
        def: &'static Def,
        sig: &'static Sig,
        w: *mut Value,
        n: usize,
        kw: Option<&Tuple>,
    ) -> R<usize> {
        // SAFETY: the window has room for every parameter: `call::room` was asked for beforehand.
        let arg = |i: usize| unsafe { &mut *w.add(3 + i) };
        let nkw = kw.map_or(0, |k| k.len());
        let npos = n - nkw;
        if nkw > 0 {
            self.refuse_names(def, sig, w, npos, nkw)?;
        }
        if sig.quick && !sig.plain && nkw == 0 && npos >= sig.min && npos <= sig.max {
            for i in npos..sig.fill {
                *arg(i) = Value::UNBOUND;
            }
            return Ok(sig.fill);
        }
        if sig.plain && nkw == 0 {
            if npos < sig.min || npos > sig.most {
                return Err(self.arity_error(def, npos, w));
            }
            for i in npos..sig.max {
                *arg(i) = Value::UNBOUND;
            }
            return Ok(npos);
        }
        let star = sig.params.iter().position(|p| p.1 == Param::Star);
        if npos > sig.max && star.is_none() {
            return Err(self.arity_error(def, npos, w));
        }
        let total = sig.params.len();
        // The passed values move above the place where the bound ones go.
        let high = total.max(n);
        for i in (0..n).rev() {
            *arg(high + i) = *arg(i);
        }
        self.top = arg(high + n);
        let extra = match star {
            Some(_) if npos > sig.max => {
                let items: &[Value] =
                    // SAFETY: the moved positional arguments stand there.
                    unsafe { std::slice::from_raw_parts(w.add(3 + high + sig.max), npos - sig.max) };
                self.tuple(items)?
            }
            _ => crate::heap::known::S::empty_tuple.v(),
        };
        let mut seen = 0;
        let mut dict = Value::UNBOUND;
        for (i, (_, kind, _)) in sig.params.iter().enumerate() {
            *arg(i) = match kind {
                Param::Positional | Param::Either if seen < npos.min(sig.max) => {
                    seen += 1;
                    *arg(high + seen - 1)
                }
                Param::Star => extra,
                Param::StarStar => {
                    dict = self.heap.new_dict()?;
                    dict
                }
                _ => Value::UNBOUND,
            };
        }
        let mut unexpected = None;
        for k in 0..nkw {
            let (key, value) = (kw.unwrap().at(k), *arg(high + npos + k));
            let text = std::str::from_utf8(key.get::<Str>().bytes()).unwrap_or("");
            match sig.params.iter().position(|p| p.0 == text && matches!(p.1, Param::Either | Param::Keyword))
            {
                Some(i) if arg(i).is_unbound() => *arg(i) = value,
                Some(i) => {
                    return Err(self.type_error(format!(
                        "argument for {}() given by name ('{text}') and position ({})",
                        def.name,
                        i + !sig.method as usize
                    )));
                }
                None if !dict.is_unbound() => self.dict_insert(dict, key, value)?,
                None if sig.params.iter().all(|p| p.1 == Param::Positional) => {
                    return Err(self
                        .type_error(format!("{}() takes no keyword arguments", self.native_label(def, w))));
                }
                None => unexpected = unexpected.or(Some(text)),
            }
        }
        for (i, (name, kind, default)) in sig.params.iter().enumerate() {
            if !default && arg(i).is_unbound() && !matches!(kind, Param::Star | Param::StarStar) {
                if *kind == Param::Positional {
                    return Err(self.arity_error(def, npos, w));
                }
                return Err(self.type_error(format!(
                    "{}() missing required argument '{name}' (pos {})",
                    def.name,
                    i + !sig.method as usize
                )));
            }
        }
        if let Some(name) = unexpected {
            if npos == 0 && star.is_some() && matches!(def.name, "max" | "min") {
                let text = format!("{} expected at least 1 argument, got 0", def.name);
                return Err(self.type_error(text));
            }
            let text = format!("{}() got an unexpected keyword argument '{name}'", def.name);
            return Err(self.type_error(text));
        }
        Ok(total)
    }

    /// Named arguments for a callee that takes none, or more arguments than parameters.
    #[cold]
    fn refuse_names(&mut self, def: &Def, sig: &Sig, w: *mut Value, npos: usize, nkw: usize) -> R<()> {
        if sig.params.iter().any(|p| p.1 == Param::StarStar) {
            return Ok(());
        }
        let own = sig.method as usize;
        if !sig.params.iter().skip(own).any(|p| matches!(p.1, Param::Either | Param::Keyword)) {
            let label = match is_wrapper(w) {
                true => format!("wrapper {}", def.name),
                false => self.native_label(def, w),
            };
            return Err(self.type_error(format!("{label}() takes no keyword arguments")));
        }
        let named = sig.params.iter().filter(|p| p.1 == Param::Keyword).count();
        if nkw > named && sig.params.iter().any(|p| p.1 == Param::Star) {
            let s = if named == 1 { "" } else { "s" };
            let text = format!("{}() takes at most {named} keyword argument{s} ({nkw} given)", def.name);
            return Err(self.type_error(text));
        }
        let (room, given) = (sig.params.len() - own, npos + nkw - own.min(npos));
        if given > room && !sig.params.iter().any(|p| p.1 == Param::Star) {
            let kind = if given == nkw { "keyword " } else { "" };
            let s = if room == 1 { "" } else { "s" };
            let text = format!("{}() takes at most {room} {kind}argument{s} ({given} given)", def.name);
            return Err(self.type_error(text));
        }
        Ok(())
    }

    /// `list.append` for a method descriptor's row, else the plain name.
    fn native_label(&self, def: &Def, w: *mut Value) -> String {
        // SAFETY: the callee stands at the window's start.
        let callee = unsafe { *w };
        match callee.cast::<Native>() {
            Some(n) if n.owner.get().is_kind(crate::heap::Kind::Class) => {
                format!("{}.{}", self.class_name(n.owner.get()), def.name)
            }
            Some(_)
                if def.sig.starts_with("($type")
                    // SAFETY: the first argument of a class method stands behind the link words.
                    && unsafe { *w.add(3) }.is_kind(crate::heap::Kind::Class) =>
            {
                // SAFETY: as above.
                format!("{}.{}", self.class_name(unsafe { *w.add(3) }), def.name)
            }
            Some(n) => match n.owner.get().cast::<Str>().map(|s| String::from_utf8_lossy(s.bytes())) {
                Some(module) if module != "builtins" => format!("{module}.{}", def.name),
                _ => def.name.to_string(),
            },
            None => def.name.to_string(),
        }
    }

    #[cold]
    fn arity_error(&mut self, def: &'static Def, n: usize, w: *mut Value) -> super::thread::Raised {
        let sig = def.sig();
        let own = sig.method as usize;
        let given = n;
        let (min, max, n) = (sig.min - own.min(sig.min), sig.max - own.min(sig.max), n - own.min(n));
        let plural = |k: usize| if k == 1 { "" } else { "s" };
        let name = def.name;
        // Parameters without a default that have no name for callers.
        let nameless = sig.params.iter().filter(|p| p.1 == Param::Positional && !p.2).count();
        let nameless = nameless - own.min(nameless);
        let mapping = sig.params.iter().any(|p| p.1 == Param::StarStar);
        let text = if is_wrapper(w) && given > 0 {
            let wanted = match (min, max) {
                (1, 2) if matches!(name, "__pow__" | "__rpow__") => "1 or 2 arguments".to_string(),
                (2, 2) => return self.type_error(format!("{name} expected 2 arguments, got {n}")),
                (1, 2) if n < 1 => {
                    return self.type_error(format!("{name} expected at least 1 argument, got {n}"));
                }
                (min, max) if min == max => format!("{max} argument{}", plural(max)),
                (min, _) if n < min => format!("at least {min} argument{}", plural(min)),
                (_, max) => format!("at most {max} argument{}", plural(max)),
            };
            format!("expected {wanted}, got {n}")
        } else if mapping && n > max {
            format!("{name} expected at most {max} argument{}, got {n}", plural(max))
        } else if !sig.plain || sig.params.iter().any(|p| p.1 == Param::Either && p.0 != "self") {
            if n > max && max == 0 {
                format!("{name}() takes no positional arguments")
            } else if n > max {
                let bound = if min == max { "exactly" } else { "at most" };
                let kind = if sig.params.iter().any(|p| p.1 == Param::Keyword) { "positional " } else { "" };
                format!("{name}() takes {bound} {max} {kind}argument{} ({n} given)", plural(max))
            } else if n < nameless {
                let bound = if nameless == max { "exactly" } else { "at least" };
                let s = plural(nameless);
                format!("{name}() takes {bound} {nameless} positional argument{s} ({n} given)")
            } else {
                let (param, _, _) = &sig.params[own + n];
                format!("{name}() missing required argument '{param}' (pos {})", n + 1)
            }
        } else if own > 0 && given == 0 {
            format!("unbound method {}() needs an argument", self.native_label(def, w))
        } else if max == 0 {
            format!("{}() takes no arguments ({n} given)", self.native_label(def, w))
        } else if min == 1 && max == 1 {
            format!("{}() takes exactly one argument ({n} given)", self.native_label(def, w))
        } else if min == max {
            format!("{name} expected {min} argument{}, got {n}", plural(min))
        } else if n < min {
            format!("{name} expected at least {min} argument{}, got {n}", plural(min))
        } else {
            format!("{name} expected at most {max} argument{}, got {n}", plural(max))
        };
        self.type_error(text)
    }
}

/// Whether the callee at the window's start is the method of a slot.
fn is_wrapper(w: *mut Value) -> bool {
    // SAFETY: the callee stands at the window's start.
    let callee = unsafe { *w };
    let Some(native) = callee.cast::<Native>() else { return false };
    let owner = native.owner.get();
    // SAFETY: the address was stored from a `&'static Def`.
    let name = unsafe { (*(native.def.get() as *const Def)).name };
    // Containers have these as methods beside their slots.
    let twice = match name {
        "__getitem__" => owner == C::dict.v() || owner == C::list.v(),
        "__contains__" => owner == C::dict.v() || owner == C::set.v() || owner == C::frozenset.v(),
        _ => false,
    };
    callee.header().shape() == C::wrapper.shape() && !twice
}
