//! `object`: what every value has. Invariant: the default hash of an object is its identity hash, drawn from the
//! thread's sequence (for cells without room for one, from the place of the cell), and equality is identity.

use super::{address, full_name, is_str, text};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, shape, slots as fields};
use crate::run::class::{self, HEAP, OPEN, class_of, lookup, slots};
use crate::run::slots::GetSet;
use crate::run::{ClassDef, Cmp, Def, PLAIN, R, Thread, attr, def, getset};

/// `object`.
pub static DEF: ClassDef = ClassDef {
    name: "object",
    doc: "The base class of the class hierarchy.\n\nWhen called, it accepts no arguments and returns a new featureless\ninstance that has no instance attributes and cannot be given any.\n",
    slots: |s| {
        s.repr = Some(repr);
        s.str = Some(|th, o| th.repr(o));
        s.hash = Some(hash);
        s.compare = Some(compare);
        s.getattr = Some(attr::generic_get);
        s.setattr = Some(attr::generic_set);
        s.new = Some(crate::run::instance::object_new);
        s.init = Some(crate::run::instance::object_init);
    },
    methods: METHODS,
    class_methods: CLASS_METHODS,
    getset: GETSET,
    basetype: true,
    kind: Kind::Instance,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("__format__", "($self, format_spec, /)", format, "Default object formatter."),
    def("__dir__", "($self, /)", dir, "Default dir() implementation."),
    def("__sizeof__", "($self, /)", sizeof, "Size of object in memory, in bytes."),
    def("__reduce__", "($self, /)", super::reduce::reduce, "Helper for pickle."),
    def("__reduce_ex__", "($self, protocol, /)", super::reduce::reduce_ex, "Helper for pickle."),
    def("__getstate__", "($self, /)", super::reduce::getstate, "Helper for pickle."),
];

static CLASS_METHODS: &[Def] = &[
    def(
        "__init_subclass__",
        "($type, /)",
        |_, _| Ok(Value::NONE),
        "This method is called when a class is subclassed.",
    ),
    def(
        "__subclasshook__",
        "($type, object, /)",
        |_, _| Ok(Value::NOT_IMPLEMENTED),
        "Abstract classes can override this to customize issubclass().",
    ),
];

static GETSET: &[GetSet] = &[
    getset("__class__", |_, o| Ok(class_of(o)), set_class, "the object's class"),
    getset("__dict__", dict, set_dict, "dictionary for instance variables"),
];

fn repr(th: &mut Thread, o: Value) -> R {
    let name = full_name(th, class_of(o))?;
    text(th, format!("<{name} object at {}>", address(o)))
}

