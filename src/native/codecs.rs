//! The module `_codecs`: what `codecs` needs of the machine's own encodings. Invariant: only encodings of the machine
//! are known here; all others are the library's business.

use super::util;
use crate::heap::Value;
use crate::heap::text::StrBuilder;
use crate::run::{ModuleDef, def};
use crate::types::{self, codec};

/// `_codecs`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_codecs",
    doc: "Encodings of the machine.",
    functions: &[
        def(
            "encode",
            "(obj, encoding='utf-8', errors='strict')",
            |th, a| {
                let f = types::imported(th, "codecs", "encode")?;
                th.call(f, if a[1].is_unbound() { &a.all()[..1] } else { a.all() })
            },
            "Encodes obj using the codec registered for encoding.",
        ),
        def(
            "canonical",
            "(encoding, /)",
            |th, a| {
                let name = th.text_of(a[0])?;
                match codec::named(&name) {
                    Some(n) => types::text(th, n.full),
                    None => Ok(Value::NONE),
                }
            },
            "The full name of an encoding of the machine, or None.",
        ),
        def(
            "decode_part",
            "(data, encoding, errors, final, /)",
            |th, a| {
                let data = util::buffer(th, a[0])?;
                let (name, errors) = (th.text_of(a[1])?, th.text_of(a[2])?);
                let last = th.truth(a[3])?;
                let Some(named) = codec::named(&name) else {
                    return Err(th.lookup_error(format!("unknown encoding: {name}")));
                };
                let mut out = StrBuilder::new();
                let object = th.bytes(&data)?;
                let n = codec::decode_onto(th, &data, object, named, &errors, last, &mut out)?;
                let text = out.finish(&mut th.heap)?;
                Ok(th.tuple(&[text, Value::int(n as i64)])?)
            },
            "The text of bytes and how many were used; an incomplete end is left unless this is the final part.",
        ),
    ],
    fill: |_, _| Ok(()),
};
