//! The module `_sha2`: digests that string seeds of `random` need.

use crate::heap::object::Bytes;
use crate::run::{Args, ModuleDef, R, Thread, def};
use sha2::{Digest, Sha256, Sha512};

/// `_sha2`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_sha2",
    doc: "SHA-2 digests: sha512(data).digest() is what random needs.",
    functions: &[
        def("sha512", "(data=b'', /)", sha512, "An object with digest() over the data."),
        def("sha256", "(data=b'', /)", sha256, "An object with digest() over the data."),
    ],
    fill: |_, _| Ok(()),
};

fn data(th: &mut Thread, a: Args) -> R<&'static [u8]> {
    if a[0].is_unbound() {
        return Ok(b"");
    }
    match a[0].like::<Bytes>() {
        Some(b) => Ok(b.bytes()),
        None => Err(th.type_error(format!("a bytes object is required, not '{}'", th.type_name(a[0])))),
    }
}

/// A namespace whose `digest` and `hexdigest` give the result.
fn result(th: &mut Thread, digest: &[u8]) -> R {
    use crate::heap::known::C;
    let bytes = th.bytes(digest)?;
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    let hex = th.str(&hex)?;
    let ns = th.call(C::namespace.v(), &[])?;
    for (name, v) in [("digest", bytes), ("hexdigest", hex)] {
        // A bound builtin method of the value that gives it back: bytes.__bytes__ and str.__str__.
        let method = if name == "digest" { "__bytes__" } else { "__str__" };
        let method = th.intern(method)?;
        let f = th.getattr(v, method)?;
        let key = th.intern(name)?;
        th.setattr(ns, key, f)?;
    }
    Ok(ns)
}

fn sha512(th: &mut Thread, a: Args) -> R {
    let d = Sha512::digest(data(th, a)?);
    result(th, &d)
}

fn sha256(th: &mut Thread, a: Args) -> R {
    let d = Sha256::digest(data(th, a)?);
    result(th, &d)
}