/// `object.__hash__`.
pub fn hash(th: &mut Thread, o: Value) -> R<i64> {
    match o.kind() {
        Kind::Instance | Kind::Exception => {
            if let Some(i) = fields::extension(o).and_then(|x| x.hash.get().bound()) {
                return Ok(i.as_int());
            }
            let fresh = th.identity_hash();
            Ok(fields::identity_hash(&mut th.heap, o, || fresh)?)
        }
        Kind::Class => Ok(o.get::<Class>().hash.get().as_int()),
        Kind::None => Ok((o.0 >> 3) as i64),
        _ => {
            let place = crate::heap::space::index_of(o) as u64;
            Ok((place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4) as i64)
        }
    }
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    match op {
        Cmp::Eq if a == b => Ok(Value::TRUE),
        Cmp::Ne => {
            // `!=` is the inverse of what the class says of `==`.
            let eq = match slots(class_of(a)).compare {
                Some(f) => f(th, Cmp::Eq, a, b)?,
                None => Value::NOT_IMPLEMENTED,
            };
            if eq == Value::NOT_IMPLEMENTED {
                return Ok(if a == b { Value::FALSE } else { eq });
            }
            Ok(Value::bool(!th.truth(eq)?))
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn format(th: &mut Thread, a: crate::run::Args) -> R {
    if !is_str(a[1]) {
        let text = format!("__format__() argument must be str, not {}", th.type_name(a[1]));
        return Err(th.type_error(text));
    }
    if th.truth(a[1])? {
        let text = format!("unsupported format string passed to {}.__format__", th.type_name(a[0]));
        return Err(th.type_error(text));
    }
    th.str_of(a[0])
}

fn sizeof(_: &mut Thread, a: crate::run::Args) -> R {
    let words = match a[0].kind() {
        Kind::Instance | Kind::Exception => class_of(a[0]).get::<Class>().instance_words.get().as_int(),
        _ => 1,
    };
    Ok(Value::int(8 + 8 * words))
}

// ---------------------------------------------------------------------------------------------------------- attributes

/// Whether the object keeps attributes of any name in a dict that scripts may see.
pub fn has_dict(o: Value) -> bool {
    match o.kind() {
        Kind::Instance => class_of(o).get::<Class>().bits.get().as_int() & OPEN != 0,
        Kind::Exception | Kind::Module | Kind::Function => true,
        Kind::Boxed => o.get::<Boxed>().x.get().is_kind(Kind::Dict),
        Kind::Property => attr::is_wrapper(o),
        _ => false,
    }
}

/// A dict of the object's own attributes: a copy, unless the object keeps a real one.
pub fn own_attributes(th: &mut Thread, o: Value) -> R {
    match o.kind() {
        Kind::Instance | Kind::Exception => {
            if let Some(d) = fields::dict_of(o) {
                return Ok(d);
            }
            let out = th.heap.new_dict()?;
            let list = th.list_with(0)?;
            let mut full = Ok(());
            let heap = &mut th.heap;
            fields::for_each_attr(o, |name, v| {
                for x in [name, v] {
                    if full.is_ok() {
                        full = crate::heap::list::push(heap, list.get::<List>(), x);
                    }
                }
            });
            full?;
            let pairs = crate::heap::list::snapshot(&mut th.heap, list.get::<List>())?;
            let p = pairs.get::<Tuple>();
            for i in 0..p.len() / 2 {
                let (name, v) = (p.at(2 * i), p.at(2 * i + 1));
                if !v.is_unbound() && !is_member(o, name) {
                    th.dict_insert(out, name, v)?;
                }
            }
            Ok(out)
        }
        Kind::Module => Ok(o.get::<Module>().dict.get()),
        Kind::Function => super::function::dict(th, o),
        Kind::Boxed if o.get::<Boxed>().x.get().is_kind(Kind::Dict) => Ok(o.get::<Boxed>().x.get()),
        Kind::Property if attr::is_wrapper(o) => attr::wrapper_dict(th, o),
        _ => Ok(th.heap.new_dict()?),
    }
}

/// Whether `name` is a `__slots__` member of the object's class.
pub fn is_member(o: Value, name: Value) -> bool {
    lookup(class_of(o), name).is_some_and(|d| attr::descriptor_kind(d) == attr::Desc::Member)
}

/// `o.__dict__`.
pub fn dict(th: &mut Thread, o: Value) -> R {
    if !has_dict(o) {
        return Err(attr::no_attribute(th, o, N::__dict__.v()));
    }
    match o.kind() {
        Kind::Instance | Kind::Exception => Ok(fields::to_dict_mode(&mut th.heap, o)?),
        _ => own_attributes(th, o),
    }
}

/// `o.__dict__ = d`.
pub fn set_dict(th: &mut Thread, o: Value, d: Value) -> R<()> {
    if !has_dict(o) || !matches!(o.kind(), Kind::Instance | Kind::Exception) {
        return Err(attr::no_attribute(th, o, N::__dict__.v()));
    }
    let d = if d.is_unbound() { th.heap.new_dict()? } else { d };
    if d.like::<Dict>().is_none() {
        let text = format!("__dict__ must be set to a dictionary, not a '{}'", th.type_name(d));
        return Err(th.type_error(text));
    }
    Ok(fields::set_dict(&mut th.heap, o, d.base())?)
}

/// `o.__class__ = c`: by way of dictionary mode, so that no cache can mistake the slots of one class for another's.
fn set_class(th: &mut Thread, o: Value, new: Value) -> R<()> {
    if new.is_unbound() {
        return Err(th.type_error("can't delete __class__ attribute"));
    }
    let Some(to) = new.cast::<Class>() else {
        let text = format!("__class__ must be set to a class, not '{}' object", th.type_name(new));
        return Err(th.type_error(text));
    };
    let old = class_of(o);
    let from = old.get::<Class>();
    let bits = |c: &Class| c.bits.get().as_int();
    let modules = o.is_kind(Kind::Module) && class::is_subclass(new, C::module.v());
    if modules && new == old {
        return Ok(());
    }
    if bits(to) & bits(from) & HEAP == 0 || !matches!(o.kind(), Kind::Instance | Kind::Exception) {
        let text = "__class__ assignment only supported for mutable types or ModuleType subclasses";
        return Err(th.type_error(text));
    }
    let root = |c: &Class| to_id(c.root_shape.get());
    let first = |c: &Class| shape::shape(root(c)).first;
    let same = to.solid.get() == from.solid.get()
        && first(to) == first(from)
        && bits(to) & bits(from) & OPEN != 0
        && !has_members(new)
        && !has_members(old);
    if !same {
        let (n, o) = (th.class_name(new), th.class_name(old));
        return Err(th.type_error(format!("__class__ assignment: '{n}' object layout differs from '{o}'")));
    }
    if new == old {
        return Ok(());
    }
    fields::to_dict_mode(&mut th.heap, o)?;
    let shape = shape::dict_mode(root(to));
    o.header().shape.store(shape, std::sync::atomic::Ordering::Release);
    Ok(())
}

fn to_id(v: Value) -> u32 {
    v.as_int() as u32
}

/// Whether any class of the linearisation has `__slots__` members.
fn has_members(class: Value) -> bool {
    let mro = class.get::<Class>().mro.get().get::<Tuple>();
    mro.iter().any(|c| {
        let c = c.get::<Class>();
        c.bits.get().as_int() & HEAP != 0 && {
            let table = c.dict.get().get::<Dict>().table.get();
            let mut at = 0;
            let mut found = false;
            while let Some((next, _, cell)) = crate::heap::dict::next_entry(table.get::<DictTable>(), at) {
                at = next + 1;
                let v = cell.get::<Cell>().value.get();
                found |= v.is_kind(Kind::Property) && v.header().shape() == C::member.shape();
            }
            found
        }
    })
}

fn dir(th: &mut Thread, a: crate::run::Args) -> R {
    let o = a[0];
    let names = th.heap.new_dict()?;
    let own = match th.getattr_opt(o, N::__dict__.v())? {
        Some(d) if d.like::<Dict>().is_some() => d,
        _ => Value::NONE,
    };
    if !own.is_none() {
        add_keys(th, names, own)?;
    }
    let class = match th.getattr_opt(o, N::__class__.v())? {
        Some(c) if c.is_kind(Kind::Class) => c,
        _ => class_of(o),
    };
    class_names(th, names, class)?;
    th.to_list(names)
}

fn add_keys(th: &mut Thread, names: Value, from: Value) -> R<()> {
    let pairs = th.dict_pairs(from)?;
    let p = pairs.get::<Tuple>();
    for i in 0..p.len() / 2 {
        th.dict_insert(names, p.at(2 * i), Value::NONE)?;
    }
    Ok(())
}

/// Adds the names of the class and its bases to the dict `names`.
pub fn class_names(th: &mut Thread, names: Value, class: Value) -> R<()> {
    let mro = class.get::<Class>().mro.get();
    let mut heap = false;
    for c in mro.get::<Tuple>().iter() {
        add_keys(th, names, c.get::<Class>().dict.get())?;
        heap |= c.get::<Class>().bits.get().as_int() & HEAP != 0;
    }
    // What builtin classes keep beside their attributes is shown where a script class has it.
    let open = class.get::<Class>().bits.get().as_int() & OPEN != 0;
    for (name, shown) in [(N::__module__, heap), (N::__dict__, heap && open), (N::__weakref__, heap && open)]
    {
        if shown {
            th.dict_insert(names, name.v(), Value::NONE)?;
        } else {
            th.dict_remove_name(names, name.v())?;
        }
    }
    Ok(())
}
