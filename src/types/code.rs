//! Code objects as scripts see them. Invariant: everything is read from the plain code, nothing of it changes. Where
//! CPython counts bytes, a place in the code is twice the index of its word.

use super::function::plain_code as plain;
use super::{address, text};
use crate::code::data::{Const, flag};
use crate::code::op::{Op, Word};
use crate::heap::object::*;
use crate::heap::{Kind, Value, list};
use crate::run::slots::GetSet;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, def, get};

/// `code`.
pub static DEF: ClassDef = ClassDef {
    name: "code",
    doc: "A code object.",
    slots: |s| {
        s.repr = Some(repr);
        s.new = None;
    },
    methods: METHODS,
    getset: GETSET,
    kind: Kind::Code,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def(
        "co_positions",
        "($self, /)",
        positions,
        "(line, end line, column, end column) of each place in the code.",
    ),
    def(
        "_as_coroutine",
        "($self, /)",
        as_coroutine,
        "The code of a generator function, made anew so that its generators can be awaited.",
    ),
    def(
        "replace",
        "($self, /, **changes)",
        replace,
        "The code with other names, another file or other lines.",
    ),
    def("co_lines", "($self, /)", lines, "(start, end, line) of each run of places on one line."),
];

fn int(i: impl Into<i64>) -> R {
    Ok(Value::int(i.into()))
}

static GETSET: &[GetSet] = &[
    get("co_name", |_, o| Ok(o.get::<Code>().name.get()), ""),
    get("co_qualname", |_, o| Ok(o.get::<Code>().qualname.get()), ""),
    get("co_filename", |_, o| Ok(o.get::<Code>().filename.get()), ""),
    get("co_firstlineno", |_, o| int(plain(o).first_line), ""),
    get("co_argcount", |_, o| int(plain(o).argcount), ""),
    get("co_posonlyargcount", |_, o| int(plain(o).posonly), ""),
    get("co_kwonlyargcount", |_, o| int(plain(o).kwonly), ""),
    get(
        "co_nlocals",
        |th, o| {
            let t = varnames(th, o)?;
            int(t.get::<Tuple>().len() as i64)
        },
        "",
    ),
    get("co_stacksize", |_, o| int(plain(o).nregs - plain(o).nlocals.min(plain(o).nregs)), ""),
    get("co_varnames", varnames, ""),
    get("co_cellvars", |th, o| names(th, plain(o).cellvars.iter().map(|c| &*c.1)), ""),
    get("co_freevars", |th, o| names(th, plain(o).freevars.iter().map(|n| &**n)), ""),
    get("co_names", used_names, ""),
    get("co_consts", consts, ""),
    get("co_flags", flags, ""),
    get("co_code", bytes, ""),
    get("co_linetable", |th, _| Ok(th.bytes(b"")?), ""),
    get("co_exceptiontable", |th, _| Ok(th.bytes(b"")?), ""),
];

fn repr(th: &mut Thread, o: Value) -> R {
    let d = plain(o);
    text(
        th,
        format!("<code object {} at {}, file \"{}\", line {}>", d.name, address(o), d.filename, d.first_line),
    )
}

fn names<'a>(th: &mut Thread, names: impl Iterator<Item = &'a str>) -> R {
    let out = th.list_with(0)?;
    for n in names {
        let n = th.intern(n)?;
        list::push(&mut th.heap, out.get::<List>(), n)?;
    }
    Ok(list::snapshot(&mut th.heap, out.get::<List>())?)
}

/// Parameters and plain locals; other locals that live in cells are in `co_cellvars` only.
fn varnames(th: &mut Thread, o: Value) -> R {
    let d = plain(o);
    let shown = |i: usize, n: &str| {
        let hidden = n.starts_with('.') && n != ".0";
        !hidden && (i < d.nparams() || !d.cellvars.iter().any(|c| c.0 as usize == i))
    };
    names(th, d.varnames.iter().enumerate().filter(|(i, n)| shown(*i, n)).map(|(_, n)| &**n))
}

/// Names that instructions refer to, in order of appearance.
fn used_names(th: &mut Thread, o: Value) -> R {
    let d = plain(o);
    let mut found: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < d.words.len() {
        let op = Op::of(d.words[at]);
        for (k, kind) in op.row().words.iter().enumerate() {
            if *kind == Word::Name
                && let Some(Const::Name(n)) = d.consts.get(d.words[at + 1 + k] as usize)
                && !found.contains(&&**n)
            {
                found.push(n);
            }
        }
        at += op.len();
    }
    names(th, found.into_iter())
}

fn consts(th: &mut Thread, o: Value) -> R {
    let d = plain(o);
    let values = o.get::<Code>().consts.get();
    let out = th.list_with(0)?;
    for (i, c) in d.consts.iter().enumerate() {
        if !matches!(c, Const::Name(_))
            && let Some(slot) = values.get::<Array>().slot(i)
        {
            list::push(&mut th.heap, out.get::<List>(), slot.get())?;
        }
    }
    Ok(list::snapshot(&mut th.heap, out.get::<List>())?)
}

fn as_coroutine(th: &mut Thread, a: Args) -> R {
    let mut d = plain(a[0]).clone();
    d.flags |= flag::AWAITABLE;
    crate::run::load::load(th, &std::sync::Arc::new(d))
}

/// `code.replace(**changes)`: what only labels the code can change, its instructions and layout cannot.
fn replace(th: &mut Thread, a: Args) -> R {
    let mut d = plain(a[0]).clone();
    let pairs = th.dict_pairs(a[1])?;
    let t = pairs.get::<Tuple>();
    for i in 0..t.len() / 2 {
        let (name, v) = (th.text_of(t.at(2 * i))?, t.at(2 * i + 1));
        match &*name {
            "co_name" => d.name = th.text_of(v)?.into(),
            "co_qualname" => d.qualname = th.text_of(v)?.into(),
            "co_filename" => d.filename = th.text_of(v)?.into(),
            "co_firstlineno" if v.is_int() => {
                let shift = v.as_int() - i64::from(d.first_line);
                let moved = |line: u32| u32::try_from(i64::from(line) + shift).unwrap_or(0);
                d.first_line = moved(d.first_line);
                let mut positions = d.positions.to_vec();
                for p in &mut positions {
                    (p.line, p.end_line) = (moved(p.line), moved(p.end_line));
                }
                d.positions = positions.into();
            }
            _ => {
                let key = th.intern(&name)?;
                let Some(old) = th.getattr_opt(a[0], key)? else {
                    let text = format!("replace() got an unexpected keyword argument '{name}'");
                    return Err(th.type_error(text));
                };
                if !th.eq(old, v)? {
                    return Err(th.value_error(format!("{name} of minipy's code cannot be replaced")));
                }
            }
        }
    }
    crate::run::load::load(th, &std::sync::Arc::new(d))
}

/// The flags with CPython's numbers.
fn flags(_: &mut Thread, o: Value) -> R {
    let d = plain(o);
    let whole = flag::CLASS_BODY | flag::MODULE | flag::NAMESPACE;
    let mut bits = if d.flags & whole == 0 { 0x3 } else { 0 };
    for (ours, theirs) in [
        (flag::VARARGS, 0x4),
        (flag::VARKEYWORDS, 0x8),
        (flag::GENERATOR, 0x20),
        (flag::COROUTINE, 0x80),
        (flag::ASYNC_GENERATOR, 0x200),
        (flag::AWAITABLE, 0x100),
        (flag::DOCSTRING, 0x400_0000),
        (flag::METHOD, 0x800_0000),
    ] {
        if d.flags & ours != 0 {
            bits |= theirs;
        }
    }
    if d.flags & whole == 0 && d.qualname.contains("<locals>") {
        bits |= 0x10;
    }
    int(bits)
}

fn bytes(th: &mut Thread, o: Value) -> R {
    let all: Vec<u8> = plain(o).words.iter().flat_map(|w| w.to_le_bytes()).collect();
    Ok(th.bytes(&all)?)
}

fn positions(th: &mut Thread, a: Args) -> R {
    let d = plain(a[0]);
    let out = th.list_with(0)?;
    for word in 0..d.words.len() {
        let p = d.position(word as u32);
        let none = p.col == 0 && p.end_col == 0;
        let col = |c: u32| if none { Value::NONE } else { Value::int(c as i64) };
        let row = [Value::int(p.line as i64), Value::int(p.end_line as i64), col(p.col), col(p.end_col)];
        let row = th.tuple(&row)?;
        list::push(&mut th.heap, out.get::<List>(), row)?;
    }
    th.iter(out)
}

fn lines(th: &mut Thread, a: Args) -> R {
    let d = plain(a[0]);
    let out = th.list_with(0)?;
    let mut start = 0;
    while start < d.words.len() {
        let line = d.position(start as u32).line;
        let same = |i: &usize| d.position(*i as u32).line == line;
        let end = (start..d.words.len()).take_while(same).last().map_or(start + 1, |i| i + 1);
        let row = [Value::int(2 * start as i64), Value::int(2 * end as i64), Value::int(line as i64)];
        let row = th.tuple(&row)?;
        list::push(&mut th.heap, out.get::<List>(), row)?;
        start = end;
    }
    th.iter(out)
}
